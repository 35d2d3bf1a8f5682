"""Curves for TensorBoard, read back with its own reader."""

import importlib.util
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from outergrad.errors import InputError, RunError
from outergrad.recipes.recording import recording
from outergrad.records import read_records
from outergrad.report.tensorboard import TensorboardSink, require_tensorboard, write_curves

needed = pytest.mark.skipif(
    importlib.util.find_spec("tensorboard") is None, reason="needs the extra `tensorboard`"
)

Read = Callable[[Path], dict[str, list[tuple[int, float]]]]


@pytest.fixture
def curves() -> Read:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
        events = EventAccumulator(str(folder))
        events.Reload()
        return {
            tag: [(event.step, pytest.approx(event.value)) for event in events.Scalars(tag)]
            for tag in events.Tags()["scalars"]
        }

    return read


def outer(value: float, frames: int, reason: str | None = None) -> dict[str, Any]:
    return {"value": value, "frames": frames, "reason": reason}


def push(updates: int, age: float, *, norm: float | None, clipped: bool) -> dict[str, Any]:
    ages = {
        f"{who}_age_{unit}": age for who in ("outer", "inner") for unit in ("updates", "seconds")
    }
    return {"updates": updates, "norm": norm, "clipped": clipped, **ages}


EVALUATION = {"criterion": -0.5, "wer": 12.0, "frame_error": 30.0, "rate": 1e-3}


@needed
def test_a_sequence_training_as_curves_over_updates(tmp_path: Path, curves: Read) -> None:
    sink = TensorboardSink(tmp_path, itertools.count(1000.0).__next__)
    sink.write("evaluation", 0.0, updates=0, **EVALUATION)
    sink.write("outer", 0.0, **outer(-2.0, 10))
    sink.write("outer", 0.2, **outer(-4.0, 20))
    sink.write("outer", 0.3, **outer(float("nan"), 50, "no final state reached"))
    sink.write("push", 0.4, **push(1, 4.0, norm=3.0, clipped=False))
    sink.write("push", 0.8, **push(2, 8.0, norm=5.0, clipped=True))
    # Two seconds after the first: what came before is averaged.
    sink.write("outer", 2.0, **outer(-1.0, 10))
    sink.write("push", 2.5, **push(3, 1.0, norm=None, clipped=False))
    sink.write("gap", 2.6, gap=-0.25)
    sink.write("restart", 2.7, role="decoder")
    sink.write("unknown", 2.8, anything=1)
    sink.write("evaluation", 3.0, updates=3, **EVALUATION | {"criterion": None, "rate": 1e-4})
    sink.close()
    assert curves(tmp_path) == {
        "train/criterion": [(2, -6.0 / 30), (3, -0.1)],
        "speed/utterances": [(2, 1.5)],
        "speed/updates": [(2, 1.0)],
        "gradient/norm": [(2, 4.0)],
        "gradient/clipped": [(2, 0.5), (3, 0.0)],
        **{
            f"age/{who}_{unit}": [(2, 6.0), (3, 1.0)]
            for who in ("outer", "inner")
            for unit in ("updates", "seconds")
        },
        "gap/per_frame": [(3, -0.25)],
        "workers/restarts": [(3, 1.0)],
        "held_out/criterion": [(0, -0.5)],
        "held_out/wer": [(0, 12.0), (3, 12.0)],
        "held_out/frame_error": [(0, 30.0), (3, 30.0)],
        "train/rate": [(0, 1e-3), (3, 1e-4)],
    }


@needed
def test_what_came_after_the_last_snapshot_is_not_there_twice(tmp_path: Path, curves: Read) -> None:
    def evaluated(sink: TensorboardSink, updates: int, wer: float) -> None:
        sink.write("evaluation", 0.0, updates=updates, **{**EVALUATION, "wer": wer})

    killed = TensorboardSink(tmp_path, lambda: 1.0)
    for updates, wer in ((0, 12.0), (10, 11.0), (20, 10.0)):
        evaluated(killed, updates, wer)
    killed.close()
    # Files are read in the order of their names, which begin with the second they were made in.
    (file,) = tmp_path.iterdir()
    file.rename(tmp_path / "events.out.tfevents.0000000001.killed")
    resumed = TensorboardSink(tmp_path, lambda: 2.0)
    resumed.write("resumed", 0.0, updates=10)
    # Before the first push: not at step 0.
    resumed.write("outer", 0.0, **outer(-2.0, 10))
    resumed.write("outer", 2.0, **outer(-2.0, 10))
    evaluated(resumed, 19, 9.0)
    resumed.close()
    expected = [(0, 12.0), (10, 11.0), (19, 9.0)]
    assert curves(tmp_path)["held_out/wer"] == expected
    assert {step for step, _ in curves(tmp_path)["train/criterion"]} == {10}
    # The reader of the program itself is another one.
    from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [event.step for event in events.Tensors("held_out/wer")] == [0, 10, 19]


@needed
def test_evaluations_can_be_seen_while_it_runs(tmp_path: Path, curves: Read) -> None:
    sink = TensorboardSink(tmp_path, lambda: 0.0)
    sink.write("evaluation", 0.0, updates=7, **EVALUATION)
    assert curves(tmp_path)["held_out/wer"] == [(7, 12.0)]
    sink.close()


@needed
def test_ce_as_curves_over_epochs_resumed_and_begun_anew(tmp_path: Path, curves: Read) -> None:
    def train(epoch: int, ce: float, *, resumed: bool, tensorboard: bool = True) -> None:
        with recording(tmp_path, "ce", resumed=resumed, tensorboard=tensorboard) as records:
            records.write(
                "epoch",
                1.0,
                epoch=epoch,
                train_ce=2.0,
                heldout_ce=ce,
                heldout_frame_error=40.0,
                rate=0.05,
            )

    folder = tmp_path / "tensorboard" / "ce"
    train(1, 3.0, resumed=False)
    train(2, 2.5, resumed=True)
    assert curves(folder)["held_out/ce"] == [(1, 3.0), (2, 2.5)]
    assert set(curves(folder)) == {
        "train/ce",
        "held_out/ce",
        "held_out/frame_error",
        "train/rate",
    }
    assert len(list(read_records(tmp_path / "records" / "ce.jsonl"))) == 2
    train(1, 3.5, resumed=False, tensorboard=False)
    assert not folder.exists()
    assert len(list(read_records(tmp_path / "records" / "ce.jsonl"))) == 1


@needed
def test_a_folder_that_cannot_be_made_is_an_error_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot write curves"):
        TensorboardSink(tmp_path / "file" / "ce", lambda: 0.0)


def test_without_the_package_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install '\.\[tensorboard\]'") as caught:
        require_tensorboard()
    assert "\n" not in str(caught.value)


@needed
def test_an_export_has_the_curves_that_the_training_would_have_written(
    tmp_path: Path, curves: Read
) -> None:
    run = tmp_path / "run"
    with recording(run, "mmi", resumed=False, tensorboard=True) as records:
        records.write("evaluation", 0.0, updates=0, **EVALUATION)
        records.write("push", 0.4, **push(1, 4.0, norm=3.0, clipped=False))
        records.write("push", 1.8, **push(2, 8.0, norm=5.0, clipped=True))
        records.write("evaluation", 2.0, updates=2, **{**EVALUATION, "wer": 11.0})
    assert write_curves(run, tmp_path / "out") == 4
    live = curves(run / "tensorboard" / "mmi")
    assert curves(tmp_path / "out" / "mmi") == live
    assert [step for step, _ in live["held_out/wer"]] == [0, 2]
    (tmp_path / "out" / "mmi" / "events.out.tfevents.1.other").write_bytes(b"")
    write_curves(run, tmp_path / "out")
    suffixes = sorted(path.suffix for path in (tmp_path / "out" / "mmi").iterdir())
    assert suffixes == [".other", ".outergrad"], "replaces its own file and no other"


@needed
def test_records_of_an_older_version_lack_curves_and_nothing_else(
    tmp_path: Path, curves: Read
) -> None:
    run = tmp_path / "run"
    with recording(run, "mmi", resumed=False, tensorboard=False) as records:
        records.write("push", 0.4, outer_age_updates=4.0)
        records.write("evaluation", 2.0, updates=2, **EVALUATION)
    write_curves(run, tmp_path / "out")
    found = curves(tmp_path / "out" / "mmi")
    assert found["age/outer_updates"] == [(0, 4.0)]
    assert "gradient/norm" not in found


@needed
def test_nothing_to_export_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing is recorded"):
        write_curves(tmp_path, tmp_path / "out")
    with pytest.raises(InputError, match="no such run"):
        write_curves(tmp_path / "absent", tmp_path / "out")
