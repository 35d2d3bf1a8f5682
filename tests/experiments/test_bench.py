"""Cells on real stages: tone speech, costs measured by a training, virtual time."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest

from outergrad.errors import DivergedError
from outergrad.experiments.bench import DnnRecipe, RunBench
from outergrad.experiments.cell import Cell, CellResult
from outergrad.experiments.choices import asynchronous
from outergrad.progress import Silent
from outergrad.recipes.calibration import Calibration
from outergrad.recipes.settings import Inputs, read_config
from outergrad.records import RecordWriter

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


def test_cells_side_by_side_are_the_same_cells(inputs: Inputs, tmp_path: Path) -> None:
    config = read_config(SMALL, ["ce.max_epochs=2", "sequence.training.slots=4"])

    class Heard(Silent):
        notes: ClassVar[list[str]] = []

        def note(self, text: str) -> None:
            self.notes.append(text)

    one = RunBench(tmp_path / "one", inputs, config, (1,), False, Silent())
    two = RunBench(tmp_path / "two", inputs, config, (1,), False, Heard(), jobs=2)
    cells = [
        Cell(f"{count} replicas", 1, {"engine": "simulated", "sequence.training.replicas": count})
        for count in (1, 3)
    ]
    cells = [*cells, Cell("frames", 1, stage="ce"), replace(cells[0], label="again")]
    plain, beside = one.run(cells), two.run(cells)
    assert [result.cell for result in beside] == cells
    assert [result.evaluations for result in beside] == [result.evaluations for result in plain]
    ends = [[e["heldout_ce"] for e in result.epochs] for result in plain]
    assert [[e["heldout_ce"] for e in result.epochs] for result in beside] == ends
    assert list(map(len, ends)) == [0, 0, 2, 0]
    assert beside[3].digest == beside[0].digest
    said = [note for note in Heard.notes if note.startswith("◆")]
    assert said[0] == "◆ 3 cells, 2 at a time"
    assert [note.split(",")[0] for note in said[1:]] == [f"◆ {k} of 3 done" for k in (1, 2, 3)]
    assert "3 replicas, seed 1" in "".join(said)


def test_a_training_that_ran_away_stays_a_result(
    inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell, tried = Cell("too fast", 1, {"engine": "serial"}, test=True), []

    def diverges(recipe: DnnRecipe, stage: str) -> None:
        tried.append(stage)
        with RecordWriter(recipe.directory.records / "mmi.jsonl", "mmi") as writer:
            for time, value in enumerate((-0.1, -9.0)):
                writer.write("evaluation", float(time), criterion=value)
        raise DivergedError("training diverged again")

    monkeypatch.setattr(DnnRecipe, "through", diverges)
    monkeypatch.setattr(RunBench, "_shared", lambda *_: (tmp_path / "base", []))

    def again() -> CellResult:
        config = read_config(SMALL, [])
        (found,) = RunBench(tmp_path, inputs, config, (1,), False, Silent(), jobs=2).run([cell])
        return found

    first = again()
    assert first.failed == "training diverged again"
    assert first.gain == 0.0
    assert first.curve("criterion") == ([0.0, 1.0], [-0.1, -9.0])
    # From its last snapshot it might have ended well.
    assert again() == first
    assert tried == ["mmi"]
