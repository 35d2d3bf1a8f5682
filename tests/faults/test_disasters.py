"""Snapshots torn or mixed, disks full, clocks that jump, servers killed: the promised outcomes."""

import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import toy_problem as toy

from outergrad.engine.events import Notice
from outergrad.engine.snapshots import Snapshot, SnapshotStore
from outergrad.engine.training import train
from outergrad.errors import RunError
from outergrad.ps.server import ServerState
from outergrad.records import RecordWriter, read_records
from outergrad.workers.config import AsyncConfig, ScheduleConfig

EPOCHS = 4
CONFIG = AsyncConfig(slots=4, schedule=ScheduleConfig(rate=0.05, epochs=EPOCHS, patience=1000))
VISITS = EPOCHS * len(toy.UTTERANCES)


def adds_up(result):
    counts = result.visits
    assert counts.completed + counts.failed == VISITS
    assert counts.handed == VISITS + counts.lost


def climbed(result):
    assert result.best.held_out.criterion > 0.8 * np.log(1 / toy.PDFS)


def interrupted(folder, at=1):
    """A run that Ctrl-C ends after `at` epochs, with its snapshot in `folder`."""

    def press(event):
        if getattr(event, "evaluation", None) and event.evaluation.request.number == at:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(toy.program(), CONFIG, "serial", press, snapshots=folder, resume=True)
    return SnapshotStore(folder).load(pytest.fail)


def resumed(folder, events=None):
    listener = None if events is None else events.append
    return train(toy.program(), CONFIG, "serial", listener, snapshots=folder, resume=True)


def test_one_shard_older_than_its_siblings(tmp_path):
    """Its entries and its version are those of an earlier snapshot; training goes on."""
    early = interrupted(tmp_path / "one", at=1)
    late = interrupted(tmp_path / "two", at=2)
    bounds = late.server.partition.bounds
    values = late.server.values.copy()
    values[bounds[1] : bounds[2]] = early.server.values[bounds[1] : bounds[2]]
    versions = list(late.server.versions)
    versions[1] = early.server.versions[1]
    assert versions[1] < versions[0]
    mixed = ServerState(values, late.server.rule_state, late.server.partition, tuple(versions))
    SnapshotStore(tmp_path / "mixed").save(10**9, Snapshot(mixed, late.best, late.run))
    with RecordWriter(tmp_path / "records.jsonl", "mmi") as records:
        result = train(
            toy.program(),
            CONFIG,
            "serial",
            records=records,
            snapshots=tmp_path / "mixed",
            resume=True,
        )
    adds_up(result)
    climbed(result)
    for push in read_records(tmp_path / "records.jsonl", "push"):
        assert push["outer_age_updates"] >= push["inner_age_updates"] >= 0


def test_pushes_before_a_resume_are_counted(tmp_path):
    """Shards start to count anew, the run does not."""
    saved = interrupted(tmp_path, at=1)
    assert saved.run["pushes"]["applied"] == saved.run["coordinator"]["updates"] * CONFIG.shards
    result = resumed(tmp_path)
    assert result.updates > saved.run["coordinator"]["updates"]
    assert result.pushes.applied == result.updates * CONFIG.shards


def test_a_snapshot_without_counts_of_pushes_can_be_resumed(tmp_path):
    """Earlier versions wrote none."""
    saved = interrupted(tmp_path / "new", at=1)
    run = {key: value for key, value in saved.run.items() if key != "pushes"}
    SnapshotStore(tmp_path / "old").save(1, dataclasses.replace(saved, run=run))
    adds_up(resumed(tmp_path / "old"))


def test_a_torn_snapshot_costs_the_time_since_the_one_before(tmp_path):
    interrupted(tmp_path, at=1)
    interrupted(tmp_path, at=2)
    newest = max(tmp_path.glob("snapshot-*"))
    data = (newest / "parameters.safetensors").read_bytes()
    (newest / "parameters.safetensors").write_bytes(data[: len(data) // 2])
    events = []
    result = resumed(tmp_path, events)
    texts = [event.text for event in events if isinstance(event, Notice)]
    assert any("damaged snapshot" in text for text in texts)
    assert any(text.startswith("resumed after") for text in texts)
    adds_up(result)
    climbed(result)


def test_a_full_disk_ends_the_run_and_what_was_saved_goes_on(tmp_path, monkeypatch):
    interrupted(tmp_path, at=1)

    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("outergrad.engine.snapshots._write_synced", full)
        with pytest.raises(RunError, match="cannot write the snapshot: No space left"):
            resumed(tmp_path)
    assert not list(tmp_path.glob(".draft-*"))
    result = resumed(tmp_path)
    adds_up(result)
    climbed(result)


def test_records_on_a_full_disk_end_the_run_with_a_reason():
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with pytest.raises(RunError, match="/dev/full: cannot write records"):
        train(toy.program(), CONFIG, "serial", records=_FullDisk())


class _FullDisk(RecordWriter):
    """Writes to a device that is always full, which no file can be opened on as usual."""

    def __init__(self):
        self.path = Path("/dev/full")
        self._stage = "mmi"
        self._file = os.open("/dev/full", os.O_WRONLY)


@pytest.mark.parametrize("engine", ["serial", "simulated"])
def test_a_clock_that_jumps_changes_no_bit_and_no_age_is_negative(engine, tmp_path):
    def jumping():
        """Back by a thousand seconds, on by a million, and back again."""
        calls = 0
        while True:
            calls += 1
            offset = {200: -1000.0, 400: 1e6, 600: -1e6}.get(calls // 100 * 100, 0.0)
            yield calls * 1e-3 + offset

    steady = train(toy.program(), CONFIG, engine)
    clock = jumping()
    path = tmp_path / "records.jsonl"
    with RecordWriter(path, "mmi") as records:
        result = train(toy.program(), CONFIG, engine, records=records, clock=lambda: next(clock))
    adds_up(result)
    assert np.array_equal(result.last, steady.last)
    pushes = list(read_records(path, "push"))
    times = [push["time"] for push in pushes]
    assert times == sorted(times)
    assert all(push["outer_age_seconds"] >= push["inner_age_seconds"] >= 0 for push in pushes)


class Power(Exception):
    """It went off."""


def recorded(folder, *, off_at=None):
    """A run with records and a trace in `folder`, without power from evaluation `off_at` on.

    Its clock ticks, so that snapshots and what is lost after them are the same each time.
    """

    def listen(event):
        if getattr(event, "evaluation", None) and event.evaluation.request.number == off_at:
            raise Power

    ticks = iter(range(10**9))
    config = dataclasses.replace(CONFIG, slots=1, snapshot_seconds=0.5)
    with (
        RecordWriter(folder / "records.jsonl", "mmi") as records,
        RecordWriter(folder / "trace.jsonl", "mmi") as trace,
    ):
        return train(
            toy.program(),
            config,
            "serial",
            listen,
            records=records,
            trace=trace,
            snapshots=folder / "snapshots",
            resume=True,
            clock=lambda: next(ticks) * 1e-3,
        )


def test_nothing_is_recorded_twice_after_a_resume(tmp_path):
    """What came after the last snapshot happens again; only that is taken out of the records."""
    with RecordWriter(tmp_path / "records.jsonl", "mmi") as before:
        before.write("push", 1e6, updates=0)  # of another run that is none of this one's business
    with pytest.raises(Power):
        recorded(tmp_path, off_at=3)
    saved = SnapshotStore(tmp_path / "snapshots").load(pytest.fail).run
    done = saved["coordinator"]["updates"]
    paths = tmp_path / "records.jsonl", tmp_path / "trace.jsonl"
    assert max(r["updates"] for r in read_records(paths[0], "push")) > done > 0
    for path in paths:
        with path.open("a") as file:
            file.write('{"time": 3, "ki')
    result = recorded(tmp_path)

    pushes = list(read_records(paths[0], "push"))
    assert [push["updates"] for push in pushes] == list(range(result.updates + 1))
    assert pushes[0]["time"] == 1e6
    evaluations = [r["updates"] for r in read_records(paths[0], "evaluation")]
    assert evaluations == sorted(set(evaluations))
    outers = list(read_records(paths[0], "outer"))
    # Outer gradients that waited or were in a slot at the snapshot are computed once more.
    assert VISITS <= len(outers) <= result.visits.handed
    for path in paths:
        times = [r["time"] for r in read_records(path) if r["kind"] != "evaluation"]
        assert times[1:] == sorted(times[1:])
    traced = [line["kind"] for line in read_records(paths[1])]
    assert traced.count("resumed") == 1
    assert traced.count("push") == result.updates


SERVER = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
from pathlib import Path
import test_disasters as test
import toy_problem as toy
from outergrad.engine.events import Evaluated
from outergrad.engine.training import train
import dataclasses, os, signal

def die(event):
    if isinstance(event, Evaluated) and event.evaluation.request.number == 2:
        os.kill(os.getpid(), signal.SIGKILL)

config = dataclasses.replace(test.CONFIG, snapshot_seconds=0.0)
train(toy.program(), config, "local", die, snapshots=Path(sys.argv[2]))
"""


def test_a_killed_coordinator_is_resumed_from_its_last_snapshot(tmp_path):
    paths = json.dumps([str(Path(__file__).parent), str(Path(toy.__file__).parent)])
    command = [sys.executable, "-c", SERVER, paths, str(tmp_path)]
    died = subprocess.run(command, capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL
    saved = SnapshotStore(tmp_path).load(pytest.fail)
    assert saved.run["coordinator"]["updates"] > 0
    config = dataclasses.replace(CONFIG, shards=3)
    result = train(toy.program(), config, "local", snapshots=tmp_path, resume=True)
    adds_up(result)
    climbed(result)
    # It ends where an undisturbed run ends: the problem is concave, the order is what differs.
    undisturbed = train(toy.program(), CONFIG, "serial")
    assert result.best.held_out.criterion == pytest.approx(
        undisturbed.best.held_out.criterion, abs=0.05
    )
