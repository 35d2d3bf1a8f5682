"""Virtual time: worker code in threads of its own, of which exactly one runs at a time.

A worker keeps the baton until it sleeps or waits. It then looks for the next event in order of
(time, priority, number) itself and hands the baton to whom that event wakes, so there is no
scheduler thread, and no switch where a worker's own event is the next. What runs when depends on
nothing but the events, never on the system's scheduler.
"""

import heapq
import threading
from collections.abc import Callable
from typing import Any

from outergrad.errors import RunError

SERVER, EVALUATOR, REPLICA, DECODER = range(4)
"""Who goes first at equal times. Whoever needs something goes before whoever provides it, so
without costs everything is provided when it is needed, as in the serial loop."""


class Ended(BaseException):
    """Raised in a worker that waits when the run ends; not an Exception, so no role catches it."""


class Fiber:
    """A worker: a thread that waits for its lock whenever it does not have the baton."""

    __slots__ = ("baton", "priority", "thread", "world")

    def __init__(self, world: "World", name: str, priority: int, run: Callable[[], None]) -> None:
        self.world = world
        self.priority = priority
        self.baton = threading.Lock()
        self.baton.acquire()
        self.thread = threading.Thread(target=self._life, args=(run,), name=name, daemon=True)

    def _life(self, run: Callable[[], None]) -> None:
        self.baton.acquire()
        try:
            if not self.world.ending:
                run()
        except Ended:
            return
        except BaseException as error:
            self.world.fail(error)
            return
        self.world.leave()


class World:
    """The clock, the events to come and the fibers."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        """Virtual seconds."""
        self.events = 0
        """Events so far."""
        self.ending = False
        """Whether fibers are to end instead of going on."""
        self._heap: list[tuple[float, int, int, Any]] = []
        self._number = 0
        self._fibers: list[Fiber] = []
        self._running: Fiber | None = None
        self._main = threading.Lock()
        self._error: BaseException | None = None

    # ---- before and after ----

    def spawn(self, name: str, priority: int, run: Callable[[], None]) -> Fiber:
        """A fiber that starts now; `name` is for debuggers."""
        fiber = Fiber(self, name, priority, run)
        self._fibers.append(fiber)
        fiber.thread.start()
        self.wake(fiber)
        return fiber

    def run(self) -> None:
        """Let time pass until `stop`; whatever a fiber raises is raised here."""
        self._main.acquire()
        self._pass_on(None)
        self._main.acquire()  # until stop, fail, or nothing is left to happen
        self._main.release()
        if self._error is not None:
            raise self._error

    def end(self) -> None:
        """End all fibers, wherever they are."""
        self.ending = True
        for fiber in self._fibers:
            if fiber.thread.is_alive() and fiber.baton.locked():
                fiber.baton.release()
            fiber.thread.join()
        self._fibers.clear()
        self._heap.clear()

    # ---- for fibers and events ----

    @property
    def fiber(self) -> Fiber:
        """The fiber that has the baton."""
        assert self._running is not None
        return self._running

    def at(self, time: float, priority: int, action: Callable[[], None]) -> None:
        """Call `action` at `time`, in whatever thread has the baton then; it must not wait."""
        self._number += 1
        heapq.heappush(self._heap, (time, priority, self._number, action))

    def wake(self, fiber: Fiber, time: float | None = None) -> None:
        """Give a waiting fiber the baton at `time`, by default as soon as its turn comes."""
        self._number += 1
        when = self.now if time is None else time
        heapq.heappush(self._heap, (when, fiber.priority, self._number, fiber))

    def sleep_until(self, time: float) -> None:
        """Wait until `time`; at once when it is past, but after whoever goes first by then."""
        fiber = self.fiber
        time = max(time, self.now)
        heap = self._heap
        if not self.ending and (not heap or (time, fiber.priority) < heap[0][:2]):
            self.now = time
            self.events += 1
            return
        self.wake(fiber, time)
        self.wait()

    def wait(self) -> None:
        """Wait until somebody wakes this fiber."""
        fiber = self.fiber
        if self.ending:
            raise Ended
        if self._pass_on(fiber):
            return
        fiber.baton.acquire()
        if self.ending:
            raise Ended

    def leave(self) -> None:
        """This fiber is done."""
        if not self.ending:
            self._pass_on(None)

    def stop(self) -> None:
        """Give the baton back to the caller of `run`, who will end this fiber."""
        self._running = None
        self._main.release()
        raise Ended

    def fail(self, error: BaseException) -> None:
        """End the run with an error."""
        if self.ending:
            return
        self._error = error
        self._running = None
        self._main.release()

    def _pass_on(self, fiber: Fiber | None) -> bool:
        """Let events happen until one wakes somebody; whether that is `fiber` itself."""
        heap = self._heap
        try:
            while heap:
                self.now, _, _, item = heapq.heappop(heap)
                self.events += 1
                if type(item) is Fiber:
                    self._running = item
                    if item is fiber:
                        return True
                    item.baton.release()
                    return False
                item()
        except Ended:
            return False  # an event stopped the run
        except BaseException as error:
            self.fail(error)
            return False
        self.fail(RunError("all workers wait, but visits are open: please report this"))
        return False
