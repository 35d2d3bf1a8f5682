"""Processor cores that workers share evenly, in virtual time."""

import heapq
from collections.abc import Callable

from outergrad.engine.simulated.world import SERVER, World


class Cores:
    """Processor sharing: n busy workers on c cores each go on at rate min(1, c / n).

    Work is measured on a clock of its own that runs at that rate, on which a piece of work ends
    at a fixed time from the moment when it starts; so each piece costs two events, not one for
    every change of the rate.
    """

    def __init__(self, world: World, count: int) -> None:
        """`count` cores; 0: as many as there are workers."""
        self._world = world
        self._count = count
        self._jobs: list[tuple[float, int, Callable[[], None]]] = []
        self._done = 0.0
        self._since = world.now
        self._ticket = 0

    def use(self, seconds: float) -> None:
        """Be busy for `seconds` of a core; called by the fiber that is."""
        world = self._world
        if seconds <= 0:
            return
        if self._count:
            fiber = world.fiber
            self.run(seconds, lambda: world.wake(fiber))
            world.wait()
        else:
            world.sleep_until(world.now + seconds)

    def run(self, seconds: float, then: Callable[[], None]) -> None:
        """Have a core busy for `seconds` and call `then`."""
        if not self._count:
            self._world.at(self._world.now + seconds, SERVER, then)
            return
        self._advance()
        self._ticket += 1
        heapq.heappush(self._jobs, (self._done + seconds, self._ticket, then))
        self._plan()

    @property
    def _rate(self) -> float:
        return min(1.0, self._count / len(self._jobs)) if self._jobs else 1.0

    def _advance(self) -> None:
        self._done += (self._world.now - self._since) * self._rate
        self._since = self._world.now

    def _plan(self) -> None:
        """Call again when the piece that ends next ends, if nothing changes before."""
        if not self._jobs:
            return
        self._ticket += 1
        ticket, end = self._ticket, self._jobs[0][0]
        left = max(0.0, end - self._done) / self._rate

        def finish() -> None:
            if ticket == self._ticket:
                self._finish(end)

        self._world.at(self._world.now + left, SERVER, finish)

    def _finish(self, end: float) -> None:
        self._advance()
        # Rounding may leave the clock a hair before the end it was planned for.
        self._done = max(self._done, end)
        finished = []
        while self._jobs and self._jobs[0][0] <= self._done:
            finished.append(heapq.heappop(self._jobs)[2])
        self._plan()
        for then in finished:
            then()
