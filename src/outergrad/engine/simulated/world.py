"""Virtual time: worker code in coroutines of its own, of which exactly one runs at a time.

A worker goes on until it sleeps or waits. It then looks for the next event in order of (time,
priority, number) itself and switches to whom that event wakes, so there is no scheduler, and no
switch where a worker's own event is the next. What runs when depends on nothing but the events.

Fibers are greenlets: all in one thread, for which the roles need not be written differently than
for engines where they block. Threads that hand over a lock would do the same, but on a busy
machine each of the millions of hand-overs waits for the system's scheduler.
"""

import heapq
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from greenlet import getcurrent, greenlet

from outergrad.errors import RunError

SERVER, EVALUATOR, REPLICA, DECODER = range(4)
"""Who goes first at equal times. Whoever needs something goes before whoever provides it, so
without costs everything is provided when it is needed, as in the serial loop."""


class Ended(BaseException):
    """Raised in a worker that waits when the run ends; not an Exception, so no role catches it."""


class Fiber:
    """A worker's coroutine."""

    __slots__ = ("name", "priority", "thread")

    def __init__(self, name: str, priority: int, thread: greenlet) -> None:
        self.name = name
        self.priority = priority
        self.thread = thread


class World:
    """The clock, the events to come and the fibers."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        """Virtual seconds."""
        self.events = 0
        """Events so far."""
        self._heap: list[tuple[float, int, int, Any]] = []
        self._number = 0
        self._fibers: list[Fiber] = []
        self._running: Fiber | None = None
        self._stopped = False
        self._newcomer: Fiber | None = None
        self._home = getcurrent()

    # ---- before and after ----

    def spawn(self, name: str, priority: int, run: Callable[[], None]) -> Fiber:
        """A fiber that starts now; `name` is for debuggers."""

        def life() -> None:
            try:
                run()
            except Ended:
                return

        fiber = Fiber(name, priority, greenlet(life, parent=self._home))
        self._fibers.append(fiber)
        self.wake(fiber)
        return fiber

    def run(self) -> None:
        """Let time pass until `stop`; whatever a fiber raises is raised here.

        Raises:
            RunError: everybody waits for somebody else.
        """
        while not self._stopped:
            if self._newcomer is not None:
                newcomer, self._newcomer = self._newcomer, None
                newcomer.thread.switch()
                continue
            if not self._heap:
                raise RunError("all workers wait, but visits are open: please report this")
            try:
                # Comes back when a fiber has ended, and when nothing is left to happen.
                self._pass_on(None)
            except Ended:
                return

    def end(self) -> None:
        """End all fibers, wherever they are."""
        for fiber in self._fibers:
            # One that has never run lets the exception through.
            with suppress(Ended):
                fiber.thread.throw(Ended)
        self._fibers.clear()
        self._heap.clear()

    # ---- for fibers and events ----

    @property
    def fiber(self) -> Fiber:
        """The fiber that runs."""
        assert self._running is not None
        return self._running

    def at(self, time: float, priority: int, action: Callable[[], None]) -> None:
        """Call `action` at `time`, in whatever fiber looks for events then; it must not wait."""
        self._number += 1
        heapq.heappush(self._heap, (time, priority, self._number, action))

    def wake(self, fiber: Fiber, time: float | None = None) -> None:
        """Let a waiting fiber go on at `time`, by default as soon as its turn comes."""
        self._number += 1
        when = self.now if time is None else time
        heapq.heappush(self._heap, (when, fiber.priority, self._number, fiber))

    def sleep_until(self, time: float) -> None:
        """Wait until `time`; at once when it is past, but after whoever goes first by then."""
        fiber = self.fiber
        time = max(time, self.now)
        heap = self._heap
        if not heap or (time, fiber.priority) < heap[0][:2]:
            self.now = time
            self.events += 1
            return
        self.wake(fiber, time)
        self.wait()

    def wait(self) -> None:
        """Wait until somebody wakes this fiber."""
        self._pass_on(self.fiber)

    def stop(self) -> None:
        """Go back to the caller of `run`, who will end the fibers."""
        self._stopped = True
        raise Ended

    def _pass_on(self, fiber: Fiber | None) -> None:
        """Let events happen until one wakes somebody; switch there unless it is `fiber` itself."""
        heap = self._heap
        while heap:
            self.now, _, _, item = heapq.heappop(heap)
            self.events += 1
            if type(item) is not Fiber:
                item()
                continue
            self._running = item
            if item is fiber:
                return
            if fiber is not None and not item.thread:
                # It has never run. It must begin in `run`, for it goes as deep as its beginner.
                self._newcomer = item
                self._home.switch()
            else:
                item.thread.switch()
            return
        if fiber is not None:
            self._home.switch()  # nothing is left to happen; `run` says so
