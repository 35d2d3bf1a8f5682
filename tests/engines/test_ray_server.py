"""Shards on a cluster against a parameter server in this process."""

import os
import signal

import numpy as np
import pytest

ray = pytest.importorskip("ray", reason="ray is not installed (extra `ray`)")

from outergrad.cli.options import with_shorthands  # noqa: E402
from outergrad.config import build, parse_overrides  # noqa: E402
from outergrad.engine.memory import PrivateMemory  # noqa: E402
from outergrad.engine.ray.config import RayConfig  # noqa: E402
from outergrad.engine.ray.memory import ClusterMemory  # noqa: E402
from outergrad.errors import InputError  # noqa: E402
from outergrad.ps.partition import Partition, Selection, Span  # noqa: E402
from outergrad.ps.rules import RuleConfig  # noqa: E402
from outergrad.ps.server import ServerState  # noqa: E402
from outergrad.ps.shard import PushOutcome  # noqa: E402
from outergrad.recipes.settings import RunConfig  # noqa: E402
from outergrad.workers.config import AsyncConfig  # noqa: E402

SIZE, SHARDS = 1000, 3
PARTITION = Partition.even(SIZE, SHARDS)
CONFIG = AsyncConfig(shards=SHARDS, rule=RuleConfig("adam"))
ACROSS = Selection.of(Span(10, 20), Span(300, 400))


def start(rng):
    values = rng.normal(size=SIZE).astype(np.float32)
    return ServerState(values, CONFIG.rule.rule().init(values), PARTITION, (0,) * SHARDS)


@pytest.fixture
def memory(ray_cluster):
    memory = ClusterMemory(PARTITION, CONFIG, RayConfig())
    yield memory
    memory.close()


def test_shards_on_a_cluster_do_what_shards_here_do(memory):
    rng = np.random.default_rng(0)
    state = start(rng)
    there = memory.serve(state, PARTITION, CONFIG)
    here = PrivateMemory(PARTITION).serve(state, PARTITION, CONFIG)
    for rate, parts in ((0.1, None), (0.1, ACROSS), (0.05, None)):
        size = SIZE if parts is None else parts.size
        gradient = rng.normal(size=size).astype(np.float32)
        assert there.push(gradient, here.versions, rate, parts) == here.push(
            gradient, here.versions, rate, parts
        )
        assert there.versions == here.versions
    bad = np.zeros(SIZE, np.float32)
    bad[PARTITION.bounds[1]] = np.nan
    outcomes = there.push(bad, here.versions, 0.1)
    assert outcomes == (PushOutcome.APPLIED, PushOutcome.REJECTED, PushOutcome.APPLIED)
    assert here.push(bad, here.versions, 0.1) == outcomes

    assert np.array_equal(there.values(), here.values())
    assert there.counts() == here.counts()
    found, expected = there.state(), here.state()
    assert found.versions == expected.versions
    assert found.rule_state.keys() == expected.rule_state.keys()
    for name, array in expected.rule_state.items():
        assert np.array_equal(found.rule_state[name], array)
    whole, part = np.zeros(SIZE, np.float32), np.zeros(SIZE, np.float32)
    assert there.pull(whole) == there.pull(part, ACROSS) == here.versions
    assert np.array_equal(whole, here.values())
    wanted = np.r_[10:20, 300:400]
    assert np.array_equal(part[wanted], whole[wanted])
    assert not np.delete(part, wanted).any()


def test_a_version_is_put_into_the_object_store_once(memory):
    """So all workers of a node share one copy, which was brought there once."""
    server = memory.serve(start(np.random.default_rng(1)), PARTITION, CONFIG)
    (first, (one,)), (again, (other,)) = ray.get([memory.shards[0].pull.remote() for _ in "ab"])
    assert (first, one) == (again, other)
    server.push(np.ones(SIZE, np.float32), server.versions, 0.1)
    second, (new,) = ray.get(memory.shards[0].pull.remote())
    assert second == first + 1
    assert new != one


def test_a_killed_shard_has_its_part_of_the_last_copy_and_a_version_nobody_has_seen(memory):
    rng = np.random.default_rng(2)
    server = memory.serve(start(rng), PARTITION, CONFIG)
    gradient = rng.normal(size=SIZE).astype(np.float32)
    server.push(gradient, server.versions, 0.1)
    copy = server.state()
    server.push(gradient, server.versions, 0.1)
    later = server.versions
    current = np.empty(SIZE, np.float32)
    server.pull(current)

    os.kill(ray.get(memory.shards[1].__ray_call__.remote(lambda _: os.getpid())), signal.SIGKILL)
    found = np.empty(SIZE, np.float32)
    versions = server.pull(found)
    span = PARTITION.shard(1)
    lost = slice(span.start, span.stop)
    assert np.array_equal(found[lost], copy.values[lost])
    assert np.array_equal(np.delete(found, np.r_[lost]), np.delete(current, np.r_[lost]))
    assert (versions[0], versions[2]) == (later[0], later[2])
    assert versions[1] > later[1]
    server.check(60.0)  # the shard may answer pulls before it says that it is full
    (restored,) = server.restored
    assert restored.shard == 1
    assert restored.age > 0
    # The state of its update rule is back, too: the next push goes through.
    assert server.push(gradient, versions, 0.1) == (PushOutcome.APPLIED,) * SHARDS


def test_pushes_from_before_an_exchange_of_parameters_are_refused(memory):
    rng = np.random.default_rng(6)
    server = memory.serve(start(rng), PARTITION, CONFIG)
    gradient = rng.normal(size=SIZE).astype(np.float32)
    before = server.versions
    for _ in range(3):
        server.push(gradient, server.versions, 0.01)
    # The coordinator goes back to the start; it had heard of one update, say, not of three.
    values = start(rng)
    again = memory.serve(
        ServerState(values.values, values.rule_state, PARTITION, (1,) * SHARDS), PARTITION, CONFIG
    )
    assert again.versions == (4,) * SHARDS
    now = np.empty(SIZE, np.float32)
    again.pull(now)
    np.testing.assert_array_equal(now, values.values)
    # What a worker computed before it was killed arrives now.
    for versions in (before, (3,) * SHARDS):
        outcomes = again.push(gradient, versions, 0.01)
        assert outcomes == (PushOutcome.STALE,) * SHARDS
    again.pull(now)
    np.testing.assert_array_equal(now, values.values)
    assert again.push(gradient, again.versions, 0.01) == (PushOutcome.APPLIED,) * SHARDS
    assert again.versions == (5,) * SHARDS


def test_what_is_left_when_the_actors_are_gone(memory):
    server = memory.serve(start(np.random.default_rng(3)), PARTITION, CONFIG)
    server.push(np.ones(SIZE, np.float32), server.versions, 0.1)
    values = server.values()
    server.settle()
    memory.close()
    assert np.array_equal(server.values(), values)
    assert server.counts().applied == SHARDS


def test_wrong_settings_are_refused():
    with pytest.raises(InputError, match=r"ray\.decoder_cpus = -1"):
        RayConfig(decoder_cpus=-1)
    with pytest.raises(InputError, match="at least 100"):
        RayConfig(object_store_mb=5)


def test_an_address_without_a_cluster_is_named(monkeypatch):
    def nobody(**arguments):
        raise ConnectionError("could not connect")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", nobody)
    memory = ClusterMemory(PARTITION, CONFIG, RayConfig(address="10.0.0.1:6379"))
    with pytest.raises(InputError, match=r"no Ray cluster at 10\.0\.0\.1:6379: could not connect"):
        memory.serve(start(np.random.default_rng(4)), PARTITION, CONFIG)


def test_the_address_on_the_command_line_chooses_engine_and_cluster():
    settings = with_shorthands(["seed=3"], "10.0.0.1:6379", None, tensorboard=True)
    config = build(RunConfig, parse_overrides(settings), "--set")
    assert (config.engine, config.ray.address) == ("ray", "10.0.0.1:6379")
    assert config.seed == 3
    assert config.tensorboard
    nothing = parse_overrides(with_shorthands(None, None, None, tensorboard=False))
    assert build(RunConfig, nothing, "--set") == RunConfig()
