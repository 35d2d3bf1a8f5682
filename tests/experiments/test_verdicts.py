"""Verdicts by numbers worked out by hand."""

import math

import pytest

from outergrad.evaluation.wer import WordErrors
from outergrad.experiments.verdicts import (
    Interval,
    Verdict,
    combined,
    error_reduction,
    judge,
    over_seeds,
)

HOLDS, FAILS, CANNOT = Verdict.HOLDS, Verdict.DOES_NOT_HOLD, Verdict.CANNOT_TELL


@pytest.mark.parametrize(
    ("low", "high", "least", "most", "expected"),
    [
        (0.1, 2.0, 0.0, math.inf, HOLDS),
        (-0.1, 2.0, 0.0, math.inf, CANNOT),
        (0.0, 2.0, 0.0, math.inf, CANNOT),
        (-2.0, -0.1, 0.0, math.inf, FAILS),
        (-0.4, 0.9, -1.0, 1.0, HOLDS),
        (-0.4, 1.1, -1.0, 1.0, CANNOT),
        (1.1, 1.9, -1.0, 1.0, FAILS),
        (-1.9, -1.1, -1.0, 1.0, FAILS),
        (0.6, 0.9, -math.inf, 0.5, FAILS),
        (-3.0, 0.4, -math.inf, 0.5, HOLDS),
    ],
)
def test_a_claim_holds_when_the_whole_interval_is_inside(low, high, least, most, expected):
    assert judge(Interval((low + high) / 2, low, high), least, most) is expected


@pytest.mark.parametrize("interval", [Interval(5.0), Interval(math.nan), Interval(math.inf, 1, 2)])
def test_without_an_interval_or_a_number_nobody_can_tell(interval):
    assert judge(interval, least=0.0) is CANNOT


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([HOLDS, HOLDS], HOLDS),
        ([HOLDS, CANNOT], CANNOT),
        ([HOLDS, CANNOT, FAILS], FAILS),
        ([], CANNOT),
    ],
)
def test_one_failing_part_fails_the_claim(parts, expected):
    assert combined(parts) is expected


def test_the_interval_over_seeds_is_students():
    # Mean 2, standard deviation 1, standard error 1/sqrt(3), t(2) = 4.303.
    found = over_seeds([1.0, 2.0, 3.0])
    assert found.value == pytest.approx(2.0)
    half = 4.303 / math.sqrt(3)
    assert found.low == pytest.approx(2.0 - half, abs=1e-12)  # rounding of one sum
    assert found.high == pytest.approx(2.0 + half, abs=1e-12)


def test_one_seed_has_no_interval_and_nan_none_either():
    assert over_seeds([3.0]) == Interval(3.0)
    assert math.isnan(over_seeds([1.0, math.nan]).value)
    assert math.isnan(over_seeds([]).value)


def test_a_number_that_is_not_known_is_not_a_number_of_one_seed():
    assert over_seeds([1.0, math.nan]).text("points") == "not known (points)"
    assert over_seeds([1.0]).text("points") == "+1.00 points (no interval: one seed)"


def test_error_reduction_is_paired_and_pools_seeds():
    # Utterances differ widely, systems by exactly one error in each of ten words.
    first = {f"u{k}": WordErrors(substitutions=k % 8 + 1, words=10) for k in range(30)}
    second = {f"u{k}": WordErrors(substitutions=k % 8, words=10) for k in range(30)}
    found = error_reduction([first, first], [second, second], seed=1, samples=500)
    assert (found.value, found.low, found.high) == pytest.approx((10.0, 10.0, 10.0))
    assert math.isnan(error_reduction([], [], seed=1).value)
