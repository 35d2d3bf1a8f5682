"""Cells on real stages: tone speech, costs measured by a training, virtual time."""

from pathlib import Path
from types import ModuleType

import pytest

from outergrad.experiments.bench import RunBench
from outergrad.experiments.cell import Cell
from outergrad.experiments.choices import asynchronous
from outergrad.progress import Silent
from outergrad.recipes.calibration import Calibration
from outergrad.recipes.settings import Inputs, read_config

SMALL = Path(__file__).parent.parent / "small.toml"


@pytest.fixture(scope="module")
def inputs(tones: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """Speech of five speakers and a lexicon."""
    folder = tmp_path_factory.mktemp("bench-data")
    tones.write_corpus(folder, {"train": (60, 5), "test": (8, 5)}, seed=4)
    return Inputs.of(train=folder / "train", test=folder / "test", lexicon=folder / "lexicon.txt")


def test_cells_share_what_comes_before_them_and_are_kept(inputs: Inputs, tmp_path: Path) -> None:
    config = read_config(SMALL, ["ce.max_epochs=4", "sequence.training.slots=4"])
    bench = RunBench(tmp_path, inputs, config, (1,), False, Silent())
    known = bench.calibration()
    assert isinstance(known, Calibration)
    assert known.hours > 0.0
    assert min(known.decode) > 0.0
    cells = [
        Cell("ten", 1, asynchronous(bench, 10), test=True),
        Cell("sMBR", 1, {**asynchronous(bench, 1), "criteria": ["smbr"]}, frames=True),
    ]
    ten, smbr = bench.run(cells)
    assert ten.usable, ten.failed
    assert smbr.usable, smbr.failed
    assert ten.evaluations[0]["criterion"] == pytest.approx(ten.curve("criterion")[1][0])
    assert ten.summary["utterances"]["visits"] == 48
    assert {system for system, _ in ten.errors} == {"ce", "mmi"}
    assert len(ten.errors["mmi", "trigram"]) == 8
    assert set(smbr.frame_errors) == {"ce", "smbr"}
    assert smbr.errors == {}
    for cell in cells:
        folder = bench.folder(cell)
        assert folder.parent == tmp_path / "cells"
        assert (folder / "ce").resolve() == (bench.base(1) / "ce").resolve()

    # Another bench, the next day: nothing is trained or measured again.
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    again = RunBench(tmp_path, inputs, config, (1,), False, Silent())
    assert again.calibration() == known
    assert [r.evaluations for r in again.run(cells)] == [ten.evaluations, smbr.evaluations]
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
