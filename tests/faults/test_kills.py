"""Real SIGKILLs at given steps of given roles: the run ends and the visits add up."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import sabotage
import toy_problem as toy
from kills import Killer

from outergrad.engine.events import Evaluated, Notice
from outergrad.engine.local import worker
from outergrad.engine.snapshots import SnapshotStore
from outergrad.engine.training import train
from outergrad.errors import RunError
from outergrad.records import RecordWriter, read_records
from outergrad.workers.config import AsyncConfig, ScheduleConfig
from outergrad.workers.program import Factory

EPOCHS = 2
CONFIG = AsyncConfig(
    slots=4, queue=3, schedule=ScheduleConfig(rate=0.05, epochs=EPOCHS, patience=1000)
)
VISITS = EPOCHS * len(toy.UTTERANCES)


@pytest.fixture
def processes(monkeypatch):
    """All worker processes that were started; none may be left in the end."""
    started = []
    spawn = worker._spawn

    def recording(*arguments):
        started.append(spawn(*arguments))
        return started[-1]

    monkeypatch.setattr(worker, "_spawn", recording)
    yield started
    assert all(process.returncode is not None for process in started)


def run(program, config=CONFIG, **arguments):
    notices = []

    def listen(event):
        if isinstance(event, Notice):
            notices.append(event.text)

    return train(program, config, "local", listen, **arguments), notices


@pytest.mark.parametrize(
    ("part", "function", "step"),
    [
        ("outer", "MortalOuter", 1),
        ("outer", "MortalOuter", 9),
        ("outer", "killed_in_message", 5),
        ("outer", "killed_at_start", 1),
        ("inner", "MortalInner", 1),
        ("inner", "MortalInner", 20),
        ("inner", "killed_in_push", 1),
        ("inner", "killed_in_push", 15),
        ("inner", "killed_after_announcing", 10),
        ("evaluator", "MortalEvaluator", 2),
    ],
)
def test_a_killed_worker_is_replaced_and_nothing_is_lost(part, function, step, tmp_path, processes):
    (tmp_path / "triggers").mkdir()
    arguments = {"folder": str(tmp_path / "triggers"), "step": step}
    program = toy.program(**{part: Factory(f"sabotage:{function}", arguments)})
    with RecordWriter(tmp_path / "records.jsonl", "mmi") as records:
        result, notices = run(program, records=records)

    role = {"outer": "decoder", "inner": "replica", "evaluator": "evaluator"}[part]
    assert result.restarts == 1
    assert len(processes) == 4
    assert any(f"{role} 0 died" in text and "SIGKILL" in text for text in notices)
    counts = result.visits
    assert counts.completed + counts.failed == VISITS
    assert counts.handed == VISITS + counts.lost
    assert counts.reasons == {"no final state reached": EPOCHS}
    # Of what a torn mailbox holds nothing reached the parameters.
    assert result.best.held_out.criterion > 0.85 * result.evaluations[0].held_out.criterion
    assert result.evaluations[-1].request.updates == result.updates
    (restart,) = read_records(tmp_path / "records.jsonl", "restart")
    assert (restart["role"], restart["index"]) == (role, 0)


def test_an_utterance_that_kills_every_decoder_fails_and_the_run_goes_on(processes):
    result, _ = run(toy.program(outer=Factory("sabotage:Poisoned")))
    counts = result.visits
    # Twice suspected in the first epoch; in the second it is known.
    assert counts.reasons == {
        "no final state reached": EPOCHS,
        "its decoder died over it": EPOCHS,
    }
    assert counts.completed + counts.failed == VISITS
    assert counts.lost == 1


def test_a_last_utterance_that_kills_its_decoders_closes_the_epoch(processes):
    """Nothing follows its second death: the final evaluation is due because of that alone."""
    schedule = dataclasses.replace(CONFIG.schedule, epochs=1)
    config = dataclasses.replace(CONFIG, slots=1, schedule=schedule)
    result, _ = run(toy.program(outer=sabotage.poisoned_last(config)), config)
    assert result.visits.reasons["its decoder died over it"] == 1
    assert result.visits.completed + result.visits.failed == len(toy.UTTERANCES)
    assert result.evaluations[-1].request.updates == result.updates
    assert result.evaluations[-1].request.epoch == 1


def test_an_exception_is_shown_with_its_utterance(processes):
    result, notices = run(toy.program(outer=Factory("sabotage:Raising")))
    shown = next(text for text in notices if "upside down" in text)
    assert "Traceback" in shown
    assert "utterance utterance-11" in shown
    assert result.visits.reasons["its decoder died over it"] == EPOCHS


def test_an_exception_that_a_lost_server_would_raise_too_is_shown_when_it_is_the_workers_own(
    processes,
):
    result, notices = run(toy.program(outer=Factory("sabotage:CutShort")))
    shown = next(text for text in notices if "died" in text)
    assert "EOFError: no data left in features.npy" in shown
    assert "Traceback" in shown
    assert "utterance utterance-11" in shown
    assert result.visits.reasons["its decoder died over it"] == EPOCHS
    with pytest.raises(RunError, match=r"decoder 0 cannot start: Traceback") as caught:
        run(toy.program(outer=Factory("sabotage:cut_short")))
    assert "the pipe of the filter is broken" in str(caught.value)


def test_a_worker_that_dies_again_and_again_ends_the_run(processes):
    config = AsyncConfig(max_restarts=1)
    with pytest.raises(RunError, match=r"decoder 0 died 2 times in a row.*SIGKILL"):
        run(toy.program(outer=Factory("sabotage:Mortal")), config)


def test_a_worker_that_cannot_be_built_ends_the_run_at_once(processes):
    with pytest.raises(RunError, match=r"evaluator 0 cannot start: Traceback") as caught:
        run(toy.program(evaluator=Factory("sabotage:Unbuildable")))
    assert "no room for the graph" in str(caught.value)
    assert len(processes) == 3


@pytest.mark.parametrize("engine", ["serial", "local"])
def test_a_nan_push_is_refused_and_shown(engine, tmp_path):
    program = toy.program(inner=Factory("sabotage:NotFinite", {"step": 10}))
    notices = []
    with RecordWriter(tmp_path / "records.jsonl", "mmi") as records:
        result = train(program, CONFIG, engine, notices.append, records=records)
    assert result.pushes.rejected == CONFIG.shards
    assert any("not finite" in event.text for event in notices if isinstance(event, Notice))
    refused = [
        r["refused"] for r in read_records(tmp_path / "records.jsonl", "push") if "refused" in r
    ]
    assert refused == [["rejected"] * CONFIG.shards]
    assert result.updates == result.pushes.applied // CONFIG.shards
    assert result.best.held_out.criterion > 0.85 * result.evaluations[0].held_out.criterion


@pytest.mark.parametrize("engine", ["serial", "local"])
def test_an_outer_gradient_that_does_not_sum_to_zero_is_a_failure(engine):
    result = train(toy.program(outer=Factory("sabotage:Unbalanced")), CONFIG, engine)
    assert result.visits.reasons == {
        "no final state reached": EPOCHS,
        "outer gradient does not sum to zero": EPOCHS,
    }


def test_ctrl_c_saves_the_state_and_ends_the_workers(tmp_path, processes):
    def press(event):
        if isinstance(event, Evaluated) and event.evaluation.request.number == 1:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(toy.program(), CONFIG, "local", press, snapshots=tmp_path)
    saved = SnapshotStore(tmp_path).load(pytest.fail)
    assert saved.run["coordinator"]["visits"]["completed"] >= len(toy.UTTERANCES) - 1
    result, notices = run(toy.program(), snapshots=tmp_path, resume=True)
    assert notices[0].startswith("resumed after")
    counts = result.visits
    assert counts.completed + counts.failed == VISITS
    assert counts.handed == VISITS + counts.lost


SCRIPT = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
import toy_problem as toy
from outergrad.engine.local import worker
from outergrad.engine.training import train
from outergrad.engine.events import Evaluated
from outergrad.workers.config import AsyncConfig, ScheduleConfig

started = []
spawn = worker._spawn
def recording(*arguments):
    started.append(spawn(*arguments))
    return started[-1]
worker._spawn = recording

def listen(event):
    if isinstance(event, Evaluated):
        print(json.dumps([process.pid for process in started]), flush=True)

config = AsyncConfig(slots=4, schedule=ScheduleConfig(epochs=int(sys.argv[2])))
train(toy.program(), config, "local", listen)
"""


def script(epochs):
    paths = [str(Path(module.__file__).parent) for module in (toy, sabotage)]
    return [sys.executable, "-c", SCRIPT, json.dumps(paths), str(epochs)]


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_workers_do_not_outlive_a_killed_server():
    with subprocess.Popen(script(10**6), stdout=subprocess.PIPE, text=True) as server:
        workers = json.loads(server.stdout.readline())
        assert len(workers) == 3
        server.kill()
    deadline = time.monotonic() + 30
    while any(alive(pid) for pid in workers):
        assert time.monotonic() < deadline, "workers outlived their server"
        os.sched_yield()


def test_a_run_says_nothing_on_the_error_channel():
    done = subprocess.run(script(1), capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_random_kills_and_stops_of_all_roles(tmp_path, processes):
    """Ten signals to two replicas with two decoders each, while they work; then to the end."""
    schedule = ScheduleConfig(rate=0.05, epochs=10**6, patience=10**6, evaluate_every=200)
    config = dataclasses.replace(
        CONFIG,
        replicas=2,
        decoders=2,
        silent_seconds=3.0,
        backup_seconds=1.0,
        max_restarts=20,
        schedule=schedule,
    )
    pressed = []
    with Killer(kills=10, mean_seconds=0.5, seed=1) as killer:

        def stop_after_the_last_kill(event):
            if len(killer.done) == killer.kills and not pressed:
                pressed.append(event)
                signal.raise_signal(signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            train(toy.program(), config, "local", stop_after_the_last_kill, snapshots=tmp_path)
    assert {role for role, _, _ in killer.done} == {"decoder", "replica", "evaluator"}
    assert {name for _, _, name in killer.done} == {"SIGKILL", "SIGSTOP"}
    visits = SnapshotStore(tmp_path).load(pytest.fail).run["coordinator"]["visits"]
    epochs = max(visits["done"].values()) + 1

    last = dataclasses.replace(config, schedule=dataclasses.replace(schedule, epochs=epochs))
    result, _ = run(toy.program(), last, snapshots=tmp_path, resume=True)
    counts = result.visits
    assert counts.completed + counts.failed == epochs * len(toy.UTTERANCES)
    assert counts.handed == counts.completed + counts.failed + counts.lost
    assert counts.reasons["no final state reached"] <= epochs
    assert result.best.held_out.criterion > 0.8 * np.log(1 / toy.PDFS)


def test_a_stopped_decoder_does_not_hold_its_utterance_for_ever(tmp_path, processes):
    """The helper's result counts; the stopped one is replaced once it has been silent too long."""
    (tmp_path / "triggers").mkdir()
    program = toy.program(
        outer=Factory("sabotage:StoppedOuter", {"folder": str(tmp_path / "triggers"), "step": 5})
    )
    config = dataclasses.replace(CONFIG, decoders=2, backup_seconds=0.3, silent_seconds=2.0)
    result, _ = run(program, config)
    counts = result.visits
    assert counts.completed + counts.failed == VISITS
    assert counts.handed == VISITS + counts.lost
    assert counts.backups + counts.lost >= 1


def test_a_stopped_replica_is_replaced_and_its_slots_are_visited_again(tmp_path, processes):
    (tmp_path / "triggers").mkdir()
    program = toy.program(
        inner=Factory("sabotage:StoppedInner", {"folder": str(tmp_path / "triggers"), "step": 9})
    )
    result, notices = run(program, dataclasses.replace(CONFIG, silent_seconds=2.0))
    assert any("no sign of life for 2 s" in text for text in notices)
    assert result.restarts == 1
    assert result.visits.lost >= 1
    assert result.visits.completed + result.visits.failed == VISITS
