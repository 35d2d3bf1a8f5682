"""Measure budgets side by side and print them, one JSON line each."""

import gc
import json
import statistics
import time
from collections.abc import Callable
from typing import Any


def alternate(
    repeats: int, *works: Callable[[], Any], clock: Callable[[], float] = time.perf_counter
) -> list[tuple[float, ...]]:
    """Times of the works, taken in turns so that noise hits all alike; one tuple per round.

    With `time.thread_time` as the clock, other programs that want the same core count less.
    """

    def seconds(work: Callable[[], Any]) -> float:
        gc.collect()
        begin = clock()
        work()
        return clock() - begin

    for work in works:
        work()
    return [tuple(seconds(work) for work in works) for _ in range(repeats)]


def report(
    budget: str,
    values: list[float],
    *,
    must: float,
    aim: float,
    better: str,
    unit: str,
    **details: Any,
) -> None:
    """Print one budget: the median, what it must be and should be, and the spread."""
    line = {
        "budget": budget,
        "ratio": round(statistics.median(values), 4),
        "must": must,
        "aim": aim,
        "better": better,
        "unit": unit,
        "repeats": len(values),
        "spread": [round(min(values), 4), round(max(values), 4)],
        **details,
    }
    print(json.dumps(line), flush=True)
