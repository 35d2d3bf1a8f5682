"""A recorded run, replayed in one thread: the same bits, deaths and all."""

import dataclasses
import json

import numpy as np
import pytest
import toy_problem as toy

from outergrad.engine.simulated.replay import ReplayEngine
from outergrad.engine.training import train
from outergrad.errors import InputError, RunError
from outergrad.records import RecordWriter, read_records
from outergrad.workers.config import AsyncConfig, FetchPolicy, GapConfig, ScheduleConfig
from outergrad.workers.program import Factory

CONFIG = AsyncConfig(
    replicas=2,
    decoders=2,
    slots=3,
    queue=2,
    fetch=FetchPolicy("updates", 4),
    schedule=ScheduleConfig(rate=0.05, epochs=2, patience=1000),
)


def recorded(path, program, config, engine="local"):
    with RecordWriter(path / "trace.jsonl", "mmi") as trace:
        return train(program, config, engine, trace=trace)


def replayed(path, program, config, **arguments):
    return train(program, config, ReplayEngine.of(path / "trace.jsonl"), **arguments)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"n_fetch": 3, "n_push": 2},
        {"schedule": ScheduleConfig(rate=50.0, decay=0.001, epochs=2, patience=1000)},
    ],
    ids=["plain", "intervals", "divergence"],
)
def test_a_local_run_is_repeated_bit_for_bit(settings, tmp_path):
    config = dataclasses.replace(CONFIG, **settings)
    first = recorded(tmp_path, toy.program(), config)
    again = replayed(tmp_path, toy.program(), config)
    assert np.array_equal(again.last, first.last)
    assert np.array_equal(again.parameters, first.parameters)
    assert again.updates == first.updates
    assert again.visits == first.visits
    assert [e.held_out for e in again.evaluations] == [e.held_out for e in first.evaluations]
    # Ages, too, to the rounding of the times in the trace.
    assert again.outer.updates == first.outer.updates
    assert again.outer.seconds.median == pytest.approx(first.outer.seconds.median, abs=1e-3)


def test_refreshes_because_of_gaps_are_repeated_and_rates_that_follow_them_refused(tmp_path):
    program = toy.program(outer=Factory.of(toy.ToyGap))
    gap = GapConfig(every=3, limit=0.1, reaction="refresh")
    config = dataclasses.replace(CONFIG, fetch=FetchPolicy("never"), gap=gap)
    first = recorded(tmp_path, program, config)
    again = replayed(tmp_path, program, config)
    assert np.array_equal(again.last, first.last)
    lowering = dataclasses.replace(config, gap=dataclasses.replace(gap, reaction="lower-rate"))
    with pytest.raises(InputError, match="followed measured gaps"):
        replayed(tmp_path, program, lowering)


def test_what_decoders_keep_serves_as_long_as_it_did(tmp_path):
    program = toy.program(outer=Factory.of(toy.ToyAged, updates=40))
    first = recorded(tmp_path, program, CONFIG)
    again = replayed(tmp_path, program, CONFIG)
    assert np.array_equal(again.last, first.last)


@pytest.mark.parametrize(("part", "function"), [("outer", "MortalOuter"), ("inner", "MortalInner")])
def test_deaths_are_repeated_as_well(part, function, tmp_path):
    (tmp_path / "triggers").mkdir()
    arguments = {"folder": str(tmp_path / "triggers"), "step": 6}
    program = toy.program(**{part: Factory(f"sabotage:{function}", arguments)})
    first = recorded(tmp_path, program, CONFIG)
    assert first.restarts == 1
    again = replayed(tmp_path, program, CONFIG)
    assert np.array_equal(again.last, first.last)
    assert again.visits == first.visits
    assert again.restarts == 1


def test_a_run_of_any_engine_can_be_repeated(tmp_path):
    first = recorded(tmp_path, toy.program(), CONFIG, "simulated")
    again = replayed(tmp_path, toy.program(), CONFIG)
    assert np.array_equal(again.last, first.last)


def test_another_program_is_noticed(tmp_path):
    recorded(tmp_path, toy.program(), CONFIG, "simulated")
    with pytest.raises(RunError, match="replay"):
        replayed(tmp_path, toy.program(utterances=toy.UTTERANCES[:20]), CONFIG)


def test_what_is_no_trace_of_a_whole_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        ReplayEngine.of(tmp_path / "trace.jsonl")
    recorded(tmp_path, toy.program(), CONFIG, "simulated")
    path = tmp_path / "trace.jsonl"
    lines = list(read_records(path))
    lines[3] = {"kind": "take"}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(InputError, match=r"trace.jsonl:4: not a line of a trace"):
        ReplayEngine.of(path)
    lines[3] = {"kind": "resumed", "updates": 7}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(InputError, match="resumed"):
        ReplayEngine.of(path)
