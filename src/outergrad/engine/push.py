"""A gradient on its way to shards that live in the session's process."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from outergrad.arrays import Float32Array
from outergrad.ps.shard import PushOutcome
from outergrad.workers.messages import Age, PushNote

if TYPE_CHECKING:
    from outergrad.engine.session import Session


class Push:
    """Applied shard by shard, then given to `Session.pushed`."""

    def __init__(self, session: "Session", gradient: Float32Array, note: PushNote) -> None:
        self.note = note
        """What goes with it."""
        self.outer = self.inner = Age(0.0, 0.0)
        """Ages of what it was computed from, when it reached its first shard."""
        self.results: list[PushOutcome] = []
        """What shards did with it, so far."""
        self._session = session
        self._gradient = gradient

    def apply(self, shards: Collection[int] | None = None) -> None:
        """Hand `shards` (default: all) their parts."""
        session, note = self._session, self.note
        versions = session.server.versions
        if not self.results:
            now = session.now()
            self.outer, self.inner = note.outer.age(versions, now), note.inner.age(versions, now)
        session.memory.begin(versions)
        self.results += session.server.push(
            self._gradient,
            [int(version) for version in note.inner.versions],
            session.coordinator.schedule.rate,
            session.program.trained,
            shards,
        )
        session.memory.publish(session.server.versions)
