"""Intervals and tests against closed forms, exhaustive enumeration and simulated equal systems."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outergrad.errors import InputError
from outergrad.evaluation.significance import (
    EXACT_SEGMENTS,
    bootstrap_interval,
    matched_pairs,
    paired_bootstrap,
)
from outergrad.evaluation.wer import WordErrors, pool_runs


def system(errors, words=10):
    return {f"u{i:05d}": WordErrors(int(e), 0, 0, words) for i, e in enumerate(errors)}


def test_the_bootstrap_interval_of_equally_long_utterances_is_the_normal_one():
    # With equal lengths the WER is a mean, and with many utterances the bootstrap distribution of
    # a mean is normal: mean ± 1.96 s/√n.
    errors = np.random.default_rng(1).binomial(10, 0.15, size=2000)
    low, high = bootstrap_interval(system(errors), seed=3)
    centre, half = 10 * errors.mean(), 1.96 * 10 * errors.std() / math.sqrt(2000)
    assert (low, high) == pytest.approx((centre - half, centre + half), abs=0.1 * half)


def test_the_bootstrap_weighs_utterances_by_their_words():
    errors = [WordErrors(0, 0, 0, 90), WordErrors(10, 0, 0, 10)]
    low, high = bootstrap_interval(errors, seed=0)
    assert (low, high) == (0.0, 100.0), "either utterance may be drawn twice"
    narrow = bootstrap_interval(errors, seed=0, level=0.2)
    assert narrow == pytest.approx((10.0, 10.0)), "half of the draws hold both: 10 of 100 words"


def test_the_interval_depends_on_the_seed_and_not_on_the_order():
    errors = system(np.random.default_rng(1).binomial(10, 0.2, size=50))
    shuffled = dict(reversed(errors.items()))
    assert bootstrap_interval(errors, seed=1) == bootstrap_interval(shuffled, seed=1)
    assert bootstrap_interval(errors, seed=1) != bootstrap_interval(errors, seed=2)


def test_a_draw_without_words_has_no_rate():
    interval = bootstrap_interval([WordErrors(1, 0, 0, 2), WordErrors(0, 1, 0, 0)], seed=0)
    assert all(math.isfinite(end) for end in interval)


@pytest.mark.parametrize("errors", [[], [WordErrors(0, 3, 0, 0)]])
def test_no_words_no_interval(errors):
    with pytest.raises(InputError, match="at least one utterance with reference words"):
        bootstrap_interval(errors, seed=0)


def test_a_level_outside_0_to_1_is_refused():
    with pytest.raises(InputError, match="0 < level < 1"):
        bootstrap_interval([WordErrors(words=1)], seed=0, level=95)


def test_pairing_narrows_the_interval_of_a_difference():
    generator = np.random.default_rng(5)
    hard = generator.binomial(10, 0.4, size=300)
    first, second = system(hard), system(hard - (generator.random(300) < 0.3) * (hard > 0))
    paired = paired_bootstrap(first, second, seed=0)
    alone = bootstrap_interval(first, seed=0)
    assert paired.difference > 0
    assert paired.interval[0] < paired.difference < paired.interval[1]
    assert paired.interval[1] - paired.interval[0] < (alone[1] - alone[0]) / 2
    assert paired.probability_of_improvement == 1.0


def test_equal_systems_improve_on_one_another_half_of_the_time():
    one = system([1, 0, 2])
    outcome = paired_bootstrap(one, one, seed=0)
    assert (outcome.difference, outcome.interval) == (0.0, (0.0, 0.0))
    assert outcome.probability_of_improvement == 0.5


def test_matched_pairs_is_the_paired_z_test():
    generator = np.random.default_rng(2)
    first, second = generator.integers(0, 5, 200), generator.integers(0, 4, 200)
    d = (first - second).astype(float)
    z = d.mean() / (np.sqrt(((d - d.mean()) ** 2).sum() / 199) / np.sqrt(200))
    outcome = matched_pairs(system(first), system(second))
    assert outcome.z == pytest.approx(z)
    assert outcome.p == pytest.approx(2 * (1 - 0.5 * (1 + math.erf(abs(z) / math.sqrt(2)))))
    assert outcome.difference == pytest.approx(100 * d.sum() / 2000)
    assert outcome.mean == pytest.approx(d.mean())
    assert (outcome.segments, outcome.differing, outcome.exact) == (200, (d != 0).sum(), False)


def test_a_critical_value_from_the_normal_table():
    # d = +1 on 60 segments, −1 on 40, nothing on 300: mean 0.05, s² = (100 − 400·0.05²)/399
    # = 0.2481, z = 0.05 / √(0.2481/400) = 2.008, and the table gives p = 0.0447.
    first = system([1] * 60 + [0] * 340)
    second = system([0] * 60 + [1] * 40 + [0] * 300)
    outcome = matched_pairs(first, second)
    assert outcome.z == pytest.approx(2.008, abs=5e-4)
    assert outcome.p == pytest.approx(0.0447, abs=1e-4)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=8))
def test_few_segments_are_tested_exactly(differences):
    total = abs(sum(differences))
    patterns = list(product((1, -1), repeat=len(differences)))
    extreme = sum(
        abs(sum(s * d for s, d in zip(signs, differences, strict=True))) >= total
        for signs in patterns
    )
    outcome = matched_pairs(system([max(d, 0) for d in differences]),
                            system([max(-d, 0) for d in differences]))  # fmt: skip
    assert outcome.exact
    assert outcome.p == pytest.approx(extreme / len(patterns))


def test_equal_systems_do_not_differ():
    outcome = matched_pairs(system([1, 0, 2]), system([1, 0, 2]))
    assert (outcome.difference, outcome.z, outcome.p, outcome.differing) == (0.0, 0.0, 1.0, 0)


def test_one_segment_proves_nothing():
    outcome = matched_pairs(system([5]), system([0]))
    assert (outcome.z, outcome.p) == (math.inf, 1.0)


def test_zero_variance_is_no_proof_beyond_the_signs():
    few, many = EXACT_SEGMENTS, EXACT_SEGMENTS + 4
    assert matched_pairs(system([1] * few), system([0] * few)).p == 2.0 ** (1 - few)
    outcome = matched_pairs(system([0] * many), system([1] * many))
    assert (outcome.z, outcome.p, outcome.exact) == (-math.inf, 2.0 ** (1 - many), False)


def test_equal_systems_are_called_different_as_rarely_as_p_says():
    generator = np.random.default_rng(7)
    p = [
        matched_pairs(
            system(generator.binomial(10, 0.2, 80)), system(generator.binomial(10, 0.2, 80))
        ).p
        for _ in range(400)
    ]
    share = np.mean(np.array(p) < 0.05)
    assert 0.02 < share < 0.09, "5 % expected; binomial 3 s.d. over 400 repeats is 3.3 points"


def test_pooled_seeds_are_one_segment_per_utterance():
    runs_first = [system([1, 0, 1, 0] * 10)] * 3
    runs_second = [system([0, 0, 1, 1] * 10)] * 3
    single = matched_pairs(runs_first[0], runs_second[0])
    pooled = matched_pairs(pool_runs(runs_first), pool_runs(runs_second))
    assert pooled.segments == 40
    assert pooled.p == pytest.approx(single.p), "repeating a run adds no evidence"
    assert pooled.difference == pytest.approx(single.difference)


def test_systems_must_share_utterances_and_references():
    with pytest.raises(InputError, match="belong to only one"):
        matched_pairs(system([1, 2]), system([1]))
    with pytest.raises(InputError, match="10 reference words in one system and 9"):
        matched_pairs(system([1]), system([1], words=9))
    with pytest.raises(InputError, match="no utterances"):
        matched_pairs({}, {})
    with pytest.raises(InputError, match="needs reference words"):
        matched_pairs(system([0], words=0), system([0], words=0))
