"""The serial engine against a plain training loop that shares no code with it."""

import numpy as np
import pytest
import toy_problem as toy

from outergrad.engine.training import train
from outergrad.ps.partition import Selection, Span
from outergrad.ps.rules import RuleConfig
from outergrad.randomness import rng
from outergrad.workers.config import AsyncConfig, FetchPolicy, ScheduleConfig

EPOCHS, SLOTS, RATE = 3, 4, 0.05
NO_DECAY = ScheduleConfig(rate=RATE, epochs=EPOCHS, patience=1000)


def plain_loop(fetch_every):
    """Parameters after each epoch's worth of utterances: the paper's section 2 and Fig. 2."""
    ids = [toy.UTTERANCES[i] for i in rng(0, "subsets").permutation(len(toy.UTTERANCES))]
    stream = [
        ids[i] for epoch in range(EPOCHS) for i in rng(0, "order", 0, epoch).permutation(len(ids))
    ]
    theta = np.zeros(toy.DIM * toy.PDFS, np.float32)
    decoder_theta, updates, fetched_at = theta, 0, None
    slots = [[] for _ in range(SLOTS)]
    while True:
        batch = []
        for slot in slots:
            while not slot and stream:
                utterance = stream.pop(0)
                if fetched_at is None or updates - fetched_at >= fetch_every:
                    decoder_theta, fetched_at = theta, updates
                outer = toy.outer_gradient(decoder_theta, utterance)
                rows = outer.values.reshape(-1, toy.PDFS)
                slot.extend((utterance, t, row) for t, row in enumerate(rows))
            if slot:
                batch.append(slot.pop(0))
        if not batch:
            return theta, updates
        names, frames, rows = zip(*batch, strict=True)
        gradient = toy.inner_gradient(names, frames, np.stack(rows))
        theta = gradient * np.float32(RATE) + theta
        updates += 1


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize(
    ("policy", "fetch_every"),
    [(FetchPolicy(), 0), (FetchPolicy("updates", 10), 10), (FetchPolicy("never"), 10**9)],
)
def test_one_worker_is_the_plain_loop_bit_for_bit(shards, policy, fetch_every):
    config = AsyncConfig(shards=shards, slots=SLOTS, fetch=policy, schedule=NO_DECAY)
    result = train(toy.program(), config, "serial")
    theta, updates = plain_loop(fetch_every)
    assert np.array_equal(result.last, theta)
    assert result.updates == updates


def test_same_seed_same_bits_with_several_replicas():
    config = AsyncConfig(replicas=3, decoders=2, slots=SLOTS, schedule=NO_DECAY, seed=5)
    results = [train(toy.program(), config, "serial") for _ in range(2)]
    assert np.array_equal(results[0].last, results[1].last)
    assert results[0].updates == results[1].updates


def test_ages_of_a_single_worker_are_known():
    """With one slot each utterance is decoded when the one before is used up."""
    config = AsyncConfig(slots=1, schedule=NO_DECAY)
    result = train(toy.program(utterances=toy.UTTERANCES[:1]), config, "serial")
    frames = len(toy.frames_of(toy.UTTERANCES[0])[0])
    assert result.updates == EPOCHS * frames
    assert result.outer.updates.median == (frames - 1) / 2
    assert result.inner.updates.p95 == 0


def test_warm_start_delays_the_other_replicas():
    config = AsyncConfig(replicas=2, slots=SLOTS, warm_start=20, schedule=NO_DECAY)
    result = train(toy.program(), config, "serial")
    assert result.visits.completed + result.visits.failed == EPOCHS * len(toy.UTTERANCES)


def test_only_the_trained_parameters_move():
    config = AsyncConfig(slots=SLOTS, shards=4, schedule=NO_DECAY)
    result = train(toy.program(trained=Selection.of(Span(8, 14))), config, "serial")
    moved = result.last != 0
    assert moved[8:14].all()
    assert moved.sum() == 6


@pytest.mark.parametrize("kind", ["momentum", "adagrad", "adam"])
def test_the_rules_climb(kind):
    config = AsyncConfig(
        slots=SLOTS,
        rule=RuleConfig(kind),
        schedule=ScheduleConfig(rate=0.01 if kind == "momentum" else 0.1, epochs=EPOCHS),
    )
    result = train(toy.program(), config, "serial")
    start = result.evaluations[0].held_out.criterion
    assert start == pytest.approx(np.log(1 / toy.PDFS))
    assert result.best.held_out.criterion > 0.8 * start
