"""What every engine must do, on a problem whose optimum is known to be near."""

import itertools

import numpy as np
import pytest
import toy_problem as toy
from all_engines import ENGINES, INSTALLED

from outergrad.engine.events import Evaluated, Notice, Statistics
from outergrad.engine.training import train
from outergrad.errors import InputError
from outergrad.records import RecordWriter, read_records
from outergrad.workers.config import AsyncConfig, FetchPolicy, GapConfig, ScheduleConfig
from outergrad.workers.program import Factory

EPOCHS = 3
SCHEDULE = ScheduleConfig(rate=0.05, epochs=EPOCHS, patience=1000)


@ENGINES
@pytest.mark.parametrize("replicas", [1, 2])
def test_a_run_climbs_counts_and_records_everything(engine, replicas, tmp_path):
    config = AsyncConfig(
        replicas=replicas,
        decoders=replicas,
        slots=4,
        queue=2,
        fetch=FetchPolicy("updates", 3),
        schedule=SCHEDULE,
    )
    events = []
    path = tmp_path / "records.jsonl"
    with RecordWriter(path, "mmi") as records:
        result = train(toy.program(), config, engine, events.append, records=records)

    visits = EPOCHS * len(toy.UTTERANCES)
    assert result.visits.handed == visits
    assert result.visits.completed == visits - EPOCHS
    assert result.visits.reasons == {"no final state reached": EPOCHS}
    assert result.stop_reason == f"all {EPOCHS} epochs are done"
    assert result.restarts == 0
    frames = sum(len(toy.frames_of(u)[0]) for u in toy.UTTERANCES)
    assert result.frames.frames == EPOCHS * frames

    evaluations = [event.evaluation for event in events if isinstance(event, Evaluated)]
    assert result.evaluations == tuple(evaluations)
    assert evaluations[0].request.updates == 0
    assert evaluations[-1].request.updates == result.updates
    assert result.best.held_out.criterion > 0.8 * evaluations[0].held_out.criterion
    assert toy.held_out(result.parameters) == result.best.held_out
    assert toy.held_out(result.last) == evaluations[-1].held_out

    outer = list(read_records(path, "outer"))
    assert len(outer) == visits
    assert {r["utterance"] for r in outer if r["reason"]} == {toy.HARD}
    assert {r["utterance"] for r in outer if not r["kept"] and not r["reason"]} == {toy.EASY}
    pushes = list(read_records(path, "push"))
    assert len(pushes) == result.updates
    assert sum(push["frames"] for push in pushes) == result.frames.kept
    assert {push["replica"] for push in pushes} == set(range(replicas))
    for push in pushes:
        assert push["outer_age_updates"] >= push["inner_age_updates"] >= 0
        assert push["outer_age_seconds"] >= 0
        assert push["inner_age_seconds"] >= 0
    recorded = list(read_records(path, "evaluation"))
    assert [r["criterion"] for r in recorded] == [e.held_out.criterion for e in evaluations]
    assert all(r["del"] == 1 and r["words"] > r["del"] for r in recorded)
    assert [r["failed"] for r in recorded] == [e.held_out.failed for e in evaluations]


@ENGINES
def test_the_number_of_shards_changes_nothing_where_order_is_fixed(engine):
    """One utterance, one slot, never refreshed: nothing is left to chance on any engine."""
    results = []
    for shards in (1, 5):
        config = AsyncConfig(
            shards=shards, slots=1, fetch=FetchPolicy("never"), n_fetch=1000, schedule=SCHEDULE
        )
        results.append(train(toy.program(utterances=toy.UTTERANCES[:1]), config, engine))
    assert np.array_equal(results[0].last, results[1].last)


def test_engines_agree_where_order_is_fixed():
    config = AsyncConfig(slots=1, fetch=FetchPolicy("never"), n_fetch=1000, schedule=SCHEDULE)
    program = toy.program(utterances=toy.UTTERANCES[:1])
    first, *others = (train(program, config, engine) for engine in INSTALLED)
    for other in others:
        assert np.array_equal(first.last, other.last)
        assert first.updates == other.updates


@ENGINES
def test_divergence_restores_the_best_parameters_once(engine):
    config = AsyncConfig(
        slots=4,
        schedule=ScheduleConfig(rate=50.0, decay=0.001, epochs=4, divergence=1.0, patience=1000),
    )
    events = []
    result = train(toy.program(), config, engine, events.append)
    texts = [event.text for event in events if isinstance(event, Notice)]
    assert any("fell far below its start" in text for text in texts)
    assert any("best parameters are restored" in text for text in texts)
    assert result.best.held_out.criterion > 0.8 * result.evaluations[0].held_out.criterion
    assert result.visits.completed == 4 * (len(toy.UTTERANCES) - 1)
    # The pushes of the diverged part count, too. On engine ray shards may have applied some of
    # which the coordinator had not heard when the workers were sent home.
    expected = result.updates * config.shards
    assert result.pushes.applied >= expected
    assert result.pushes.applied == expected or engine == "ray"


@ENGINES
@pytest.mark.parametrize("reaction", ["none", "lower-rate"])
def test_gaps_are_measured_recorded_and_answered(engine, reaction, tmp_path):
    """Two decoders measure at every second of their utterances, and each gap is too large."""
    config = AsyncConfig(
        decoders=2,
        slots=4,
        schedule=SCHEDULE,
        gap=GapConfig(every=2, limit=0.1, reaction=reaction, factor=0.9),
    )
    path = tmp_path / "records.jsonl"
    with RecordWriter(path, "mmi") as records:
        result = train(toy.program(outer=Factory.of(toy.ToyGap)), config, engine, records=records)
    assert result.restarts == 0
    gaps = list(read_records(path, "gap"))
    assert len(gaps) > EPOCHS * len(toy.UTTERANCES) / 2 - 10
    assert all(gap["gap"] == pytest.approx(0.5) for gap in gaps)
    assert all(gap["criterion"] < 0 and gap["outer_age_updates"] >= 0 for gap in gaps)
    lowered = 0.9 ** len(gaps) if reaction == "lower-rate" else 1.0
    assert result.evaluations[-1].request.rate == pytest.approx(SCHEDULE.rate * lowered)


@ENGINES
def test_input_errors_while_building_reach_the_caller(engine):
    program = toy.program(outer=Factory("toy_problem:NoSuchThing"))
    with pytest.raises(InputError, match="NoSuchThing"):
        train(program, AsyncConfig(), engine)


@ENGINES
def test_wrong_programs_are_refused(engine):
    with pytest.raises(InputError, match="25 shards"):
        train(toy.program(), AsyncConfig(shards=25), engine)
    with pytest.raises(InputError, match="split among 30"):
        train(toy.program(), AsyncConfig(replicas=30), engine)


def test_arguments_that_cannot_be_sent_are_named():
    program = toy.program(inner=Factory("toy_problem:ToyInner", {"x": lambda: None}))
    with pytest.raises(InputError, match="toy_problem:ToyInner"):
        train(program, AsyncConfig(), "local")


def test_statistics_come_about_once_a_second():
    ticks = iter(range(10**6))
    events = []
    config = AsyncConfig(slots=4, schedule=SCHEDULE)
    train(toy.program(), config, "serial", events.append, clock=lambda: next(ticks) / 100)
    reports = [event for event in events if isinstance(event, Statistics)]
    assert len(reports) >= 5
    assert all(b.time - a.time >= 1 for a, b in itertools.pairwise(reports))
    assert all(report.updates_per_second > 0 for report in reports)
    assert reports[-1].inner.updates.median == 0
    last = reports[-1]
    assert last.visits <= EPOCHS * len(toy.UTTERANCES)
    assert last.queue == config.queue
    assert last.frames_per_second > last.utterances_per_second > 0
    # Multinomial regression climbs from log 1/4 a frame.
    assert np.log(1 / 4) < last.criterion < 0
    assert [(p.role, p.alive, p.wanted, p.restarts) for p in last.roster] == [
        ("replica", 1, 1, 0),
        ("decoder", 1, 1, 0),
        ("evaluator", 1, 1, 0),
        ("shard", 4, 4, 0),
    ]


def test_pushes_are_recorded_with_norms_and_update_counts():
    kept = []

    class Sink:
        def write(self, kind, time, **fields):
            if kind == "push":
                kept.append(fields)

    config = AsyncConfig(slots=4, clip_norm=1e-3, schedule=SCHEDULE)
    train(toy.program(), config, "serial", records=Sink())
    assert [push["updates"] for push in kept] == list(range(1, len(kept) + 1))
    assert all(push["clipped"] and push["norm"] > 1e-3 for push in kept)


def test_an_engine_is_found_by_its_name_or_refused():
    with pytest.raises(InputError, match="choose one of local, serial, simulated, ray"):
        train(toy.program(), AsyncConfig(), "magic")


def test_an_engine_whose_package_is_missing_says_how_to_get_it(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name="ray")

    monkeypatch.setattr("outergrad.engine.engines.importlib.import_module", missing)
    with pytest.raises(InputError, match=r"needs ray: .*\.\[ray\]"):
        train(toy.program(), AsyncConfig(), "ray")
