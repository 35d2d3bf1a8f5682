"""Forecasts against what can be worked out by hand where one thing alone takes time."""

import math
import re
from dataclasses import replace

import pytest

from outergrad.engine.simulated.config import Cost, NetworkCost, SimulatedConfig
from outergrad.engine.simulated.forecast import Job, forecast
from outergrad.errors import InputError
from outergrad.recipes.plan import REFERENCE, dnn_size, plan_job
from outergrad.workers.config import AsyncConfig, FetchPolicy, GapConfig

TRAINING = AsyncConfig(replicas=3, slots=8, queue=4, seed=1)
FAST = Cost(frame=1e-6)
JOB = Job(
    hours=10.0,
    parameters=10**6,
    training=TRAINING,
    costs=SimulatedConfig(decode=FAST, step=FAST),
    utterance_seconds=2.0,
    kept=0.5,
)
KEPT = 200 * 0.5
"""Kept frames of a mean utterance."""


def test_replicas_that_are_always_at_work():
    costs = replace(JOB.costs, step=Cost(fixed=0.5))
    result = forecast(replace(JOB, costs=costs))
    # Half a second for a batch of eight frames; lengths are random, so by a tenth.
    rate = 3 * 8 / 0.5 / KEPT
    assert result.utterances_per_second == pytest.approx(rate, rel=0.1)
    assert result.updates_per_second == pytest.approx(3 / 0.5, rel=0.05)
    assert result.epoch_hours == pytest.approx(10 * 3600 / 2 / rate / 3600, rel=0.1)
    assert result.bottleneck == "replica"
    assert result.busy["replica"] == pytest.approx(1.0, abs=0.02)
    # An utterance is used up a frame a step.
    assert 0.3 * KEPT < result.outer_steps.median < 1.5 * KEPT
    assert result.outer_updates.median == pytest.approx(3 * result.outer_steps.median, rel=0.1)
    assert result.inner_seconds.median == pytest.approx(0.5, rel=0.01)


def test_decoders_that_replicas_wait_for():
    costs = replace(JOB.costs, decode=Cost(frame=0.05))
    result = forecast(replace(JOB, costs=costs))
    assert result.utterances_per_second == pytest.approx(3 / (200 * 0.05), rel=0.15)
    assert result.bottleneck == "decoder"
    assert "add decoders" in result.advice


def test_a_parameter_server_that_everybody_waits_for():
    network = NetworkCost(bandwidth=1e7, servers=1)
    result = forecast(replace(JOB, costs=replace(JOB.costs, network=network)))
    # A pull of 4 MB and a push of 4 MB for each update, one beside the other.
    assert result.updates_per_second == pytest.approx(1 / 0.4, rel=0.1)
    assert result.bottleneck == "shard"
    assert result.shard_bytes_per_second == pytest.approx(2e7, rel=0.1)


def test_replicas_whose_own_links_are_too_slow():
    network = NetworkCost(bandwidth=1e7, latency=0.05)
    costs = replace(JOB.costs, step=Cost(fixed=0.1), network=network)
    # So many shards that each has little to send.
    result = forecast(replace(JOB, costs=costs, training=replace(TRAINING, shards=16)))
    # 4 MB, and there and back; then the step.
    assert result.updates_per_second == pytest.approx(3 / (0.4 + 0.1 + 0.1), rel=0.05)
    assert result.busy["fetch"] == pytest.approx(0.5 / 0.6, rel=0.05)
    assert result.busy["push"] == pytest.approx(0.4 / 0.6, rel=0.05)
    assert result.busy["replica"] == pytest.approx(0.1 / 0.6, rel=0.05)
    assert result.busy["shard"] < 0.2
    assert result.bottleneck == "fetch"
    assert "n_fetch" in result.advice
    # From the fetch to the update: what is told above, and the push there.
    assert result.inner_seconds.median == pytest.approx(0.6 + 0.45, rel=0.05)
    # With few fetches it is the pushes, one after the other.
    rare = replace(TRAINING, shards=16, n_fetch=16)
    result = forecast(replace(JOB, costs=costs, training=rare))
    assert result.updates_per_second == pytest.approx(3 / 0.4, rel=0.05)
    assert result.busy["push"] == pytest.approx(1.0, abs=0.05)
    assert result.bottleneck == "push"
    assert "n_push" in result.advice


def test_a_server_that_is_asked_more_than_it_is_told():
    network = NetworkCost(bandwidth=1e7, servers=1)
    costs = replace(JOB.costs, network=network)
    result = forecast(replace(JOB, costs=costs, training=replace(TRAINING, n_push=4)))
    assert result.bottleneck == "shard"
    assert "fetch less often" in result.advice
    result = forecast(replace(JOB, costs=costs, training=replace(TRAINING, n_fetch=4)))
    assert result.bottleneck == "shard"
    assert "raise n_push" in result.advice


def test_copies_in_shared_memory_are_work_of_the_cores():
    network = NetworkCost(bandwidth=1e8, servers=1, shared_memory=True)
    costs = replace(JOB.costs, network=network, cores=2)
    result = forecast(replace(JOB, costs=costs))
    # 4 MB to fetch and 4 MB to push for each update, 40 ms each, and little else.
    assert result.updates_per_second == pytest.approx(2 / 0.08, rel=0.15)
    assert result.busy["core"] == pytest.approx(1.0, abs=0.1)
    assert result.bottleneck == "core"
    assert "fetch" not in result.busy


def test_more_replicas_than_cores():
    costs = replace(JOB.costs, step=Cost(fixed=0.5), cores=1)
    result = forecast(replace(JOB, costs=costs))
    assert result.updates_per_second == pytest.approx(1 / 0.5, rel=0.05)
    assert result.busy["core"] == pytest.approx(1.0, abs=0.05)


STEPPING = replace(JOB, costs=replace(JOB.costs, step=Cost(fixed=0.5)))
"""In the slots an utterance is used up in 50 s, and in the queue it may wait as long again."""


@pytest.fixture(scope="module")
def often():
    """The forecast where decoders fetch before each utterance."""
    return forecast(STEPPING)


@pytest.mark.parametrize(
    ("fetch", "seconds"),
    [
        (FetchPolicy("seconds", 900), 900),  # longer than is simulated otherwise
        (FetchPolicy("synchronous", 400), 400),
        (FetchPolicy("updates", 6 * 400), 400),
    ],
    ids=["seconds", "synchronous", "updates"],
)
def test_decoders_that_seldom_fetch_have_ages_between_two_fetches(fetch, seconds, often):
    seldom = forecast(replace(STEPPING, training=replace(TRAINING, fetch=fetch)))
    assert seldom.outer_note == ""
    # From none to `seconds`, all equally often, and what every outer gradient has besides.
    more = seldom.outer_seconds.median - often.outer_seconds.median
    assert more == pytest.approx(seconds / 2, rel=0.15)
    assert seldom.outer_updates.median == pytest.approx(6 * seldom.outer_seconds.median, rel=0.1)
    assert seldom.outer_seconds.p95 > 0.9 * seconds
    assert seldom.utterances_per_second == pytest.approx(often.utterances_per_second, rel=0.1)


@pytest.mark.parametrize(
    ("fetch", "note"),
    [
        (FetchPolicy("never"), "as old as the training gets: decoders never fetch again"),
        (
            FetchPolicy("seconds", 1e6),
            r"above 500000 s on average: decoders fetch every 1e\+06 s, ",
        ),
        (FetchPolicy("updates", 1e7), r"above 5e\+06 updates on average"),
    ],
    ids=["never", "seconds", "updates"],
)
def test_ages_that_the_simulation_does_not_reach_are_said_in_words(fetch, note):
    result = forecast(replace(STEPPING, training=replace(TRAINING, fetch=fetch)))
    assert re.match(note, result.outer_note)
    assert math.isnan(result.outer_seconds.median)
    assert result.inner_seconds.median == pytest.approx(0.5, rel=0.01)
    assert result.utterances_per_second > 0


@pytest.mark.parametrize("change", [{"hours": 0.0}, {"kept": 1.5}])
def test_impossible_jobs_are_refused(change):
    with pytest.raises(InputError, match=next(iter(change))):
        replace(JOB, **change)


def test_a_job_that_costs_nothing_cannot_be_planned():
    with pytest.raises(InputError, match="nothing costs any time"):
        forecast(replace(JOB, costs=SimulatedConfig()))


def test_costs_are_scaled_to_the_network():
    size = dnn_size(1040, 4, 1024, 2400)
    assert size == 1041 * 1024 + 3 * 1025 * 1024 + 1025 * 2400
    known = REFERENCE.costs(2 * REFERENCE.parameters)
    search = REFERENCE.decode[0] - REFERENCE.forward
    assert known.decode.measured == (pytest.approx(search + 2 * REFERENCE.forward),)
    assert known.step.frame == pytest.approx(2 * REFERENCE.step / REFERENCE.slots)
    assert known.decode.fixed == REFERENCE.decode_between  # no load was measured
    assert known.step.fixed == 2 * REFERENCE.step_between
    # Held-out speech is searched, too: as many frames, with a DNN of twice the size.
    frames = REFERENCE.held_out_seconds * 100
    search = REFERENCE.evaluate - REFERENCE.forward
    assert known.evaluate.fixed == pytest.approx(frames * (search + 2 * REFERENCE.forward))


def test_a_plan_is_for_the_job_that_was_measured_but_for_what_is_said():
    here = plan_job(REFERENCE, parameters=REFERENCE.parameters, network=None)
    assert here.costs.cores >= 1
    assert here.costs.network.shared_memory
    assert (here.training.replicas, here.training.n_push, here.hours) == (50, 1, 60.0)
    changes = {"replicas": 2, "decoders": 3, "n_push": 4, "n_fetch": 5, "hours": 1.0, "slots": 8}
    changes["held_out_seconds"] = 0.0
    there = plan_job(REFERENCE, parameters=10**6, network=(1e-3, 1e9), changes=changes)
    training = there.training
    assert (training.replicas, training.decoders, training.n_push, training.n_fetch) == (2, 3, 4, 5)
    assert (there.costs.cores, there.costs.network.shared_memory) == (0, False)
    assert there.costs.evaluate.fixed == 0
    # Costs are of batches as they were measured, however many slots are wanted.
    assert there.costs.step.frame == pytest.approx(REFERENCE.step / 32 / 7)


def test_an_evaluator_takes_its_share_of_the_cores():
    costs = replace(JOB.costs, step=Cost(fixed=0.5), cores=1)
    alone = forecast(replace(JOB, costs=costs))
    # An epoch of 18,000 utterances takes 112,500 s of the core without it.
    whole = replace(costs, evaluate=Cost(fixed=alone.epoch_hours * 3600 / 4))
    shared = forecast(replace(JOB, costs=whole))
    ratio = shared.utterances_per_second / alone.utterances_per_second
    assert ratio == pytest.approx(1 / 1.25, rel=0.05)
    assert shared.evaluator == pytest.approx(0.2, abs=0.03)
    # With cores of their own nobody minds.
    apart = forecast(replace(JOB, costs=replace(whole, cores=0)))
    free = forecast(replace(JOB, costs=replace(costs, cores=0)))
    assert apart.utterances_per_second == pytest.approx(free.utterances_per_second, rel=1e-6)


def test_a_coordinator_that_everybody_waits_for():
    costs = replace(JOB.costs, hand_out=0.25)
    result = forecast(replace(JOB, costs=costs))
    assert result.utterances_per_second == pytest.approx(4.0, rel=0.1)
    assert result.bottleneck == "coordinator"
    assert result.busy["coordinator"] == pytest.approx(1.0, abs=0.05)


def test_gaps_cost_searches_and_fewer_pushes_less_network():
    costs = replace(JOB.costs, decode=Cost(frame=0.05))
    training = replace(TRAINING, gap=GapConfig(every=4))
    plain, measured = (
        forecast(replace(JOB, costs=costs, training=t)) for t in (TRAINING, training)
    )
    # Two searches more for each four.
    ratio = measured.utterances_per_second / plain.utterances_per_second
    assert ratio == pytest.approx(1 / 1.5, rel=0.1)
    network = NetworkCost(bandwidth=1e7, servers=1)
    costs = replace(JOB.costs, network=network)
    rare = forecast(replace(JOB, costs=costs, training=replace(TRAINING, n_push=4, n_fetch=4)))
    often = forecast(replace(JOB, costs=costs))
    assert rare.utterances_per_second > 3 * often.utterances_per_second
