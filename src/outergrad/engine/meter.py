"""What the person who watches is told about once a second: rates, recent ages, recent criterion."""

from collections import deque

from outergrad.engine.events import Statistics
from outergrad.engine.result import Staleness
from outergrad.engine.roster import Roster
from outergrad.workers.config import AsyncConfig
from outergrad.workers.coordinator import Coordinator
from outergrad.workers.messages import Age, Outcome

RECENT_PUSHES = 512
"""Ages are those of so many pushes: enough for a 95th percentile."""
RECENT_UTTERANCES = 256
"""The criterion in training is a mean over the frames of so many utterances."""


class Meter:
    """Counts what the session hears; everything is constant work."""

    def __init__(self) -> None:
        self._outer: deque[Age] = deque(maxlen=RECENT_PUSHES)
        self._inner: deque[Age] = deque(maxlen=RECENT_PUSHES)
        self._values: deque[tuple[float, int]] = deque(maxlen=RECENT_UTTERANCES)
        self._frames = 0
        self._last = (0.0, 0, 0, 0)

    def begin(self, watched: float, coordinator: Coordinator) -> None:
        """Rates count from here: the start of a run, or where a snapshot left it.

        Args:
            watched: seconds of the person who waits.
            coordinator: knows what is done.
        """
        self._last = (watched, coordinator.updates, _done(coordinator), self._frames)

    def used(self, outcome: Outcome) -> None:
        """An outer gradient went to a replica, or needs not to because it has no kept frames."""
        outer = outcome.outer
        self._frames += outer.num_frames
        if not outer.failed and outer.num_frames:
            self._values.append((outer.value, outer.num_frames))

    def pushed(self, outer: Age, inner: Age) -> None:
        """Shards have had a push."""
        self._outer.append(outer)
        self._inner.append(inner)

    def statistics(
        self,
        now: float,
        watched: float,
        coordinator: Coordinator,
        config: AsyncConfig,
        roster: Roster,
    ) -> Statistics:
        """How the run is doing at time `now`; rates are those since the last call."""
        since, updates, visits, frames = self._last
        self.begin(watched, coordinator)
        done, seconds = _done(coordinator), watched - since
        total = sum(count for _, count in self._values)
        return Statistics(
            time=now,
            watched=watched,
            updates=coordinator.updates,
            epoch=coordinator.visits.epoch,
            epochs=config.schedule.epochs,
            visits=done,
            failed=coordinator.visits.counts.failed,
            rate=coordinator.schedule.rate,
            queues=coordinator.queue_lengths(),
            queue=config.queue,
            updates_per_second=_rate(coordinator.updates - updates, seconds),
            utterances_per_second=_rate(done - visits, seconds),
            frames_per_second=_rate(self._frames - frames, seconds),
            outer=Staleness.of(self._outer) if self._outer else None,
            inner=Staleness.of(self._inner) if self._inner else None,
            criterion=sum(value for value, _ in self._values) / total if total else None,
            best=coordinator.schedule.best,
            roster=roster.presences(),
        )


def _done(coordinator: Coordinator) -> int:
    counts = coordinator.visits.counts
    return counts.completed + counts.failed


def _rate(count: int, seconds: float) -> float:
    return count / seconds if seconds > 0 else 0.0
