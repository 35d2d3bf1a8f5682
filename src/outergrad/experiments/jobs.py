"""Several trainings at a time, each in a process of its own."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from outergrad.errors import RunError

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST = 8
"""Jobs unless told otherwise: each of them takes a gigabyte or more."""


def usual_jobs() -> int:
    """One for each core that this process may use."""
    return min(MOST, len(os.sched_getaffinity(0)))


def side_by_side(
    work: Callable[[Item], Result], items: Sequence[Item], jobs: int
) -> Iterator[tuple[int, Result]]:
    """Do `work` on all items, `jobs` at a time; numbers of items and results as they come.

    Args:
        work: goes to the processes with its items, so both can be pickled.
        items: what is worked on; begun in their order.
        jobs: processes, each with one thread for torch.

    Raises:
        RunError: a process died.
        Exception: whatever `work` raises; other processes are ended.
    """
    # Forking a process that has threads (numba, torch) can deadlock.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(items)), context, _begin) as pool:
        try:
            numbers = {pool.submit(work, item): number for number, item in enumerate(items)}
            for future in as_completed(numbers):
                yield numbers[future], future.result()
        except BrokenProcessPool as error:
            raise RunError(
                "a process that trained was killed; perhaps memory ran out: fewer --jobs, and the "
                "same command goes on"
            ) from error
        except BaseException:
            # An interrupt, or a failure: what the others have done so far is on disk.
            pool.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():
                child.terminate()
            raise


def _begin() -> None:
    """In a new process: one thread, no interrupts, and no life without the parent."""
    import torch

    torch.set_num_threads(1)
    # The terminal interrupts all processes; the parent says what that means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
