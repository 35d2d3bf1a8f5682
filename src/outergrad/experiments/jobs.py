"""Several trainings at a time, each in a process of its own."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.synchronize import Event
from typing import TypeVar

from outergrad.errors import RunError

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST = 8
"""Jobs unless told otherwise: each of them takes a gigabyte or more."""
GRACE_SECONDS = 20.0
"""For trainings that are interrupted to save where they are."""


def usual_jobs() -> int:
    """One for each core that this process may use."""
    return min(MOST, len(os.sched_getaffinity(0)))


def side_by_side(
    work: Callable[[Item], Result], items: Sequence[Item], jobs: int
) -> Generator[Result, None, None]:
    """Do `work` on all items, `jobs` at a time; results as they come, in no order.

    Whoever does not take all results has to close the iterator; processes end then as they do
    after an interrupt: they get SIGINT, time to save what they have, and SIGTERM.

    Args:
        work: goes to the processes with its items, so both can be pickled.
        items: what is worked on; begun in their order.
        jobs: processes, each with one thread for torch.

    Raises:
        RunError: a process died.
        Exception: whatever `work` raises; the other processes are ended.
    """
    # Forking a process that has threads (numba, torch) can deadlock.
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    stopping = context.Event()
    with ProcessPoolExecutor(min(jobs, len(items)), context, _begin, (stopping,)) as pool:
        futures = [pool.submit(_do, work, item) for item in items]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise RunError(
                "a process that trained ended unexpectedly, perhaps for want of memory: the same "
                f"command goes on, perhaps with fewer --jobs ({error})"
            ) from error
        except BaseException:
            stopping.set()
            pool.shutdown(wait=False, cancel_futures=True)
            children = set(multiprocessing.active_children()) - others
            try:
                for child in children:
                    with suppress(ProcessLookupError):
                        os.kill(child.pid or 0, signal.SIGINT)
                wait(futures, GRACE_SECONDS)
            finally:
                for child in children:
                    child.terminate()
                # A pool that was shut down without waiting does not wait later, either.
                for child in children:
                    child.join(GRACE_SECONDS)
            raise


_stopping: Event


def _begin(stopping: Event) -> None:
    """In a new process: one thread, and no life without the parent."""
    global _stopping
    _stopping = stopping
    # Ctrl-C reaches a terminal's whole group at once; here only the parent, which passes it on,
    # also where a shell that starts things in the background has it ignored.
    os.setpgrp()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import torch

    torch.set_num_threads(1)


def _do(work: Callable[[Item], Result], item: Item) -> Result:
    """Unless everything is to end: a process has its next item before it has done the last."""
    if _stopping.is_set():
        raise KeyboardInterrupt
    return work(item)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
