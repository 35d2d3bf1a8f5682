"""Whether a claim holds: one rule, applied to the interval of a measured number.

A claim says in which range a number lies. It holds when the whole interval of the number lies
inside, it does not hold when the whole interval lies outside, and otherwise nobody can tell.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from outergrad.evaluation.significance import paired_bootstrap
from outergrad.evaluation.wer import WordErrors, pool_runs

T_975 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
)  # fmt: skip
"""97.5 % quantile of Student's t by degrees of freedom, from 1; beyond the last one, the last."""


class Verdict(StrEnum):
    """What was found out about a claim."""

    HOLDS = "holds"
    DOES_NOT_HOLD = "does not hold"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Interval:
    """A measured number with its 95 % interval; without one when one run is all there is."""

    value: float
    """The number."""
    low: float | None = None
    """Lower end."""
    high: float | None = None
    """Upper end."""

    def text(self, unit: str, digits: int = 2) -> str:
        """Number, interval and unit in words."""
        if not math.isfinite(self.value):
            return f"not known ({unit})"
        value = f"{self.value:+.{digits}f} {unit}"
        if self.low is None or self.high is None:
            return f"{value} (no interval: one seed)"
        return f"{value} [{self.low:+.{digits}f}, {self.high:+.{digits}f}]"


UNKNOWN = Interval(math.nan)
"""Of a number that could not be measured."""


def judge(interval: Interval, least: float = -math.inf, most: float = math.inf) -> Verdict:
    """Whether the number lies strictly between `least` and `most`."""
    low, high = interval.low, interval.high
    if low is None or high is None or not math.isfinite(interval.value):
        return Verdict.CANNOT_TELL
    if least < low and high < most:
        return Verdict.HOLDS
    if high < least or low > most:
        return Verdict.DOES_NOT_HOLD
    return Verdict.CANNOT_TELL


def combined(verdicts: Sequence[Verdict]) -> Verdict:
    """All parts of a claim together: it holds when all hold, fails when one fails."""
    for verdict in (Verdict.DOES_NOT_HOLD, Verdict.CANNOT_TELL):
        if verdict in verdicts:
            return verdict
    return Verdict.HOLDS if verdicts else Verdict.CANNOT_TELL


def over_seeds(values: Sequence[float]) -> Interval:
    """Mean over seeds and its t interval; values that are not finite make it unknown.

    Equal values (as bits, or nearly) give an interval of no width: whoever measured the same
    thing several times under different seeds has measured that they agree.
    """
    if not values or not all(math.isfinite(value) for value in values):
        return UNKNOWN
    count = len(values)
    mean = sum(values) / count
    if count == 1:
        return Interval(mean)
    variance = sum((value - mean) ** 2 for value in values) / (count - 1)
    half = T_975[min(count - 1, len(T_975)) - 1] * math.sqrt(variance / count)
    return Interval(mean, mean - half, mean + half)


def error_reduction(
    first: Sequence[Mapping[str, WordErrors]],
    second: Sequence[Mapping[str, WordErrors]],
    seed: int,
    samples: int = 10_000,
) -> Interval:
    """Error rate of the first system − that of the second, points; runs of several seeds pooled.

    Paired bootstrap over utterances: systems are compared on the same draw.
    """
    if not first or not second:
        return UNKNOWN
    found = paired_bootstrap(pool_runs(first), pool_runs(second), seed, samples)
    return Interval(found.difference, *found.interval)
