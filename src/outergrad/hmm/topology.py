"""HMM topology: which hmm_states a phone has and how they are connected."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from outergrad.errors import InputError
from outergrad.hmm.phones import SILENCE

Arcs = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class PhoneHmm:
    """The HMM of one phone: for each emitting hmm_state its arcs (next hmm_state, probability).

    A phone is entered at hmm_state 0; hmm_state ``len(states)`` is the exit and emits nothing.

    Raises:
        InputError: probabilities that are not positive or do not sum to 1, arcs that lead
            nowhere or twice to the same place, states that cannot be reached or not be left.
    """

    states: tuple[Arcs, ...]

    def __post_init__(self) -> None:
        exit_state = len(self.states)
        if exit_state == 0:
            raise InputError("a phone needs at least one emitting hmm_state")
        for state, arcs in enumerate(self.states):
            targets = [target for target, _ in arcs]
            if len(set(targets)) != len(targets):
                raise InputError(f"hmm_state {state}: two arcs to the same hmm_state: {targets}")
            if any(not 0 <= target <= exit_state for target in targets):
                raise InputError(f"hmm_state {state}: arcs {targets} outside 0 ... {exit_state}")
            if any(not 0.0 < p <= 1.0 for _, p in arcs):
                raise InputError(f"hmm_state {state}: probabilities must be in (0, 1]")
            if abs(math.fsum(p for _, p in arcs) - 1.0) > 1e-6:
                raise InputError(f"hmm_state {state}: probabilities must sum to 1")
        forward = [{t for t, _ in arcs} for arcs in self.states]
        backward: list[set[int]] = [set() for _ in range(exit_state + 1)]
        for state, targets_of in enumerate(forward):
            for target in targets_of:
                backward[target].add(state)
        if len(_closure(0, [*forward, set()])) != exit_state + 1:
            raise InputError("every hmm_state and the exit must be reachable from hmm_state 0")
        if len(_closure(exit_state, backward)) != exit_state + 1:
            raise InputError("the exit must be reachable from every hmm_state")

    @classmethod
    def left_to_right(cls, num_states: int, self_loop: float = 0.75) -> PhoneHmm:
        """Bakis model without skips: every hmm_state loops or goes on to the next."""
        return cls(
            tuple(((s, self_loop), (s + 1, 1.0 - self_loop)) for s in range(num_states)),
        )

    @classmethod
    def ergodic(cls, num_states: int) -> PhoneHmm:
        """Silence as in Kaldi's recipes: all middle hmm_states are connected with one another.

        hmm_state 0 goes to itself or to any middle one, a middle one to any middle one or to
        the last, the last loops (0.75) or leaves.
        """
        if num_states < 3:
            return cls.left_to_right(num_states)
        last = num_states - 1
        first_arcs = tuple((t, 1.0 / last) for t in range(last))
        middle_arcs = tuple((t, 1.0 / last) for t in range(1, num_states))
        return cls(
            (first_arcs, *(middle_arcs for _ in range(1, last)), ((last, 0.75), (last + 1, 0.25)))
        )


@dataclass(frozen=True)
class Topology:
    """The HMMs of all phones.

    Attributes:
        phones: HMM of phone_id 1, 2, ...
    """

    phones: tuple[PhoneHmm, ...]

    def __post_init__(self) -> None:
        if not self.phones:
            raise InputError("a topology needs at least one phone")

    @classmethod
    def default(
        cls, num_phones: int, *, speech_states: int = 3, silence_states: int = 5
    ) -> Topology:
        """Left-to-right phones, and silence (phone 1) with an ergodic middle.

        Args:
            num_phones: number of phones, silence included.
            speech_states: emitting hmm_states of a phone.
            silence_states: emitting hmm_states of silence.
        """
        if num_phones < 1:
            raise InputError("a topology needs at least one phone")
        speech = PhoneHmm.left_to_right(speech_states)
        silence = PhoneHmm.ergodic(silence_states)
        return cls((silence, *(speech for _ in range(SILENCE, num_phones))))

    @property
    def num_phones(self) -> int:
        """Number of phones, silence included."""
        return len(self.phones)

    def hmm(self, phone: int) -> PhoneHmm:
        """HMM of phone_id `phone`.

        Raises:
            InputError: there is no such phone.
        """
        if not 1 <= phone <= len(self.phones):
            raise InputError(f"phone_id {phone} is outside 1 ... {len(self.phones)}")
        return self.phones[phone - 1]

    def arcs(self, phone: int) -> tuple[Arcs, ...]:
        """For each emitting hmm_state of `phone`: (next hmm_state, initial probability), ..."""
        return self.hmm(phone).states

    def num_states(self, phone: int) -> int:
        """Number of emitting hmm_states of `phone`, which is also the number of its exit."""
        return len(self.hmm(phone).states)

    def to_json(self) -> dict[str, Any]:
        """This topology as JSON-able objects."""
        kinds = list(dict.fromkeys(self.phones))
        return {
            "kinds": [[[list(arc) for arc in arcs] for arcs in kind.states] for kind in kinds],
            "phones": [kinds.index(phone) for phone in self.phones],
        }

    @classmethod
    def from_json(cls, stored: Any) -> Topology:
        """The topology that `to_json` described.

        Raises:
            InputError: `stored` does not describe a topology.
        """
        try:
            kinds = [
                PhoneHmm(tuple(tuple((int(t), float(p)) for t, p in arcs) for arcs in kind))
                for kind in stored["kinds"]
            ]
            if any(not 0 <= index < len(kinds) for index in stored["phones"]):
                raise InputError("a phone's kind of HMM is not listed")
            return cls(tuple(kinds[index] for index in stored["phones"]))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"not a topology: {error!r}") from error


def _closure(start: int, targets: list[set[int]]) -> set[int]:
    reached = {start}
    frontier = [start]
    while frontier:
        for target in targets[frontier.pop()]:
            if target not in reached:
                reached.add(target)
                frontier.append(target)
    return reached
