"""Decoder, replica and evaluator against ports made of lists."""

import numpy as np
import pytest

from outergrad.criteria.outcome import FrameCounts, OuterGradient
from outergrad.errors import InputError
from outergrad.gradient.gap import Gap, Probe
from outergrad.gradient.inner import dense_rows
from outergrad.ps.partition import Selection, Span
from outergrad.randomness import rng
from outergrad.workers.config import AsyncConfig, FetchPolicy, GapConfig
from outergrad.workers.decoder import Decoder, flaw_of
from outergrad.workers.evaluator import Evaluator
from outergrad.workers.messages import (
    Assignment,
    Evaluation,
    EvaluationRequest,
    HeldOut,
    Outcome,
    Stamp,
)
from outergrad.workers.program import Batch, Factory
from outergrad.workers.replica import Replica, clipped, norm_of


def outer(utterance, rows):
    """An outer gradient over two states, `rows` values for the first, frame by frame."""
    values = np.array([[v, -v] for v in rows], np.float32).ravel()
    count = len(rows)
    return OuterGradient(
        utterance=utterance,
        num_frames=count,
        frames=np.arange(count, dtype=np.int32),
        offsets=np.arange(count + 1, dtype=np.int64) * 2,
        pdfs=np.tile(np.array([0, 1], np.int32), count),
        values=values,
        counts=FrameCounts(count, count),
        value=0.0,
    )


class World:
    """Every port at once; versions and time are set by the test."""

    def __init__(self, work=(), version=0):
        self.work = list(work)
        self.version = version
        self.time = 0.0
        self.pulls = []
        self.pulled_parts = []
        self.pushes = []
        self.results = []

    def clock(self):
        return self.time

    def take(self):
        return self.work.pop(0) if self.work else None

    def put(self, result):
        self.results.append(result)

    def versions(self):
        return (self.version, self.version)

    def pull(self, out, parts=None):
        for span in parts.spans if parts else [Span(0, out.size)]:
            out[span.start : span.stop] = self.version
        self.pulls.append(self.version)
        self.pulled_parts.append(parts)
        return self.versions()

    def push(self, gradient, note):
        self.pushes.append((gradient.tolist(), note))


class Source:
    """Echoes what it was asked, at which parameters."""

    def __init__(self, world, make):
        self.world = world
        self.make = make
        self.at = None

    def load(self, parameters):
        self.at = float(parameters[0])

    def compute(self, utterance):
        return self.make(utterance)

    def gradient(self, batch):
        return self.make(batch)

    def evaluate(self):
        return HeldOut(self.at)


class Aged(Source):
    """Remembers how new it was told that its parameters are."""

    def __init__(self, world):
        super().__init__(world, lambda u: outer(u, [1.0]))
        self.told = []

    def seen(self, updates):
        self.told.append(updates)


def test_a_source_hears_how_new_its_parameters_are():
    world = World(ASSIGNMENTS)
    source = Aged(world)
    role = Decoder(0, 2, None, source, FetchPolicy("updates", 2), world, world, world, world.clock)
    while role.step():
        world.version += 1
    assert source.told == [0, 2, 4]


def test_a_source_hears_of_parameters_refreshed_because_of_a_gap():
    world = World(ASSIGNMENTS)
    source = Aged(world)
    source.probe = lambda utterance: Probe((), outer(utterance, [1.0]))
    source.gap = lambda probe: Gap(probe.outer.utterance, 1, 0.0, 0.0, 1.0)
    role = Decoder(
        0,
        2,
        None,
        source,
        FetchPolicy("never"),
        world,
        world,
        world,
        world.clock,
        GapConfig(every=2, reaction="refresh"),
    )
    while role.step():
        world.version += 1
    assert [result.stamp.versions[0] for result in world.results] == [0, 0, 0, 2, 2, 4]
    assert source.told == [0, 2, 4]


def decoder(world, policy, make=lambda u: outer(u, [1.0]), trained=None):
    return Decoder(0, 2, trained, Source(world, make), policy, world, world, world, world.clock)


ASSIGNMENTS = [Assignment(k, f"u{k}", 0) for k in range(6)]


@pytest.mark.parametrize(
    ("policy", "pulled_at"),
    [
        (FetchPolicy("utterance"), [0, 1, 2, 3, 4, 5]),
        (FetchPolicy("never"), [0]),
        (FetchPolicy("updates", 2), [0, 2, 4]),
        (FetchPolicy("seconds", 30), [0, 3]),
        (FetchPolicy("synchronous", 20), [0, 2, 4]),
        (FetchPolicy("synchronous", 15), [0, 2, 3, 5]),
    ],
)
def test_fetch_policies(policy, pulled_at):
    world = World(ASSIGNMENTS)
    role = decoder(world, policy)
    while role.step():
        world.version += 1
        world.time += 10
    assert world.pulls == pulled_at
    stamps = [max(p for p in pulled_at if p <= k) for k in range(6)]
    assert [r.stamp for r in world.results] == [Stamp((s, s), 10.0 * s) for s in stamps]
    assert [r.assignment for r in world.results] == ASSIGNMENTS


@pytest.mark.parametrize("kind", ["seconds", "updates", "synchronous"])
def test_a_period_must_be_positive(kind):
    with pytest.raises(InputError, match="every"):
        FetchPolicy(kind)


def spoiled(value):
    def make(utterance):
        good = outer(utterance, [0.5, 0.25])
        good.values[2] = value
        return good

    return make


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.nan, "outer gradient is not finite"),
        (np.inf, "outer gradient is not finite"),
        (0.26, "outer gradient does not sum to zero"),
    ],
)
def test_a_flawed_outer_gradient_is_a_failure_with_its_reason(value, reason):
    world = World(ASSIGNMENTS[:1])
    decoder(world, FetchPolicy(), spoiled(value)).run()
    (result,) = world.results
    assert result.outer.reason == reason
    assert len(result.outer.frames) == 0


def test_good_rows_have_no_flaw():
    assert flaw_of(outer("u", [0.5, 0.0, -1.0])) is None
    assert flaw_of(outer("u", [])) is None
    # A row that is off hides behind one that is off the other way, unless rows are summed singly.
    crossed = outer("u", [0.5, 0.5])
    crossed.values[:] = [0.5, -0.4, 0.5, -0.6]
    assert flaw_of(crossed) == "outer gradient does not sum to zero"


@pytest.mark.parametrize("mass", [0.0, 0.1])
def test_large_rows_may_round_in_proportion(mass):
    """sMBR on an utterance of minutes: accuracies, and so rows, of thousands; CE mixed in."""
    exact = 6000.0 * rng(3, "rows").standard_normal((20, 30))
    exact -= (exact.sum(axis=1, keepdims=True) - mass) / 30
    values = exact.astype(np.float32).ravel()
    frames = np.arange(20, dtype=np.int32)
    offsets = 30 * np.arange(21, dtype=np.int64)
    pdfs = np.tile(np.arange(30, dtype=np.int32), 20)
    made = OuterGradient(
        "u", 20, frames, offsets, pdfs, values, FrameCounts(20, 20), -1.0, mass=mass
    )
    sums = np.add.reduceat(values, offsets[:-1], dtype=np.float64)
    assert np.abs(sums - mass).max() > 1e-4, "rounding must be about something"
    assert flaw_of(made) is None
    dense_rows(offsets, pdfs, values, 30, mass)
    values[3] *= np.float32(1.5)
    assert "does not sum to" in flaw_of(made)


def test_an_exception_names_the_utterance():
    def make(utterance):
        raise ZeroDivisionError("by zero")

    with pytest.raises(ZeroDivisionError) as caught:
        decoder(World(ASSIGNMENTS[3:]), FetchPolicy(), make).run()
    assert caught.value.__notes__ == ["in decoder 0, utterance u3"]


def outcomes(*lengths, stamps=None):
    stamps = stamps or [Stamp((0, 0), 0.0)] * len(lengths)
    return [
        Outcome(Assignment(k, f"u{k}", 0), outer(f"u{k}", [10.0 * k + t for t in range(n)]), s, 0)
        for k, (n, s) in enumerate(zip(lengths, stamps, strict=True))
    ]


def replica(world, config, make=None, trained=None):
    first = make or (lambda batch: np.array([batch.values[::2].sum(), 1.0], np.float32))
    return Replica(3, 2, trained, Source(world, first), config, world, world, world.clock)


def test_a_batch_holds_one_frame_of_each_of_n_utterances():
    world = World(outcomes(2, 3, 1))
    batches = []

    def make(batch):
        batches.append(list(zip(batch.utterances, batch.frames.tolist(), strict=True)))
        assert batch.values[::2].tolist() == [
            10.0 * int(u[1:]) + t for u, t in zip(batch.utterances, batch.frames, strict=True)
        ]
        assert batch.offsets.tolist() == [2 * k for k in range(len(batch.frames) + 1)]
        return np.zeros(2, np.float32)

    replica(world, AsyncConfig(slots=2), make).run()
    assert batches == [[("u0", 0), ("u1", 0)], [("u0", 1), ("u1", 1)], [("u2", 0), ("u1", 2)]]
    assert [note.finished for _, note in world.pushes] == [(), (0,), (2, 1)]
    assert [note.frames for _, note in world.pushes] == [2, 2, 2]


def test_pulls_and_pushes_at_their_own_intervals():
    world = World(outcomes(7))
    role = replica(world, AsyncConfig(slots=1, n_fetch=3, n_push=2))
    while role.step():
        world.version += 1
    assert world.pulls == [0, 3, 6]
    gradients = [gradient for gradient, _ in world.pushes]
    # Frames 0+1, 2+3, 4+5 and, at the end, what is left.
    assert gradients == [[1, 2], [5, 2], [9, 2], [6, 1]]
    assert [len(note.stamps) for _, note in world.pushes] == [2, 2, 2, 1]
    # A sum is as old as the oldest of its parts.
    assert [note.inner.versions[0] for _, note in world.pushes] == [0, 0, 3, 6]


@pytest.mark.parametrize("slots", [1, 2, 4])
def test_the_split_of_a_batch_changes_nothing_in_a_synchronous_step(slots):
    world = World(outcomes(1, 1, 1, 1))
    replica(world, AsyncConfig(slots=slots, n_fetch=4, n_push=4 // slots)).run()
    ((gradient, note),) = world.pushes
    assert gradient == [0 + 10 + 20 + 30, 4 // slots]
    assert (note.frames, sorted(note.finished)) == (4, [0, 1, 2, 3])


def test_outer_stamps_are_means_over_frames():
    stamps = [Stamp((1, 2), 10.0), Stamp((4, 8), 40.0)]
    world = World(outcomes(2, 1, stamps=stamps), version=9)
    world.time = 50.0
    replica(world, AsyncConfig(slots=2, n_push=2)).run()
    ((_, note),) = world.pushes
    assert note.outer == Stamp((2.0, 4.0), 20.0)
    assert note.inner == Stamp((9, 9), 50.0)
    age = note.outer.age((10, 10), 55.0)
    assert (age.updates, age.seconds) == (7.0, 35.0)


def test_only_the_trained_part_is_pushed():
    world = World(outcomes(1))

    def make(batch):
        return np.array([5.0, 6.0], np.float32)

    replica(world, AsyncConfig(slots=1), make, Selection.of(Span(1, 2))).run()
    assert world.pushes[0][0] == [6.0]


def test_after_the_first_pull_only_the_trained_part_is_fetched():
    trained = Selection.of(Span(1, 2))
    world = World(outcomes(3))
    replica(world, AsyncConfig(slots=1), lambda batch: np.zeros(2, np.float32), trained).run()
    assert world.pulled_parts == [None, trained, trained]
    world = World(ASSIGNMENTS[:2])
    decoder(world, FetchPolicy(), trained=trained).run()
    assert world.pulled_parts == [None, trained]


def test_clipping_by_norm():
    vector = np.array([3.0, 4.0], np.float32)
    norm = norm_of(vector)
    assert norm == pytest.approx(5.0)
    assert clipped(vector, norm, 5.0) is vector
    assert clipped(vector, norm, 1.0) == pytest.approx([0.6, 0.8])
    bad = np.array([np.nan, 1.0], np.float32)
    assert clipped(bad, norm_of(bad), 1.0) is bad


def test_a_push_says_how_long_its_gradient_was():
    def push_note(limit):
        world = World(outcomes(1))
        make = lambda batch: np.array([3.0, 4.0], np.float32)  # noqa: E731
        replica(world, AsyncConfig(slots=1, clip_norm=limit), make).run()
        ((gradient, note),) = world.pushes
        return gradient, note.norm, note.clipped

    assert push_note(0.0) == ([3.0, 4.0], None, False)
    assert push_note(10.0) == ([3.0, 4.0], 5.0, False)
    assert push_note(2.5) == ([1.5, 2.0], 5.0, True)


def test_the_evaluator_measures_what_it_pulls():
    request = EvaluationRequest(0, 5, 1.0, 0.1, 2.0)
    world = World([request], version=5)
    Evaluator(2, Source(world, None), world, world).run()
    assert world.results == [Evaluation(request, HeldOut(5.0))]


def test_rows_are_gathered_into_a_batch():
    one, two = outer("a", [1.0, 2.0, 3.0]), outer("b", [4.0])
    batch = Batch.gather([one, two], [2, 0])
    assert (batch.utterances, batch.frames.tolist()) == (("a", "b"), [2, 0])
    assert batch.values.tolist() == [3.0, -3.0, 4.0, -4.0]
    assert batch.pdfs.dtype == batch.frames.dtype == np.int32


def test_factories_are_found_by_name_or_refused():
    assert Factory.of(HeldOut, criterion=1.0).build() == HeldOut(1.0)
    with pytest.raises(InputError, match="cannot be found"):
        Factory.of(lambda: None)
    with pytest.raises(InputError, match="no_such_thing"):
        Factory("outergrad.workers:no_such_thing").build()
