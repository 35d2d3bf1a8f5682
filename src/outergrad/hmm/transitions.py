"""Transition model: transition_ids, what they stand for, and their probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from outergrad.arrays import BoolArray, Float64Array, Int32Array
from outergrad.errors import InputError
from outergrad.hmm.phones import PhoneTable
from outergrad.hmm.topology import Topology
from outergrad.hmm.tying import StateTying

Scalar = TypeVar("Scalar", bound=np.generic)


class TransitionModel:
    """Transition probabilities, shared among all contexts with the same (phone, hmm_state, pdf).

    A triple (phone, hmm_state, pdf_id) is a transition-state; its arcs in the topology are numbered
    by transition_ids 1, 2, ... in the order of the triples and, within one, of the topology. This
    is the numbering of Kaldi's ``show-transitions``.

    Attributes (arrays are indexed by transition_id, entry 0 is unused):
        pdf_of: int32, pdf_id (-1 in entry 0).
        phone_of: int32, phone_id.
        hmm_state_of: int32, hmm_state that emits.
        next_hmm_state_of: int32, hmm_state that the transition leads to.
        is_exit: bool, the transition leaves the phone.
        is_self_loop: bool, the transition leads back to its own hmm_state.
        self_loop_of: int32, transition_id of the self-loop of the same transition-state, or 0.
        transition_state_of: int32, number of the triple, 1-based.
        log_prob: float64, natural log; the transitions of a transition-state sum to 1.
    """

    def __init__(
        self,
        topology: Topology,
        tying: StateTying,
        phones: PhoneTable,
        log_prob: Float64Array | None = None,
    ) -> None:
        """Number the transitions of `topology` under `tying`.

        Args:
            topology: HMMs of the phones, which also give the initial probabilities.
            tying: pdfs of the hmm_states.
            phones: names of the phones.
            log_prob: float64 [num_transition_ids + 1], instead of the initial probabilities.

        Raises:
            InputError: the parts disagree about the number of phones, or `log_prob` is not
                one distribution per transition-state.
        """
        if not len(phones) == topology.num_phones == tying.num_phones:
            raise InputError(
                f"{len(phones)} phones, but topology for {topology.num_phones} and state tying "
                f"for {tying.num_phones}"
            )
        self.topology = topology
        self.tying = tying
        self.phones = phones
        rows: list[tuple[int, int, int, int, int]] = [(-1, 0, -1, -1, 0)]
        initial = [0.0]
        by_triple: dict[tuple[int, int, int], tuple[tuple[int, int], ...]] = {}
        for phone in range(1, topology.num_phones + 1):
            for state, arcs in enumerate(topology.arcs(phone)):
                for pdf in tying.pdfs(phone, state):
                    first = len(rows)
                    by_triple[phone, state, pdf] = tuple(
                        (first + i, target) for i, (target, _) in enumerate(arcs)
                    )
                    for target, probability in arcs:
                        rows.append((pdf, phone, state, target, len(by_triple)))
                        initial.append(np.log(probability))
        table = np.array(rows, dtype=np.int32)
        self.pdf_of: Int32Array = _frozen(table[:, 0])
        self.phone_of: Int32Array = _frozen(table[:, 1])
        self.hmm_state_of: Int32Array = _frozen(table[:, 2])
        self.next_hmm_state_of: Int32Array = _frozen(table[:, 3])
        self.transition_state_of: Int32Array = _frozen(table[:, 4])
        exits = [-2, *(topology.num_states(p) for p in range(1, topology.num_phones + 1))]
        self.is_exit: BoolArray = _frozen(table[:, 3] == np.array(exits)[table[:, 1]])
        loops = table[:, 2] == table[:, 3]
        loops[0] = False
        self.is_self_loop: BoolArray = _frozen(loops)
        loop_of_state = np.zeros(len(by_triple) + 1, dtype=np.int32)
        loop_of_state[self.transition_state_of[loops]] = np.flatnonzero(loops)
        self.self_loop_of: Int32Array = _frozen(loop_of_state[self.transition_state_of])
        self._by_triple: Mapping[tuple[int, int, int], tuple[tuple[int, int], ...]] = by_triple
        self.log_prob: Float64Array = _frozen(np.array(initial if log_prob is None else log_prob))
        self._check_log_prob()

    @property
    def num_transition_ids(self) -> int:
        """Number of transition_ids, which is also the largest of them."""
        return len(self.pdf_of) - 1

    @property
    def num_transition_states(self) -> int:
        """Number of triples (phone, hmm_state, pdf_id)."""
        return len(self._by_triple)

    @property
    def num_pdfs(self) -> int:
        """Number of pdfs."""
        return self.tying.num_pdfs

    def transition_ids(self, phone: int, hmm_state: int, pdf: int) -> tuple[tuple[int, int], ...]:
        """The transitions of a transition-state: (transition_id, next hmm_state), ...

        Raises:
            InputError: `hmm_state` of `phone` never has this pdf.
        """
        try:
            return self._by_triple[phone, hmm_state, pdf]
        except KeyError:
            raise InputError(
                f"hmm_state {hmm_state} of phone_id {phone} never has pdf_id {pdf}"
            ) from None

    def update(
        self, counts: Float64Array, *, floor: float = 0.01, min_count: float = 5.0
    ) -> TransitionModel:
        """Maximum-likelihood transition probabilities, floored.

        p_i = max(floor, λ c_i) with λ such that the probabilities of a transition-state sum to 1.

        Args:
            counts: float64 [num_transition_ids + 1], how often each transition was taken (frames);
                entry 0 is not used.
            floor: smallest probability.
            min_count: transition-states seen less often than this keep their probabilities.

        Raises:
            InputError: wrong length, or counts that are negative or not finite.
        """
        if counts.shape != self.log_prob.shape:
            raise InputError(f"{len(counts)} counts for {len(self.log_prob)} transition_ids + 1")
        if not np.all(np.isfinite(counts)) or np.any(counts < 0):
            raise InputError("transition counts must be finite and not negative")
        log_prob = self.log_prob.copy()
        for arcs in self._by_triple.values():
            ids = [transition for transition, _ in arcs]
            if len(ids) > 1 and counts[ids].sum() >= min_count:
                log_prob[ids] = np.log(_floored(counts[ids], floor))
        return TransitionModel(self.topology, self.tying, self.phones, log_prob)

    def _check_log_prob(self) -> None:
        if self.log_prob.shape != self.pdf_of.shape:
            raise InputError(
                f"{len(self.log_prob)} transition probabilities for {len(self.pdf_of)} entries"
            )
        if not np.all(np.isfinite(self.log_prob)):
            raise InputError("transition probabilities must be positive and finite")
        sums = np.bincount(self.transition_state_of[1:], weights=np.exp(self.log_prob[1:]))[1:]
        if np.any(np.abs(sums - 1.0) > 1e-4):
            raise InputError("the probabilities of a transition-state must sum to 1")


def _floored(counts: Float64Array, floor: float) -> Float64Array:
    at_floor = np.zeros(len(counts), dtype=bool)
    floor = min(floor, 1.0 / len(counts))
    while True:
        free = counts[~at_floor].sum()
        if free == 0.0:
            return np.full(len(counts), 1.0 / len(counts))
        p = np.where(at_floor, floor, counts / free * (1.0 - floor * at_floor.sum()))
        below = ~at_floor & (p < floor)
        if not below.any():
            return p
        at_floor |= below


def _frozen(array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array
