import itertools

import numpy as np
import pytest

from outergrad.bootstrap.config import TreeConfig
from outergrad.bootstrap.contexts import ContextStatistics
from outergrad.bootstrap.tree import LEFT, RIGHT, best_split, build_tree
from outergrad.errors import InputError
from outergrad.hmm.topology import Topology
from outergrad.hmm.tying import HMM_STATE, Leaf
from outergrad.randomness import rng

FLOOR = np.full(2, 1e-12)
FREE = TreeConfig(num_leaves=100, min_occupancy=1.0, min_gain=1e-6)
QUESTIONS = (frozenset({2}), frozenset({3}), frozenset({2, 3}), frozenset({0}), frozenset({4}))


def statistics_of(frames):
    """Context statistics of {(left, phone, right, hmm_state): frames}."""
    keys = np.array(list(frames), dtype=np.int32)
    return ContextStatistics(
        keys[:, :3],
        keys[:, 3],
        np.array([float(len(x)) for x in frames.values()]),
        np.stack([x.sum(axis=0) for x in frames.values()]),
        np.stack([(x**2).sum(axis=0) for x in frames.values()]),
    )


@pytest.fixture
def drawn():
    """All contexts of phones 2 and 3; the left phone 3 moves hmm_states 0 of phone 2."""
    generator = rng(1, "tree")
    frames = {(0, 1, 0, state): generator.normal(9.0, 1.0, (20, 2)) for state in range(5)}
    for phone, left, right, state in itertools.product((2, 3), (1, 2, 3), (1, 2, 3), (0, 1, 2)):
        mean = 4.0 * state + (3.0 if (phone, left, state) == (2, 3, 0) else 0.0)
        mean += 0.3 * generator.standard_normal()
        frames[left, phone, right, state] = generator.normal(mean, 1.0, (15, 2))
    return frames


def test_best_split_is_that_of_brute_force(drawn, gaussian_oracle):
    statistics = statistics_of(drawn)
    asked = [
        (HMM_STATE, frozenset({0})),
        (HMM_STATE, frozenset({0, 1})),
        *((side, members) for members in QUESTIONS for side in (LEFT, RIGHT)),
    ]
    for phone, states in ((2, (0, 1, 2)), (2, (0,)), (3, (1,)), (3, (0, 2))):
        rows = np.flatnonzero(
            (statistics.windows[:, 1] == phone) & np.isin(statistics.hmm_states, states)
        )
        labelled = [
            (key, tuple(x))
            for key, frames in drawn.items()
            if key[1] == phone and key[3] in states
            for x in frames
        ]
        predicates = {
            (position, members): (
                lambda key, at=3 if position == HMM_STATE else position, members=members: (
                    key[at] in members
                )
            )
            for position, members in asked
        }
        gain, predicate = gaussian_oracle.best_binary_split(labelled, list(predicates.values()))
        found = best_split(statistics, rows, asked, FLOOR, 1.0)
        assert found.gain == pytest.approx(gain, rel=1e-9)
        assert predicates[found.position, found.members] is predicate


def test_smallest_occupancy_forbids_questions(drawn):
    statistics = statistics_of(drawn)
    rows = np.flatnonzero((statistics.windows[:, 1] == 2) & (statistics.hmm_states == 0))
    asked = [(LEFT, frozenset({3}))]
    assert best_split(statistics, rows, asked, FLOOR, 45.0) is not None
    assert best_split(statistics, rows, asked, FLOOR, 45.5) is None


def test_context_that_matters_is_found(drawn):
    tied = build_tree(
        statistics_of(drawn),
        QUESTIONS,
        Topology.default(3),
        TreeConfig(num_leaves=12, min_occupancy=10.0, min_gain=30.0),
        FLOOR,
    )
    tying = tied.tying
    in_state_0 = {left: tying.pdf((left, 2, 1), 0) for left in (1, 2, 3)}
    assert in_state_0[1] == in_state_0[2] != in_state_0[3]
    assert len({tying.pdf((left, 2, 1), 2) for left in (1, 2, 3)}) == 1
    assert tied.gain > 0.0
    # The frames of a leaf are those that its tree leads to it.
    counts = np.zeros(tying.num_pdfs)
    for (left, phone, right, state), frames in drawn.items():
        counts[tying.pdf((left, phone, right), state)] += len(frames)
    np.testing.assert_array_equal(tied.moments[:, 0], counts)


def test_silence_keeps_its_states_and_has_no_context(drawn):
    tied = build_tree(statistics_of(drawn), QUESTIONS, Topology.default(3), FREE, FLOOR)
    for state in range(5):
        found = {tied.tying.pdf((a, 1, b), state) for a in range(4) for b in range(4)}
        assert found == {state}
        assert tied.moments[state, 0] == 20.0


def test_unseen_triphones_and_phones_have_pdfs(drawn):
    topology = Topology.default(5)
    tied = build_tree(statistics_of(drawn), QUESTIONS, topology, FREE, FLOOR)
    windows = itertools.product(range(6), range(1, 6), range(6))
    for window in windows:
        for state in range(topology.num_states(window[1])):
            pdf = tied.tying.pdf(window, state)
            assert 0 <= pdf < tied.tying.num_pdfs
            # Only phones that were never seen have pdfs without frames.
            assert (tied.moments[pdf, 0] == 0.0) == (window[1] >= 4)
    assert isinstance(tied.tying.roots[3], Leaf)


@pytest.mark.parametrize("most", [8, 9, 15])
def test_number_of_leaves(drawn, most):
    config = TreeConfig(num_leaves=most, min_occupancy=1.0, min_gain=1e-6)
    tied = build_tree(statistics_of(drawn), QUESTIONS, Topology.default(3), config, FLOOR)
    assert tied.tying.num_pdfs == most


def test_more_leaves_gain_more(drawn):
    gains = [
        build_tree(
            statistics_of(drawn),
            QUESTIONS,
            Topology.default(3),
            TreeConfig(num_leaves=most, min_occupancy=1.0, min_gain=1e-6),
            FLOOR,
        ).gain
        for most in (8, 10, 14, 20)
    ]
    assert np.all(np.diff(gains) > 0.0)


def test_statistics_must_fit_the_topology(drawn):
    with pytest.raises(InputError, match="a phone"):
        build_tree(statistics_of(drawn), QUESTIONS, Topology.default(2), FREE, FLOOR)
    with pytest.raises(InputError, match="an hmm_state"):
        build_tree(
            statistics_of(drawn), QUESTIONS, Topology.default(3, speech_states=2), FREE, FLOOR
        )
