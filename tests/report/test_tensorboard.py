"""Records as TensorBoard reads them."""

import builtins
import json
from pathlib import Path
from typing import Any

import pytest

from outergrad.errors import InputError
from outergrad.report.tensorboard import write_events

RECORDS = {
    "ce": [
        {"time": 1.0, "stage": "ce", "kind": "epoch", "epoch": 1, "train_ce": 2.5, "best": True},
        {"time": 2.5, "stage": "ce", "kind": "epoch", "epoch": 2, "train_ce": 1.5, "rate": None},
    ],
    "mmi": [
        {"time": 3.0, "stage": "mmi", "kind": "evaluation", "updates": 40, "wer": 12.5},
        {
            "time": 4.0,
            "stage": "mmi",
            "kind": "statistics",
            "staleness": {"outer": {"median": 3, "all": [1, 2]}},
        },
    ],
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run" / "records").mkdir(parents=True)
    for stage, records in RECORDS.items():
        text = "".join(json.dumps(record) + "\n" for record in records)
        (tmp_path / "run" / "records" / f"{stage}.jsonl").write_text(text)
    return tmp_path / "run"


def read(folder: Path) -> dict[str, list[tuple[float, int, float]]]:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = accumulator.EventAccumulator(str(folder))
    found.Reload()
    return {
        tag: [(e.wall_time, e.step, e.value) for e in found.Scalars(tag)]
        for tag in found.Tags()["scalars"]
    }


def test_every_number_is_there_at_its_step(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    assert write_events(run, tmp_path / "logs") == 7
    assert read(tmp_path / "logs") == {
        "ce/epoch/epoch": [(1.0, 1, 1.0), (2.5, 2, 2.0)],
        "ce/epoch/train_ce": [(1.0, 1, 2.5), (2.5, 2, 1.5)],
        "mmi/evaluation/updates": [(3.0, 40, 40.0)],
        "mmi/evaluation/wer": [(3.0, 40, 12.5)],
        "mmi/statistics/staleness/outer/median": [(4.0, 0, 3.0)],
    }


def test_a_second_export_replaces_the_first_and_nothing_else(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    write_events(run, tmp_path / "logs")
    (tmp_path / "logs" / "events.out.tfevents.1.other").write_bytes(b"")
    (run / "records" / "mmi.jsonl").unlink()
    write_events(run, tmp_path / "logs")
    files = sorted(path.suffix for path in (tmp_path / "logs").iterdir())
    assert files == [".other", ".outergrad"]
    assert set(read(tmp_path / "logs")) == {"ce/epoch/epoch", "ce/epoch/train_ce"}


def test_a_run_without_records_is_named(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    with pytest.raises(InputError, match="nothing is recorded"):
        write_events(tmp_path, tmp_path / "logs")
    assert not (tmp_path / "logs").exists()


def test_the_missing_extra_is_named(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("tensorboard"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install 'outergrad\[tensorboard\]'"):
        write_events(run, tmp_path / "logs")
