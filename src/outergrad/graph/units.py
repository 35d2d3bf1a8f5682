"""What every graph is made of: weighted HMMs of phones in context, one per distinct tied HMM."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from outergrad.arrays import Float64Array, Int32Array, Int64Array
from outergrad.errors import InputError
from outergrad.hmm.model import HmmModel
from outergrad.hmm.transitions import TransitionModel

ENTRY = -1
"""Source of the transitions with which a phone is entered."""

# An arc of a unit: node it leaves (ENTRY at the begin of the phone), node it reaches, transition.
_UnitArc = tuple[int, int, int]


@dataclass(frozen=True)
class GraphConfig:
    """How words, phones and HMMs are weighted in a graph."""

    silence_probability: float = 0.5
    """Probability of silence before the first word and after every word, 0 ... 1."""
    transition_scale: float = 1.0
    """Factor on the log probabilities of leaving an hmm_state towards one or another next one."""
    self_loop_scale: float = 0.1
    """Factor on the log probabilities of staying in an hmm_state or leaving it."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.silence_probability <= 1.0:
            raise InputError(
                f"silence_probability must be in 0 ... 1, not {self.silence_probability}"
            )
        for name in ("transition_scale", "self_loop_scale"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise InputError(f"{name} must be 0 or more, not {getattr(self, name)}")

    @property
    def silence_costs(self) -> tuple[float, float]:
        """Costs of silence and of no silence; inf if impossible."""
        p = self.silence_probability
        return _cost(p), _cost(1.0 - p)


def transition_costs(transitions: TransitionModel, config: GraphConfig) -> Float64Array:
    """Cost of each transition as graphs carry it (Kaldi's ``make-h-transducer`` and
    ``add-self-loops``).

    With q the probability of an hmm_state's self-loop, the self-loop costs -s log q and a
    transition of probability p that leaves the hmm_state costs -t log(p / (1 - q)) - s log(1 - q);
    t is the transition scale, s the self-loop scale.

    Args:
        transitions: transition model.
        config: scales.

    Returns:
        float64 [num_transition_ids + 1], entry 0 unused.
    """
    leaving = np.where(transitions.is_self_loop, 0.0, np.exp(transitions.log_prob))
    leaving[0] = 0.0
    state = transitions.transition_state_of
    log_leave = np.log(np.maximum(np.bincount(state, weights=leaving), np.finfo(float).tiny))[state]
    costs = np.where(
        transitions.is_self_loop,
        -config.self_loop_scale * transitions.log_prob,
        -config.transition_scale * (transitions.log_prob - log_leave)
        - config.self_loop_scale * log_leave,
    )
    costs[0] = 0.0
    return costs


class UnitTable:
    """The distinct HMMs of phones in context, numbered as they are asked for.

    A unit is a phone with the pdfs of its hmm_states. Its *nodes* are its transitions that leave an
    hmm_state: the arc into a node consumes the first frame of that hmm_state (and so knows, as
    in Kaldi's reordered graphs, where the hmm_state will be left to), the node's self-loop the
    others. All paths through a unit are paths from its entry to a node that leads to its exit.
    """

    def __init__(self, hmm: HmmModel, config: GraphConfig) -> None:
        """An empty table.

        Args:
            hmm: topology, state tying and transitions.
            config: scales of the transitions' costs.
        """
        self.hmm = hmm
        self.costs = transition_costs(hmm.transitions, config)
        self._of_window: dict[tuple[int, ...], int] = {}
        self._of_pdfs: dict[tuple[int, ...], int] = {}
        self.nodes: list[tuple[int, ...]] = []
        """Of each unit, the transition_ids that are its nodes."""
        self.exits: list[tuple[int, ...]] = []
        """Of each unit, its nodes (positions in `nodes`) that lead to the exit."""
        self._arcs: list[list[_UnitArc]] = []
        self._flat: tuple[int, FlatUnits] | None = None

    def __len__(self) -> int:
        return len(self.nodes)

    def unit(self, window: tuple[int, ...]) -> int:
        """The unit of the phone in the middle of `window`.

        Args:
            window: `context_width` phone_ids, 0 beyond the ends of the utterance.
        """
        known = self._of_window.get(window)
        if known is not None:
            return known
        phone = window[len(window) // 2]
        pdfs = tuple(
            self.hmm.tying.pdf(window, state)
            for state in range(self.hmm.topology.num_states(phone))
        )
        unit = self._of_pdfs.setdefault((phone, *pdfs), len(self))
        if unit == len(self):
            self._add(phone, pdfs)
        self._of_window[window] = unit
        return unit

    def _add(self, phone: int, pdfs: tuple[int, ...]) -> None:
        transitions = [
            self.hmm.transitions.transition_ids(phone, state, pdf) for state, pdf in enumerate(pdfs)
        ]
        leaving = [
            (state, transition, target)
            for state, arcs in enumerate(transitions)
            for transition, target in arcs
            if target != state
        ]
        into: list[list[int]] = [[] for _ in pdfs]
        for node, (state, _, _) in enumerate(leaving):
            into[state].append(node)
        arcs: list[_UnitArc] = [(ENTRY, node, leaving[node][1]) for node in into[0]]
        for node, (state, _, target) in enumerate(leaving):
            loop = next((t for t, to in transitions[state] if to == state), None)
            if loop is not None:
                arcs.append((node, node, loop))
            if target < len(pdfs):
                arcs += [(node, after, leaving[after][1]) for after in into[target]]
        self._arcs.append(arcs)
        self.nodes.append(tuple(transition for _, transition, _ in leaving))
        self.exits.append(
            tuple(node for node, (_, _, target) in enumerate(leaving) if target == len(pdfs))
        )

    def flat(self) -> FlatUnits:
        """All units so far as arrays."""
        if self._flat is None or self._flat[0] != len(self):
            self._flat = len(self), FlatUnits.of(self._arcs)
        return self._flat[1]


@dataclass(frozen=True)
class FlatUnits:
    """The arcs of all units, one after another.

    Attributes:
        first: int64 [unit + 1], offsets into the other arrays.
        source: int32 [arc], node that is left, `ENTRY` at the begin of the phone.
        destination: int32 [arc], node that is reached.
        transition: int32 [arc], transition_id.
        num_nodes: int64 [unit].
    """

    first: Int64Array
    source: Int32Array
    destination: Int32Array
    transition: Int32Array
    num_nodes: Int64Array

    @classmethod
    def of(cls, units: list[list[_UnitArc]]) -> FlatUnits:
        """Lay out the arcs of `units`."""
        first = np.zeros(len(units) + 1, dtype=np.int64)
        np.cumsum([len(arcs) for arcs in units], out=first[1:])
        table = np.array([arc for arcs in units for arc in arcs], dtype=np.int32).reshape(-1, 3)
        source, destination, transition = (np.ascontiguousarray(table[:, i]) for i in range(3))
        num_nodes = [1 + max(destination for _, destination, _ in arcs) for arcs in units]
        return cls(first, source, destination, transition, np.array(num_nodes, dtype=np.int64))


def _cost(probability: float) -> float:
    return -math.log(probability) if probability > 0.0 else math.inf
