"""State tying by decision trees, grown by likelihood gain."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from outergrad.arrays import BoolArray, Float64Array, Int64Array
from outergrad.bootstrap.config import TreeConfig
from outergrad.bootstrap.contexts import ContextStatistics
from outergrad.bootstrap.gaussian import log_likelihood
from outergrad.errors import InputError
from outergrad.hmm.phones import SILENCE
from outergrad.hmm.topology import Topology
from outergrad.hmm.tying import HMM_STATE, Leaf, Node, Split, StateTying, state_chain

LEFT, RIGHT = 0, 2
"""Positions in a triphone's window that can be asked about."""


@dataclass(frozen=True, eq=False)
class TiedStates:
    """A state tying with the frames that each tied state was built from."""

    tying: StateTying
    """Trees."""
    moments: Float64Array
    """float64 [P, 1 + 2 D], number, sum and sum of squares of the frames of each pdf."""
    gain: float
    """Log-likelihood (nats per frame) that the splits gained over one Gaussian per phone."""


@dataclass(frozen=True)
class BestSplit:
    """The question that divides a set of frames best."""

    gain: float
    """Log-likelihood (nats) gained."""
    position: int
    """What is asked about: `LEFT`, `RIGHT` or `HMM_STATE`."""
    members: frozenset[int]
    """phone_ids or hmm_states for which the answer is yes."""


@dataclass(eq=False)
class _Growing:
    """A node of a tree that is still growing."""

    rows: Int64Array
    best: BestSplit | None = None
    children: tuple[_Growing, _Growing] | None = None


def build_tree(
    statistics: ContextStatistics,
    questions: Sequence[frozenset[int]],
    topology: Topology,
    config: TreeConfig,
    variance_floor: Float64Array,
) -> TiedStates:
    """Tie the hmm_states of triphones.

    One tree per phone, shared by its hmm_states. Always the leaf whose best split gains most,
    over all phones, is split next, until there are enough leaves or no split is allowed.
    Silence is not split by context: each of its hmm_states has a pdf of its own. Phones that were
    never seen get one pdf.

    Args:
        statistics: what was seen.
        questions: sets of phone_ids that contexts may be asked for.
        topology: HMMs of the phones.
        config: limits.
        variance_floor: float64 [D].

    Raises:
        InputError: statistics of phones or hmm_states that the topology does not have.
    """
    phones, states = statistics.windows[:, 1], statistics.hmm_states
    sizes = np.array([0, *(topology.num_states(p) for p in range(1, topology.num_phones + 1))])
    if np.any(phones < 1) or np.any(phones > topology.num_phones):
        raise InputError("statistics of a phone that the topology does not have")
    if np.any(states < 0) or np.any(states >= sizes[phones]):
        raise InputError("statistics of an hmm_state that the topology does not have")
    splitter = _Splitter(statistics, questions, topology, config, variance_floor)
    roots = {
        phone: _Growing(np.flatnonzero(phones == phone))
        for phone in range(1, topology.num_phones + 1)
        if phone != SILENCE
    }
    silence_states = topology.num_states(SILENCE)
    gain = splitter.grow(list(roots.values()), _most_leaves(statistics, config) - silence_states)
    leaves: list[Int64Array] = [
        np.flatnonzero((phones == SILENCE) & (states == state)) for state in range(silence_states)
    ]
    trees: list[Node] = [state_chain([Leaf(state) for state in range(silence_states)])]
    trees += [_finished(root, leaves) for root in roots.values()]
    moments = np.stack([statistics.moments[rows].sum(axis=0) for rows in leaves])
    frames = max(float(statistics.counts.sum()), 1.0)
    return TiedStates(StateTying(3, len(leaves), tuple(trees)), moments, gain / frames)


def best_split(
    statistics: ContextStatistics,
    rows: Int64Array,
    questions: Sequence[tuple[int, frozenset[int]]],
    variance_floor: Float64Array,
    min_occupancy: float,
) -> BestSplit | None:
    """The question that gains most likelihood on `rows` of the statistics.

    Args:
        statistics: of all (window, hmm_state).
        rows: int64, those of the node.
        questions: (position, members).
        variance_floor: float64 [D].
        min_occupancy: frames that both answers must have.

    Returns:
        The best one, or None if no question leaves enough frames on both sides.
    """
    moments = statistics.moments[rows]
    total = moments.sum(axis=0)
    yes = np.zeros((len(questions), len(total)))
    for position in {position for position, _ in questions}:
        values = _values(statistics, position)[rows]
        distinct, inverse = np.unique(values, return_inverse=True)
        by_value = np.zeros((len(distinct), len(total)))
        np.add.at(by_value, inverse.reshape(-1), moments)
        asked = [i for i, question in enumerate(questions) if question[0] == position]
        answers = np.array(
            [[value in questions[i][1] for value in distinct.tolist()] for i in asked], dtype=float
        )
        yes[asked] = answers @ by_value
    return _choose(questions, yes, total, variance_floor, min_occupancy)


def _choose(
    questions: Sequence[tuple[int, frozenset[int]]],
    yes: Float64Array,
    total: Float64Array,
    variance_floor: Float64Array,
    min_occupancy: float,
) -> BestSplit | None:
    no = total - yes
    allowed = (yes[:, 0] >= min_occupancy) & (no[:, 0] >= min_occupancy)
    if not allowed.any():
        return None
    gains = log_likelihood(yes, variance_floor) + log_likelihood(no, variance_floor)
    gains = np.where(allowed, gains - log_likelihood(total, variance_floor), -np.inf)
    best = int(np.argmax(gains))
    return BestSplit(float(gains[best]), *questions[best])


def _values(statistics: ContextStatistics, position: int) -> np.ndarray:
    return statistics.hmm_states if position == HMM_STATE else statistics.windows[:, position]


def _most_leaves(statistics: ContextStatistics, config: TreeConfig) -> int:
    return config.num_leaves or round(0.5 * float(np.sqrt(statistics.counts.sum())))


class _Splitter:
    """Grows trees."""

    def __init__(
        self,
        statistics: ContextStatistics,
        questions: Sequence[frozenset[int]],
        topology: Topology,
        config: TreeConfig,
        variance_floor: Float64Array,
    ) -> None:
        most_states = max(topology.num_states(p) for p in range(1, topology.num_phones + 1))
        self._questions = [
            *((HMM_STATE, frozenset(range(last))) for last in range(1, most_states)),
            *((side, members) for members in questions for side in (LEFT, RIGHT)),
        ]
        self._statistics = statistics
        self._config = config
        self._floor = variance_floor

    def grow(self, roots: list[_Growing], most_leaves: int) -> float:
        """Split until there are `most_leaves`; returns the log-likelihood gained, nats."""
        heap: list[tuple[float, int, _Growing]] = []
        made = 0
        gained = 0.0

        def offer(node: _Growing) -> None:
            nonlocal made
            node.best = best_split(
                self._statistics,
                node.rows,
                self._questions,
                self._floor,
                self._config.min_occupancy,
            )
            if node.best is not None and node.best.gain >= self._config.min_gain:
                heapq.heappush(heap, (-node.best.gain, made, node))
                made += 1

        for root in roots:
            offer(root)
        leaves = len(roots)
        while heap and leaves < most_leaves:
            _, _, node = heapq.heappop(heap)
            gained += self._divide(node)
            leaves += 1
            for child in node.children or ():
                offer(child)
        return gained

    def _divide(self, node: _Growing) -> float:
        split = node.best
        if split is None:
            return 0.0
        values = _values(self._statistics, split.position)[node.rows]
        answers: BoolArray = np.isin(values, sorted(split.members))
        node.children = (_Growing(node.rows[answers]), _Growing(node.rows[~answers]))
        return split.gain


def _finished(node: _Growing, leaves: list[Int64Array]) -> Node:
    if node.children is None or node.best is None:
        leaves.append(node.rows)
        return Leaf(len(leaves) - 1)
    yes, no = (_finished(child, leaves) for child in node.children)
    return Split(node.best.position, node.best.members, yes, no)
