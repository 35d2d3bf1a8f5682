"""What is kept of a run's ages."""

import numpy as np
import pytest

from outergrad.engine.result import Ages, Staleness
from outergrad.workers.messages import Age


def kept(values, most):
    ages = Ages(most)
    for value in values:
        ages.add(Age(value, 0.1 * value))
    return ages


def test_few_ages_are_all_kept():
    values = [3.0, 1.0, 2.0]
    ages = kept(values, most=3)
    assert [age.updates for age in ages] == values
    assert ages.count == 3


def test_of_many_ages_a_sample_has_their_quantiles_whatever_their_order():
    """Two replicas push in turns, and everything gets older in the end."""
    values = np.arange(40_000.0)
    values[1::2] += 100_000.0
    ages = kept(values, most=4_000)
    assert ages.count == 40_000
    assert len(list(ages)) == 4_000
    found, expected = Staleness.of(ages), np.percentile(values, (50, 95))
    # Of a sample of so many, quantiles are those of the whole within 2.5 % of the pushes (3 sigma).
    below = np.mean(values < found.updates.median), np.mean(values < found.updates.p95)
    assert below == pytest.approx((0.5, 0.95), abs=0.025)
    assert found.updates.p95 == pytest.approx(expected[1], rel=0.02)
    assert [age.updates for age in kept(values, most=4_000)] == [age.updates for age in ages]
