"""What an experiment is and what it finds."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from outergrad.experiments.cell import Bench, Cell, CellResult
from outergrad.experiments.verdicts import Interval, Verdict, combined, judge
from outergrad.report.experiment import Chart, Rows, Statement


@dataclass(frozen=True, slots=True)
class Finding:
    """What came out of an experiment."""

    statements: Sequence[Statement]
    """The claim's parts, judged."""
    charts: Sequence[Chart]
    """Our figures."""
    results: Sequence[CellResult]
    """The cells behind them."""
    paper: Rows | None = None
    """The paper's numbers beside ours."""
    tables: Sequence[Rows] = ()
    """Further numbers."""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    """For results.json."""
    notes: Sequence[str] = ()
    """What a reader has to know."""

    @property
    def verdict(self) -> Verdict:
        """On the whole claim."""
        return combined([Verdict(statement.verdict) for statement in self.statements])


@dataclass(frozen=True, slots=True)
class Experiment:
    """A figure or table of the paper."""

    name: str
    """On the command line."""
    title: str
    """What it asks."""
    source: str
    """Where it is in the paper."""
    claim: str
    """What the paper says."""
    plan: Callable[[Bench], Sequence[Cell]]
    """Cells as far as they are known before the first one has run."""
    run: Callable[[Bench], Finding]
    """Runs the cells and judges."""


def statement(
    claim: str,
    interval: Interval,
    unit: str,
    least: float = float("-inf"),
    most: float = float("inf"),
) -> Statement:
    """A claim on the range of a number, judged by `verdicts.judge`."""
    bounds = [f"above {least:g}"] if least > float("-inf") else []
    bounds += [f"below {most:g}"] if most < float("inf") else []
    rule = f"holds if the interval is {' and '.join(bounds)}"
    return Statement(claim, judge(interval, least, most).value, f"{interval.text(unit)}; {rule}")


def refuted(claim: str, why: str) -> Statement:
    """A claim that does not hold for a reason that no interval shows, such as runs that failed."""
    return Statement(claim, Verdict.DOES_NOT_HOLD.value, why)


def of_label(results: Sequence[CellResult], label: str, usable: bool = True) -> list[CellResult]:
    """The results of a label, by default those that came to an end, in order of the seeds."""
    found = [r for r in results if r.cell.label == label and (r.usable or not usable)]
    return sorted(found, key=lambda result: result.cell.seed)


def pairs(
    results: Sequence[CellResult], first: str, second: str, usable: bool = True
) -> list[tuple[CellResult, CellResult]]:
    """Results of two labels with equal seeds; the second may have failed unless `usable`."""
    others = {result.cell.seed: result for result in of_label(results, second, usable)}
    return [(r, others[r.cell.seed]) for r in of_label(results, first) if r.cell.seed in others]


def formatted(value: float, form: str = ".3g") -> str:
    """A number for a table; "–" where it is not known."""
    return f"{value:{form}}" if math.isfinite(value) else "–"


def failures(results: Sequence[CellResult]) -> tuple[str, ...]:
    """One sentence for each cell without a result."""
    return tuple(
        f"{result.cell.label}, seed {result.cell.seed}, has no result: {result.failed}"
        for result in results
        if not result.usable
    )
