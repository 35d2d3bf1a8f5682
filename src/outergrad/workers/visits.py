"""Which utterance is handed out next, and what became of each visit."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from outergrad.errors import InputError
from outergrad.randomness import rng
from outergrad.workers.messages import Assignment

MAX_DEATHS = 2
"""A decoder may die that often over one utterance before the utterance is given up."""


@dataclass(slots=True)
class VisitCounts:
    """Visits by what became of them: handed = completed + failed + lost + open."""

    handed: int = 0
    """Utterances handed to decoders."""
    completed: int = 0
    """All kept frames used."""
    failed: int = 0
    """No outer gradient; reasons are counted apart."""
    lost: int = 0
    """Died with a worker, handed out again."""
    backups: int = 0
    """Given to a second decoder because the first took too long; not counted as handed again."""
    reasons: dict[str, int] = field(default_factory=dict)
    """Failures by reason."""


class Visits:
    """Hands out each replica's subset epoch by epoch; nothing is lost silently."""

    def __init__(self, utterances: Sequence[str], replicas: int, epochs: int, seed: int) -> None:
        """Visits of `utterances`, `epochs` times each, split among `replicas`.

        Raises:
            InputError: fewer utterances than replicas, or an id twice.
        """
        if len(utterances) < replicas:
            raise InputError(f"{len(utterances)} utterances cannot be split among {replicas}")
        if len(set(utterances)) < len(utterances):
            twice = Counter(utterances).most_common(1)[0][0]
            raise InputError(f"utterance {twice} is listed twice")
        self.counts = VisitCounts()
        self._epochs = epochs
        self._seed = seed
        self._done = dict.fromkeys(utterances, 0)
        order = rng(seed, "subsets").permutation(len(utterances))
        self._subsets = [[utterances[i] for i in order[r::replicas]] for r in range(replicas)]
        self._pending: list[deque[str]] = [deque() for _ in range(replicas)]
        self._epoch = [0] * replicas
        self._open: dict[int, Assignment] = {}
        self._num_open = [0] * replicas
        self._deaths: Counter[str] = Counter()

    @property
    def epoch(self) -> float:
        """Visits done, completed or failed, divided by the number of utterances."""
        return (self.counts.completed + self.counts.failed) / len(self._done)

    @property
    def finished(self) -> bool:
        """Whether every visit of every utterance is done."""
        if self._open:
            return False
        return all(self.exhausted(replica) for replica in range(len(self._subsets)))

    def exhausted(self, replica: int) -> bool:
        """Whether there is nothing to hand out for a replica, unless a visit gets lost."""
        self._fill(replica)
        return not self._pending[replica]

    def num_open(self, replica: int) -> int:
        """Visits of a replica that were handed out and are not done."""
        return self._num_open[replica]

    def take(self, replica: int) -> Assignment | None:
        """The next utterance for a decoder of `replica`, or None when there is none for now."""
        if self.exhausted(replica):
            return None
        self.counts.handed += 1
        assignment = Assignment(self.counts.handed, self._pending[replica].popleft(), replica)
        self._open[assignment.visit] = assignment
        self._num_open[replica] += 1
        return assignment

    def _close(self, visit: int) -> Assignment | None:
        assignment = self._open.pop(visit, None)
        if assignment is not None:
            self._num_open[assignment.replica] -= 1
        return assignment

    def complete(self, visit: int) -> None:
        """All kept frames of a visit were used; a visit that is not open is ignored."""
        assignment = self._close(visit)
        if assignment is not None:
            self.counts.completed += 1
            self._done[assignment.utterance] += 1

    def fail(self, visit: int, reason: str) -> None:
        """A visit gave no outer gradient; a visit that is not open is ignored."""
        assignment = self._close(visit)
        if assignment is not None:
            self.counts.failed += 1
            self.counts.reasons[reason] = self.counts.reasons.get(reason, 0) + 1
            self._done[assignment.utterance] += 1

    def lose(self, visit: int, *, suspect: bool = False) -> None:
        """A worker died over a visit: its utterance is handed out again, next of all.

        Args:
            visit: which visit.
            suspect: whether the utterance itself may have killed the worker. When it has been
                suspected too often the visit fails instead.
        """
        assignment = self._open.get(visit)
        if assignment is None:
            return
        self._deaths[assignment.utterance] += suspect
        if self._deaths[assignment.utterance] >= MAX_DEATHS:
            self.fail(visit, "its decoder died over it")
            return
        self._close(visit)
        self.counts.lost += 1
        self._pending[assignment.replica].appendleft(assignment.utterance)

    def _fill(self, replica: int) -> None:
        """Start the next epoch of a replica's subset when it has been handed out."""
        subset = self._subsets[replica]
        while not self._pending[replica] and self._epoch[replica] < self._epochs:
            epoch = self._epoch[replica]
            self._epoch[replica] += 1
            order = rng(self._seed, "order", replica, epoch).permutation(len(subset))
            # After a resume some were already visited in this epoch.
            left = [subset[i] for i in order if self._done[subset[i]] <= epoch]
            self._pending[replica].extend(left)

    def lose_all(self) -> None:
        """All workers are gone: every open visit is handed out again."""
        for visit in sorted(self._open, reverse=True):
            self.lose(visit)

    def state(self) -> dict[str, Any]:
        """JSON-able state; open visits count as lost in it."""
        counts = self.counts
        return {
            "done": dict(self._done),
            "handed": counts.handed,
            "completed": counts.completed,
            "failed": counts.failed,
            "lost": counts.lost + len(self._open),
            "backups": counts.backups,
            "reasons": dict(counts.reasons),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`, made with any number of replicas.

        Raises:
            InputError: the state is about other utterances.
        """
        if set(state["done"]) != set(self._done):
            raise InputError("the snapshot was made with other training utterances")
        self._done = dict(state["done"])
        names = ("handed", "completed", "failed", "lost", "backups")
        self.counts = VisitCounts(
            **{name: state[name] for name in names}, reasons=dict(state["reasons"])
        )
        self._open.clear()
        self._num_open = [0] * len(self._subsets)
        for replica, pending in enumerate(self._pending):
            pending.clear()
            self._epoch[replica] = min(self._done[u] for u in self._subsets[replica])
