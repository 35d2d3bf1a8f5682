"""Series of figures from results of cells."""

from collections.abc import Sequence

from outergrad.experiments.cell import CellResult
from outergrad.experiments.verdicts import over_seeds
from outergrad.report.experiment import Series
from outergrad.report.formatting import time_unit


def curves(
    results: Sequence[CellResult], labels: Sequence[str], name: str, seconds: float = 1.0
) -> list[Series]:
    """A quantity of the evaluations over time, one series for each label and seed."""
    found = []
    for label in labels:
        of = [result for result in results if result.cell.label == label and result.usable]
        for result in of:
            times, values = result.curve(name)
            known = label if len(of) == 1 else f"{label}, seed {result.cell.seed}"
            found.append(Series(known, [time / seconds for time in times], values))
    return found


def mean_curves(
    results: Sequence[CellResult], labels: Sequence[str], name: str, seconds: float = 1.0
) -> list[Series]:
    """The same, averaged over seeds evaluation by evaluation, with the range of the seeds.

    A seed that stops earlier keeps its last value; times are averaged, too.
    """
    found = []
    for label in labels:
        of = [result.curve(name) for result in results if result.cell.label == label]
        of = [(times, values) for times, values in of if values]
        if not of:
            continue
        longest = max(len(values) for _, values in of)
        times = [[t[min(k, len(t) - 1)] for t, _ in of] for k in range(longest)]
        rows = [[v[min(k, len(v) - 1)] for _, v in of] for k in range(longest)]
        x = [sum(row) / len(row) / seconds for row in times]
        # Those that have stopped hold the mean back; time never runs backwards in a figure.
        x = [max(x[: k + 1]) for k in range(longest)]
        y = [sum(row) / len(row) for row in rows]
        several = len(of) > 1
        found.append(
            Series(
                label,
                x,
                y,
                [min(row) for row in rows] if several else None,
                [max(row) for row in rows] if several else None,
            )
        )
    return found


def longest_time(results: Sequence[CellResult]) -> tuple[str, float]:
    """Unit for the time axis of these results, and how many seconds it has."""
    times = [time for result in results for time in result.curve("criterion")[0]]
    return time_unit(max(times, default=1.0))


def points(label: str, values: Sequence[Sequence[float]]) -> Series:
    """One point a category: mean over seeds with its t interval."""
    intervals = [over_seeds(list(row)) for row in values]
    known = [(k, i) for k, i in enumerate(intervals) if i.value == i.value]
    return Series(
        label,
        [float(k) for k, _ in known],
        [i.value for _, i in known],
        [i.value if i.low is None else i.low for _, i in known],
        [i.value if i.high is None else i.high for _, i in known],
    )
