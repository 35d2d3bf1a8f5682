"""Utterances in the hands of decoders: who has which, since when, and which one is overdue."""

from collections import Counter
from dataclasses import dataclass, field

from outergrad.workers.messages import Assignment


@dataclass(slots=True)
class _Held:
    """An utterance that no decoder has brought back yet."""

    assignment: Assignment
    since: float
    decoders: set[int] = field(default_factory=set)


class Decoding:
    """Visits that are being decoded, most by one decoder, overdue ones by two.

    A visit goes from `hand` to the first `bring`; what a second decoder brings is not wanted any
    more. All of it takes constant time, for the simulated engine has thousands of decoders.
    """

    def __init__(self) -> None:
        self._held: dict[int, _Held] = {}
        self._visit_of: dict[int, int] = {}
        self._waiting: dict[int, None] = {}
        self._counts: Counter[int] = Counter()

    def count(self, replica: int) -> int:
        """Visits of a replica that are being decoded."""
        return self._counts[replica]

    def holds(self, visit: int) -> bool:
        """Whether a visit is being decoded."""
        return visit in self._held

    def hand(self, decoder: int, assignment: Assignment, now: float) -> None:
        """A decoder starts on a new visit."""
        self._held[assignment.visit] = _Held(assignment, now, {decoder})
        self._visit_of[decoder] = assignment.visit
        self._waiting[assignment.visit] = None
        self._counts[assignment.replica] += 1

    def overdue(self, decoder: int, before: float) -> Assignment | None:
        """The visit begun longest ago, if that was before `before`, handed to `decoder` as well.

        Visits that a second decoder has already are left to the two of them.
        """
        visit = next(iter(self._waiting), None)
        if visit is None or self._held[visit].since >= before:
            return None
        held = self._held[visit]
        if decoder in held.decoders:
            return None
        del self._waiting[visit]
        held.decoders.add(decoder)
        self._visit_of[decoder] = visit
        return held.assignment

    def bring(self, decoder: int, visit: int) -> bool:
        """A decoder is done with a visit; whether it is the first to bring it."""
        if self._visit_of.get(decoder) == visit:
            del self._visit_of[decoder]
        held = self._held.pop(visit, None)
        if held is None:
            return False
        self._waiting.pop(visit, None)
        self._counts[held.assignment.replica] -= 1
        return True

    def lose(self, decoder: int) -> Assignment | None:
        """A decoder died: the visit that nobody else has, or None."""
        visit = self._visit_of.pop(decoder, None)
        held = self._held.get(visit) if visit is not None else None
        if held is None:
            return None
        held.decoders.discard(decoder)
        if held.decoders:
            return None
        self.bring(decoder, held.assignment.visit)
        return held.assignment

    def clear(self) -> None:
        """All decoders are gone."""
        self._held.clear()
        self._visit_of.clear()
        self._waiting.clear()
        self._counts.clear()
