import dataclasses
import errno
import json
import signal
from pathlib import Path

import numpy as np
import pytest
import toy_problem as toy

from outergrad.engine.events import Notice
from outergrad.engine.snapshots import Snapshot, SnapshotStore
from outergrad.engine.training import train
from outergrad.errors import InputError, RunError
from outergrad.ps.partition import Partition
from outergrad.ps.rules import Momentum, RuleConfig
from outergrad.ps.server import ParameterServer
from outergrad.workers.config import AsyncConfig, ScheduleConfig
from outergrad.workers.program import Factory


def snapshot(value):
    values = np.full(10, value, np.float32)
    server = ParameterServer(values, Partition.even(10, 3), Momentum())
    server.push(np.ones(10, np.float32), server.versions, 1.0)
    return Snapshot(server.state(), values, {"value": value})


def test_a_snapshot_comes_back_whole(tmp_path):
    store = SnapshotStore(tmp_path)
    saved = snapshot(3.0)
    store.save(1, saved)
    loaded = store.load(pytest.fail)
    assert np.array_equal(loaded.server.values, saved.server.values)
    velocity = saved.server.rule_state["velocity"]
    assert np.array_equal(loaded.server.rule_state["velocity"], velocity)
    assert np.array_equal(loaded.best, saved.best)
    assert loaded.server.partition == saved.server.partition
    assert loaded.server.versions == (1, 1, 1)
    assert loaded.run == {"value": 3.0}


def test_the_newest_two_are_kept(tmp_path):
    store = SnapshotStore(tmp_path)
    for number in (1, 2, 10):
        store.save(number, snapshot(float(number)))
    assert sorted(path.name[-2:] for path in tmp_path.iterdir()) == ["02", "10"]
    assert store.load(pytest.fail).run == {"value": 10.0}


def tear(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def swap_bit(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def older_format(path):
    table = json.loads(path.read_text())
    path.write_text(json.dumps(table | {"format": 0}))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("parameters.safetensors", tear),
        ("parameters.safetensors", swap_bit),
        ("parameters.safetensors", Path.unlink),
        ("state.json", tear),
        ("state.json", older_format),
        ("state.json", Path.unlink),
    ],
)
def test_of_a_damaged_snapshot_the_one_before_is_used_with_a_notice(tmp_path, name, damage):
    store = SnapshotStore(tmp_path)
    store.save(1, snapshot(1.0))
    damage(store.save(2, snapshot(2.0)) / name)
    notices = []
    assert store.load(notices.append).run == {"value": 1.0}
    assert len(notices) == 1
    assert "snapshot-0000000002" in notices[0]
    assert "damaged" in notices[0]


def names(directory):
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize("damage", [tear, older_format])
def test_a_run_that_starts_anew_keeps_its_own_snapshots_not_damaged_newer_ones(tmp_path, damage):
    earlier = SnapshotStore(tmp_path)
    for number in (100, 200):
        damage(earlier.save(number, snapshot(float(number))) / "state.json")
    store = SnapshotStore(tmp_path)
    assert store.load(lambda notice: None) is None
    store.save(10, snapshot(10.0))
    assert names(tmp_path) == ["snapshot-0000000010"]
    store.save(20, snapshot(20.0))
    store.save(30, snapshot(30.0))
    assert names(tmp_path) == ["snapshot-0000000020", "snapshot-0000000030"]
    assert SnapshotStore(tmp_path).load(pytest.fail).run == {"value": 30.0}


def test_a_damaged_newer_snapshot_does_not_push_out_the_one_to_fall_back_on(tmp_path):
    earlier = SnapshotStore(tmp_path)
    earlier.save(100, snapshot(100.0))
    tear(earlier.save(200, snapshot(200.0)) / "state.json")
    store = SnapshotStore(tmp_path)
    store.load(lambda notice: None)
    store.save(150, snapshot(150.0))
    assert names(tmp_path) == ["snapshot-0000000100", "snapshot-0000000150"]


def test_saved_again_under_its_number_a_snapshot_is_there_once(tmp_path):
    store = SnapshotStore(tmp_path)
    for value in (1.0, 2.0, 3.0):
        store.save(5 if value > 1 else 1, snapshot(value))
    assert names(tmp_path) == ["snapshot-0000000001", "snapshot-0000000005"]
    assert store.load(pytest.fail).run == {"value": 3.0}


def test_without_a_snapshot_there_is_none(tmp_path):
    assert SnapshotStore(tmp_path / "none").load(pytest.fail) is None


def test_a_full_disk_is_a_run_error_and_keeps_what_was_there(tmp_path, monkeypatch):
    store = SnapshotStore(tmp_path)
    store.save(1, snapshot(1.0))

    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("outergrad.engine.snapshots._write_synced", full)
    with pytest.raises(RunError, match="No space left"):
        store.save(2, snapshot(2.0))
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot-0000000001"]
    assert store.load(pytest.fail).run == {"value": 1.0}


class InterruptedInner(toy.ToyInner):
    """Presses Ctrl-C in the midst of a step."""

    steps = 0

    def gradient(self, batch):
        InterruptedInner.steps += 1
        if InterruptedInner.steps == 30:
            signal.raise_signal(signal.SIGINT)
        return super().gradient(batch)


CONFIG = AsyncConfig(
    slots=4,
    rule=RuleConfig("momentum", momentum=0.5),
    schedule=ScheduleConfig(rate=0.02, epochs=3, patience=1000),
)


@pytest.mark.parametrize("shards", [4, 7])
def test_a_run_interrupted_by_ctrl_c_is_resumed(tmp_path, shards, monkeypatch):
    monkeypatch.setattr(InterruptedInner, "steps", 0)
    # This module is not importable by name, but the serial engine does not need to.
    monkeypatch.setattr(toy, "InterruptedInner", InterruptedInner, raising=False)
    program = toy.program(inner=Factory("toy_problem:InterruptedInner"))
    with pytest.raises(KeyboardInterrupt):
        train(program, CONFIG, "serial", snapshots=tmp_path)
    saved = SnapshotStore(tmp_path).load(pytest.fail)
    # The step that was under way is complete.
    assert saved.server.versions == (30,) * 4

    events = []
    config = dataclasses.replace(CONFIG, shards=shards)
    result = train(toy.program(), config, "serial", events.append, snapshots=tmp_path, resume=True)
    assert events[0] == Notice("resumed after 30 updates")
    counts = result.visits
    assert counts.completed + counts.failed == 3 * len(toy.UTTERANCES)
    assert counts.handed == counts.completed + counts.failed + counts.lost
    assert 0 < counts.lost <= CONFIG.slots
    assert result.updates > 30
    assert result.evaluations[0].request.number == saved.run["coordinator"]["evaluations"]["number"]
    assert result.best.held_out.criterion > 0.8 * np.log(1 / toy.PDFS)


def test_a_finished_run_resumed_has_nothing_left_to_do(tmp_path):
    first = train(toy.program(), CONFIG, "serial", snapshots=tmp_path)
    again = train(toy.program(), CONFIG, "serial", snapshots=tmp_path, resume=True)
    assert np.array_equal(again.parameters, first.parameters)
    assert np.array_equal(again.last, first.last)
    assert (again.updates, again.visits, again.best) == (first.updates, first.visits, first.best)
    assert again.seconds >= first.evaluations[-1].request.time


def test_a_snapshot_of_another_job_is_refused(tmp_path):
    train(toy.program(), CONFIG, "serial", snapshots=tmp_path)
    fewer = toy.program(utterances=toy.UTTERANCES[1:])
    with pytest.raises(InputError, match="other training utterances"):
        train(fewer, CONFIG, "serial", snapshots=tmp_path, resume=True)
    longer = toy.program(parameters=np.zeros(21, np.float32))
    with pytest.raises(InputError, match="20 parameters"):
        train(longer, CONFIG, "serial", snapshots=tmp_path, resume=True)


def test_a_run_that_is_not_to_be_resumed_says_what_becomes_of_good_snapshots(tmp_path):
    longer = dataclasses.replace(CONFIG, schedule=ScheduleConfig(rate=0.02, epochs=4))
    before = train(toy.program(), longer, "serial", snapshots=tmp_path)
    events = []
    result = train(toy.program(), CONFIG, "serial", events.append, snapshots=tmp_path)
    assert result.updates < before.updates
    assert events[0].text.startswith(f"{tmp_path}: what is there is not resumed")
    assert names(tmp_path) == [f"snapshot-{result.updates:010d}"]
    again = train(toy.program(), CONFIG, "serial", snapshots=tmp_path, resume=True)
    assert np.array_equal(again.last, result.last)


def test_until_a_new_run_has_a_snapshot_the_good_ones_of_an_earlier_one_stay(tmp_path):
    train(toy.program(), CONFIG, "serial", snapshots=tmp_path)
    kept = names(tmp_path)
    broken = toy.program(outer=Factory("toy_problem:NoSuchThing"))
    with pytest.raises(InputError, match="NoSuchThing"):
        train(broken, CONFIG, "serial", snapshots=tmp_path)
    assert names(tmp_path) == kept
