"""Real kills on a cluster of several nodes: the run ends, and the visits add up."""

import dataclasses
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import toy_problem as toy

ray = pytest.importorskip("ray", reason="ray is not installed (extra `ray`)")

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))

import sabotage  # noqa: E402
from ray.cluster_utils import Cluster  # noqa: E402

from outergrad.engine.events import Evaluated, Notice  # noqa: E402
from outergrad.engine.ray.cluster import patiently  # noqa: E402
from outergrad.engine.ray.config import RayConfig  # noqa: E402
from outergrad.engine.ray.engine import RayEngine  # noqa: E402
from outergrad.engine.ray.memory import ClusterMemory  # noqa: E402
from outergrad.engine.snapshots import SnapshotStore  # noqa: E402
from outergrad.engine.training import train  # noqa: E402
from outergrad.errors import RunError  # noqa: E402
from outergrad.records import RecordWriter, read_records  # noqa: E402
from outergrad.workers.config import AsyncConfig, ScheduleConfig  # noqa: E402
from outergrad.workers.program import Factory  # noqa: E402

EPOCHS = 2
CONFIG = AsyncConfig(
    slots=4, queue=3, shards=2, schedule=ScheduleConfig(rate=0.05, epochs=EPOCHS, patience=1000)
)
NODE = {"num_cpus": 4, "object_store_memory": 100_000_000, "include_dashboard": False}


@pytest.fixture(scope="module")
def cluster(ray_settings):
    """Two nodes on this machine; this process is connected to the first."""
    nodes = patiently(lambda: Cluster(initialize_head=True, head_node_args=NODE))
    patiently(lambda: nodes.add_node(**NODE))
    ray.init(address=nodes.address, log_to_driver=False, configure_logging=False)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


@pytest.fixture
def memories(monkeypatch):
    """The memory of each run, to get at its shards."""
    made = []
    build = ClusterMemory.__init__

    def recording(memory, *arguments):
        made.append(memory)
        build(memory, *arguments)

    monkeypatch.setattr(ClusterMemory, "__init__", recording)
    return made


def run(program, config=CONFIG, react=lambda event: None, **arguments):
    notices = []

    def listen(event):
        if isinstance(event, Notice):
            notices.append(event.text)
        react(event)

    return train(program, config, "ray", listen, **arguments), notices


def all_visits_are_accounted_for(result, epochs=EPOCHS):
    counts, visits = result.visits, epochs * len(toy.UTTERANCES)
    assert counts.completed + counts.failed == visits
    assert counts.handed == visits + counts.lost
    assert counts.reasons == {"no final state reached": epochs}
    assert result.best.held_out.criterion > 0.85 * np.log(1 / toy.PDFS)
    assert result.evaluations[-1].request.updates == result.updates


def process_of(actor):
    """Its number."""
    return ray.get(actor.__ray_call__.remote(lambda _: os.getpid()))


@pytest.mark.parametrize(
    ("part", "function", "step"),
    [
        ("outer", "MortalOuter", 9),
        ("inner", "MortalInner", 20),
        ("evaluator", "MortalEvaluator", 2),
    ],
)
def test_a_killed_worker_is_replaced_and_nothing_is_lost(part, function, step, tmp_path, cluster):
    (tmp_path / "triggers").mkdir()
    arguments = {"folder": str(tmp_path / "triggers"), "step": step}
    program = toy.program(**{part: Factory(f"sabotage:{function}", arguments)})
    with RecordWriter(tmp_path / "records.jsonl", "mmi") as records:
        result, notices = run(program, records=records)

    role = {"outer": "decoder", "inner": "replica", "evaluator": "evaluator"}[part]
    assert result.restarts == 1
    assert any(f"{role} 0 died" in text for text in notices)
    all_visits_are_accounted_for(result)
    (restart,) = read_records(tmp_path / "records.jsonl", "restart")
    assert (restart["role"], restart["index"]) == (role, 0)


def test_a_killed_shard_comes_back_as_of_the_last_snapshot(tmp_path, cluster, memories):
    """Killed right after a copy was taken and while everybody is at work."""
    killed = []

    def kill_a_shard(event):
        if isinstance(event, Evaluated) and event.evaluation.request.number == 1:
            memory = memories[0]
            killed.append(memory.server.state())
            os.kill(process_of(memory.shards[1]), signal.SIGKILL)

    with RecordWriter(tmp_path / "records.jsonl", "mmi") as records:
        result, notices = run(toy.program(), react=kill_a_shard, records=records)
    all_visits_are_accounted_for(result)
    assert result.restarts == 1
    assert any("shard 1 died" in text and "s ago" in text for text in notices)
    (restart,) = read_records(tmp_path / "records.jsonl", "restart")
    assert (restart["role"], restart["index"]) == ("shard", 1)
    # What happened before the copy is kept: the end lies on the way from it, not from the start.
    bound = memories[0].server.state().partition.bounds[1]
    kept, end = killed[0].values[bound:], result.last[bound:]
    assert np.linalg.norm(end - kept) < np.linalg.norm(kept)
    for push in read_records(tmp_path / "records.jsonl", "push"):
        assert push["outer_age_updates"] >= 0
        assert push["inner_age_updates"] >= 0


def test_a_killed_node_is_survived(cluster):
    """Its workers and shards move to the nodes that are left."""
    epochs = 12  # so many that the death is noticed while there is work to do
    doomed = cluster.add_node(**NODE, wait=True)
    config = AsyncConfig(
        replicas=2,
        decoders=2,
        slots=4,
        queue=3,
        shards=3,
        schedule=ScheduleConfig(rate=0.05, epochs=epochs, patience=1000),
    )

    def unplug(event):
        if isinstance(event, Evaluated) and event.evaluation.request.number == 1:
            cluster.remove_node(doomed, allow_graceful=False)

    result, notices = run(toy.program(), config, unplug)
    all_visits_are_accounted_for(result, epochs)
    assert result.restarts >= 1
    assert any("died and is restarted" in text for text in notices)


def test_a_worker_that_dies_again_and_again_ends_the_run(cluster):
    config = AsyncConfig(shards=1, max_restarts=0)
    with pytest.raises(RunError, match=r"decoder 0 died 1 times in a row; the last time: process"):
        run(toy.program(outer=Factory("sabotage:Mortal")), config)


def test_a_last_utterance_that_kills_its_decoders_closes_the_epoch(cluster):
    """Nothing follows its second death: the final evaluation is due because of that alone."""
    schedule = dataclasses.replace(CONFIG.schedule, epochs=1)
    config = dataclasses.replace(CONFIG, slots=1, schedule=schedule)
    result, _ = run(toy.program(outer=sabotage.poisoned_last(config)), config)
    assert result.visits.reasons["its decoder died over it"] == 1
    assert result.evaluations[-1].request.updates == result.updates
    assert result.evaluations[-1].request.epoch == 1


def test_a_nan_push_is_refused_by_the_shards_and_shown(tmp_path, cluster):
    program = toy.program(inner=Factory("sabotage:NotFinite", {"step": 10}))
    with RecordWriter(tmp_path / "records.jsonl", "mmi") as records:
        result, notices = run(program, records=records)
    assert result.pushes.rejected == CONFIG.shards
    assert any("not finite" in text for text in notices)
    refused = [
        r["refused"] for r in read_records(tmp_path / "records.jsonl", "push") if "refused" in r
    ]
    assert refused == [["rejected"] * CONFIG.shards]
    assert result.updates == result.pushes.applied // CONFIG.shards


def test_ctrl_c_saves_the_state_and_a_resumed_run_ends(tmp_path, cluster):
    def press(event):
        if isinstance(event, Evaluated) and event.evaluation.request.number == 1:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(toy.program(), react=press, snapshots=tmp_path)
    saved = SnapshotStore(tmp_path).load(pytest.fail)
    assert saved.run["coordinator"]["visits"]["completed"] >= len(toy.UTTERANCES) - 1
    assert saved.server.versions[0] > 0
    result, notices = run(toy.program(), snapshots=tmp_path, resume=True)
    assert notices[0].startswith("resumed after")
    all_visits_are_accounted_for(result)


def test_a_worker_without_a_place_is_told_and_the_others_go_on(cluster, monkeypatch):
    monkeypatch.setattr("outergrad.engine.ray.engine.HOMELESS_SECONDS", 1.0)
    engine = RayEngine(RayConfig(evaluator_cpus=100.0))
    notices = []

    class Enough(Exception):
        pass

    def listen(event):
        if isinstance(event, Notice) and "100 CPUs" in event.text:
            notices.append(event.text)
            raise Enough

    with pytest.raises(Enough):
        train(toy.program(), CONFIG, engine, listen)
    assert "evaluator 0 has not started" in notices[0]
    assert "ray.evaluator_cpus" in notices[0]
