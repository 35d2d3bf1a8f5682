"""The simulated engine: virtual time, the same bits, costs that add up."""

import hashlib
import itertools
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import toy_problem as toy

from outergrad.engine.engines import make_engine
from outergrad.engine.events import Statistics
from outergrad.engine.simulated.config import Cost, NetworkCost, SimulatedConfig
from outergrad.engine.simulated.cores import Cores
from outergrad.engine.simulated.sources import Shared, TimedOuter
from outergrad.engine.simulated.world import World
from outergrad.engine.training import train
from outergrad.ps.rules import RuleConfig
from outergrad.records import RecordWriter, read_records
from outergrad.workers.config import AsyncConfig, FetchPolicy, ScheduleConfig
from outergrad.workers.program import Factory

SCHEDULE = ScheduleConfig(rate=0.05, epochs=3, patience=1000)
CLUSTER = SimulatedConfig(
    decode=Cost(fixed=0.05, measured=(0.01, 0.02, 0.04)),
    step=Cost(fixed=0.01, frame=0.001),
    evaluate=Cost(fixed=1.0),
    network=NetworkCost(latency=1e-3, jitter=1e-3, bandwidth=1e5, serve=1e-4, update=1e-6),
    speed_spread=0.2,
)


def simulate(config, costs=CLUSTER, program=None, **arguments):
    return train(program or toy.program(), config, make_engine("simulated", costs), **arguments)


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize(
    "policy", [FetchPolicy(), FetchPolicy("updates", 10), FetchPolicy("never")]
)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"slots": 1},
        {"queue": 1},
        {"n_fetch": 3, "n_push": 2},
        {"rule": RuleConfig("momentum", momentum=0.5)},
    ],
    ids=lambda settings: "-".join(settings) or "plain",
)
def test_one_worker_without_costs_is_the_serial_loop_bit_for_bit(shards, policy, settings):
    config = AsyncConfig(
        **{"shards": shards, "slots": 4, "fetch": policy, "schedule": SCHEDULE} | settings
    )
    serial = train(toy.program(), config, "serial")
    simulated = simulate(config, SimulatedConfig())
    assert np.array_equal(simulated.last, serial.last)
    assert np.array_equal(simulated.parameters, serial.parameters)
    assert simulated.updates == serial.updates
    assert [e.held_out for e in simulated.evaluations] == [e.held_out for e in serial.evaluations]
    assert simulated.visits == serial.visits
    assert simulated.seconds == 0
    assert simulated.outer.updates == serial.outer.updates


def test_a_source_that_keeps_things_learns_how_new_its_parameters_are():
    config = AsyncConfig(slots=4, schedule=SCHEDULE)
    last = {}
    for updates in (0, 40, 10**9):
        program = toy.program(outer=Factory.of(toy.ToyAged, updates=updates))
        serial = train(program, config, "serial")
        assert np.array_equal(simulate(config, SimulatedConfig(), program).last, serial.last)
        last[updates] = serial.last
    # Otherwise it would not have mattered.
    assert not np.array_equal(last[0], last[40])
    assert not np.array_equal(last[40], last[10**9])


def test_what_a_shared_source_keeps_is_the_decoders_own():
    source = toy.ToyAged(updates=10)
    costs, utterance = SimulatedConfig(), toy.UTTERANCES[0]
    shared, cores = Shared(source), Cores(World(), 0)
    one, other = (TimedOuter(shared, costs.decode, cores, costs) for _ in range(2))
    first, second = (np.full(toy.DIM * toy.PDFS, value, np.float32) for value in (0.0, 1.0))
    one.load(first)
    one.seen(5)
    kept = one.compute(utterance)
    other.load(second)
    other.seen(6)
    assert other.compute(utterance) is not kept
    # Its updates are its own, too: those of the other do not make the kept one too old.
    other.seen(30)
    assert one.compute(utterance) is kept
    one.load(second)
    one.seen(15)
    assert one.compute(utterance) is not kept


MANY = AsyncConfig(replicas=5, decoders=2, slots=3, queue=2, schedule=SCHEDULE, seed=3)

SCRIPT = """
import hashlib, json, sys
sys.path[:0] = json.loads(sys.argv[1])
import test_simulated as test
print(test.fingerprint())
"""


def fingerprint():
    """Everything that a run computes, as one short text."""
    result = simulate(MANY)
    text = repr((result.seconds, result.updates, result.outer, result.inner, result.evaluations))
    return hashlib.sha256(result.last.tobytes() + text.encode()).hexdigest()


def test_the_same_seed_gives_the_same_bits_in_two_processes():
    paths = json.dumps([str(Path(__file__).parent)])
    runs = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT, paths], capture_output=True, text=True, check=True
        ).stdout.strip()
        for _ in range(2)
    ]
    assert runs[0] == runs[1] == fingerprint()


def test_another_seed_gives_another_run():
    results = [
        simulate(AsyncConfig(replicas=2, slots=3, schedule=SCHEDULE, seed=s)) for s in (1, 2)
    ]
    assert not np.array_equal(results[0].last, results[1].last)


def test_time_is_the_sum_of_the_costs_of_a_single_worker():
    """One slot, queue of one, no overlap: decode, then a step for each frame, over and over."""
    config = AsyncConfig(slots=1, queue=1, schedule=SCHEDULE)
    costs = SimulatedConfig(
        decode=Cost(fixed=1.0), step=Cost(fixed=0.25, frame=0.25), evaluate=Cost(fixed=100.0)
    )
    program = toy.program(utterances=toy.UTTERANCES[:1])
    result = simulate(config, costs, program)
    frames = len(toy.frames_of(toy.UTTERANCES[0])[0])
    # The next utterance is decoded while the one before is in its slot, so only the first counts,
    # but for what a decoding takes longer than the steps. The first evaluation overlaps, too.
    steps = frames * 0.5
    later = 2 * max(steps, 1.0)
    training = 1.0 + later + steps
    # Evaluations follow one another: at the start, one a pass as far as they are due, at the end.
    assert result.seconds == pytest.approx(len(result.evaluations) * 100.0, abs=training)
    assert result.updates == 3 * frames


def test_a_pull_waits_for_latency_and_bytes_and_a_busy_shard():
    """Latency there and back, and a second of bytes; pushes come in beside."""
    network = NetworkCost(latency=0.5, bandwidth=4 * 20, parameter_bytes=4 * 20)
    engine = make_engine("simulated", SimulatedConfig(network=network))
    config = AsyncConfig(shards=1, slots=1, fetch=FetchPolicy("never"), schedule=SCHEDULE)
    result = train(toy.program(utterances=toy.UTTERANCES[:1]), config, engine)
    frames = len(toy.frames_of(toy.UTTERANCES[0])[0])
    (machine,) = engine.machines
    # The decoder's pull, and a pull and a push for each update.
    assert machine.requests == 1 + 2 * result.updates == 1 + 6 * frames
    assert machine.bytes == machine.requests * 80
    assert machine.pulls.busy == pytest.approx(1.0 + result.updates)
    assert machine.pushes.busy == pytest.approx(result.updates)
    # The decoder's pull and one for each update; at the end of each of three passes the last push
    # has to arrive, and a message about it.
    assert result.seconds == pytest.approx((1 + result.updates) * 2.0 + 3 * (1.5 + 0.5))
    # A pull is answered while the push before it comes in, and does not see it.
    assert result.inner.updates.median == 1


def test_an_outer_age_is_the_time_since_the_decoder_fetched():
    config = AsyncConfig(slots=1, schedule=ScheduleConfig(epochs=1))
    costs = SimulatedConfig(decode=Cost(fixed=7.0), step=Cost(fixed=1.0))
    result = simulate(config, costs, toy.program(utterances=toy.UTTERANCES[:1]))
    frames = len(toy.frames_of(toy.UTTERANCES[0])[0])
    # Seven seconds to decode, then 1, 2, … seconds until each frame's step is done.
    assert result.outer.seconds.median == pytest.approx(7.0 + (frames + 1) / 2)
    assert result.inner.seconds.median == pytest.approx(1.0)
    assert result.outer.updates.median == pytest.approx((frames - 1) / 2)


def test_workers_that_share_cores_take_longer():
    def seconds(cores):
        costs = SimulatedConfig(decode=Cost(fixed=1.0), step=Cost(fixed=1.0), cores=cores)
        config = AsyncConfig(replicas=4, slots=3, schedule=SCHEDULE)
        result = simulate(config, costs)
        return result.seconds, result.updates + result.visits.handed

    alone, work = seconds(1)
    # One core that is never idle does all the work in exactly its time.
    assert alone == pytest.approx(work)
    assert seconds(2)[0] == pytest.approx(work / 2, rel=0.1)
    assert seconds(0)[0] < seconds(4)[0] * 1.001


@pytest.mark.parametrize("jitter", [0.0, 0.01])
def test_only_with_jitter_are_shards_seen_at_different_versions(jitter, tmp_path):
    costs = SimulatedConfig(
        decode=Cost(fixed=0.05),
        step=Cost(fixed=0.01),
        network=NetworkCost(latency=0.001, jitter=jitter),
    )
    with RecordWriter(tmp_path / "records.jsonl", "mmi") as records:
        result = simulate(MANY, costs, records=records)
    pushes = list(read_records(tmp_path / "records.jsonl", "push"))
    assert result.pushes.applied == result.updates * MANY.shards
    assert len(pushes) == result.updates
    # A mean over shards that is not whole: they were at different versions.
    assert any(push["inner_age_updates"] % 1 for push in pushes) == bool(jitter)
    times = [push["time"] for push in pushes]
    assert times == sorted(times)
    assert times[-1] <= result.seconds + 1e-6  # records are rounded to microseconds


def test_utterances_of_a_very_slow_decoder_are_decoded_by_another():
    costs = SimulatedConfig(decode=Cost(measured=(0.01, 0.01, 0.01, 1e4)), step=Cost(fixed=0.01))
    config = AsyncConfig(replicas=2, decoders=2, slots=2, backup_seconds=5.0, schedule=SCHEDULE)
    result = simulate(config, costs)
    counts = result.visits
    assert counts.backups > 0
    assert counts.handed == counts.completed + counts.failed == 3 * len(toy.UTTERANCES)


def test_statistics_are_per_second_of_the_person_who_waits(monkeypatch):
    """A visit takes a thousand virtual seconds; the clock is looked at twenty times a second."""
    looks = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: next(looks) / 20)
    monkeypatch.setattr("outergrad.engine.training.time", clock)
    costs = SimulatedConfig(decode=Cost(fixed=1000.0), step=Cost(fixed=1.0))
    events = []
    simulate(AsyncConfig(slots=4, schedule=SCHEDULE), costs, listener=events.append)
    reports = [event for event in events if isinstance(event, Statistics)]
    assert len(reports) >= 3
    for before, after in itertools.pairwise(reports):
        seconds = after.watched - before.watched
        assert 1 <= seconds < 2
        assert after.utterances_per_second == pytest.approx(
            (after.visits - before.visits) / seconds
        )
        assert after.updates_per_second == pytest.approx((after.updates - before.updates) / seconds)
    assert reports[-1].time > 1000 * reports[-1].watched
    assert reports[-1].outer.seconds.median > 1000


def test_five_hundred_replicas():
    ids = tuple(f"u{k}" for k in range(1000))
    config = AsyncConfig(replicas=500, slots=2, schedule=ScheduleConfig(rate=1e-3, epochs=1))
    costs = SimulatedConfig(decode=Cost(frame=0.01), step=Cost(fixed=0.01))
    result = simulate(config, costs, toy.program(utterances=ids))
    assert result.visits.completed == 1000
    assert result.inner.updates.median > 100


def test_an_exception_of_a_worker_reaches_the_caller():
    class Broken(toy.ToyInner):
        def gradient(self, batch):
            raise ZeroDivisionError("by zero")

    toy.Broken = Broken
    program = toy.program()
    try:
        object.__setattr__(program, "inner", type(program.inner)("toy_problem:Broken"))
        with pytest.raises(ZeroDivisionError):
            simulate(AsyncConfig(replicas=3), CLUSTER, program)
    finally:
        del toy.Broken
