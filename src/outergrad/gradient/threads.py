"""How many threads torch computes with: given, or found out while training."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

TRIAL_BATCHES = 10
"""Batches that are timed with each number of threads."""
TRIAL_SECONDS = 30.0
"""Between two trials; one costs an idle machine two batches in a hundred."""


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Set torch's number of threads for a while; 0 leaves it."""
    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class FastestThreads:
    """All threads, or a single one while other programs want the cores.

    Threads that work on one product of matrices wait for the last of them. On a machine that has
    other things to do one is always late, and two threads can be four times slower than one. What
    is computed does not depend on it: each output of a product is summed by one thread.
    """

    def __init__(
        self,
        most: int,
        clock: Callable[[], float] = time.perf_counter,
        use: Callable[[int], None] = torch.set_num_threads,
    ) -> None:
        """Begin with a trial.

        Args:
            most: threads when nothing else runs, at least 1.
            clock: seconds.
            use: sets the number of threads.
        """
        self._most = most
        self._clock = clock
        self._use = use
        self._begin = clock()
        self._batches = 0
        self._seconds: list[float] = []
        self._trying = most > 1
        use(most)

    def resume(self) -> None:
        """Batches go on after something else, whose time is not theirs."""
        if self._trying:
            self._batches = 0
            self._begin = self._clock()

    def batch_done(self) -> None:
        """Take note that one more batch is done; may change the number of threads."""
        if self._most == 1:
            return
        now = self._clock()
        if not self._trying:
            if now - self._begin >= TRIAL_SECONDS:
                self._trying = True
                self._restart(self._most)
            return
        self._batches += 1
        if self._batches < TRIAL_BATCHES:
            return
        self._seconds.append(now - self._begin)
        if len(self._seconds) == 1:
            self._restart(1)
            return
        all_threads, single = self._seconds
        self._seconds.clear()
        self._trying = False
        self._restart(1 if single < all_threads else self._most)

    def _restart(self, threads: int) -> None:
        self._use(threads)
        self._batches = 0
        self._begin = self._clock()
