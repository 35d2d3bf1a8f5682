"""Is a difference in word error more than noise? Bootstrap intervals and the matched-pairs test.

The utterance is the unit throughout: errors inside one utterance depend on one another, errors of
different utterances much less. Errors of one speaker depend on one another too; to treat the
speaker as the unit, pass counts added up by speaker. For several seeds see `wer.pool_runs`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from outergrad.arrays import Float64Array
from outergrad.errors import InputError
from outergrad.evaluation.wer import WordErrors
from outergrad.randomness import rng

EXACT_SEGMENTS = 16
"""Up to this many differing segments the matched-pairs test enumerates all sign patterns."""

_DRAWS_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True)
class PairedBootstrap:
    """The difference in word error of two systems, with its bootstrap distribution.

    Args:
        difference: WER of the first − WER of the second, percentage points; positive means that
            the second makes fewer errors.
        interval: percentile interval (low, high) of the difference, percentage points.
        probability_of_improvement: share of the replicates in which the second makes fewer errors
            (a tie counts one half).
    """

    difference: float
    interval: tuple[float, float]
    probability_of_improvement: float


@dataclass(frozen=True, slots=True)
class MatchedPairs:
    """Outcome of the matched-pairs test of two systems on the same segments.

    Args:
        difference: WER of the first − WER of the second, percentage points; positive means that
            the second makes fewer errors.
        mean: mean difference of the errors per segment.
        z: mean / (standard deviation / √segments); 0 if no segment differs, ±inf if all differ
            by the same amount.
        p: two-sided probability of a difference at least as large if the systems were equal.
        segments: number of segments.
        differing: segments on which the error counts differ.
        exact: p is from enumerating all signs, not from the normal approximation.
    """

    difference: float
    mean: float
    z: float
    p: float
    segments: int
    differing: int
    exact: bool


def bootstrap_interval(
    errors: Sequence[WordErrors] | Mapping[str, WordErrors],
    seed: int,
    samples: int = 10_000,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile bootstrap interval of the word error rate.

    Each replicate draws as many utterances as there are, with replacement, and computes
    100 · Σ errors / Σ words over the draw (Bisani & Ney 2004, "Bootstrap estimates for confidence
    intervals in ASR performance evaluation", eq. 3). A replicate without reference words has no
    word error rate and is left out.

    Args:
        errors: counts per utterance.
        seed: the run's seed; the same seed gives the same interval.
        samples: number of replicates.
        level: share of the replicates inside the interval.

    Returns:
        (low, high) in %.

    Raises:
        InputError: without utterances or reference words, or with a level outside (0, 1).
    """
    counts = _sorted_counts(errors)
    table = np.array([[one.errors, one.words] for one in counts], dtype=np.float64)
    _check_table(table, samples, level)
    sums = np.concatenate(list(_resampled_sums(table, seed, samples)))
    sums = sums[sums[:, 1] > 0]
    return _percentiles(100.0 * sums[:, 0] / sums[:, 1], level)


def paired_bootstrap(
    first: Mapping[str, WordErrors],
    second: Mapping[str, WordErrors],
    seed: int,
    samples: int = 10_000,
    level: float = 0.95,
) -> PairedBootstrap:
    """Bootstrap the difference in word error of two systems on the same utterances.

    Both systems are scored on the same draw of utterances, so that what makes an utterance hard
    for both cancels (Bisani & Ney 2004, section 4).

    Args:
        first: utterance id → counts of the first system (say CE).
        second: the same for the second system (say MMI).
        seed: the run's seed; the same seed gives the same result.
        samples: number of replicates.
        level: share of the replicates inside the interval.

    Returns:
        The difference, its interval and the probability of improvement.

    Raises:
        InputError: if the systems were not scored on the same utterances and words, and as
            `bootstrap_interval`.
    """
    pairs = _paired(first, second)
    table = np.array([[a.errors - b.errors, a.words] for a, b in pairs], dtype=np.float64)
    _check_table(table, samples, level)
    sums = np.concatenate(list(_resampled_sums(table, seed, samples)))
    sums = sums[sums[:, 1] > 0]
    better = np.mean(sums[:, 0] > 0) + 0.5 * np.mean(sums[:, 0] == 0)
    return PairedBootstrap(
        difference=float(100.0 * table[:, 0].sum() / table[:, 1].sum()),
        interval=_percentiles(100.0 * sums[:, 0] / sums[:, 1], level),
        probability_of_improvement=float(better),
    )


def matched_pairs(
    first: Mapping[str, WordErrors], second: Mapping[str, WordErrors]
) -> MatchedPairs:
    """Matched-pairs test of two systems, segments = utterances.

    d_u = errors of the first − errors of the second on utterance u; z = mean(d) / (s_d / √n) is
    standard normal under the hypothesis that both make the same number of errors on average
    (Gillick & Cox 1989, "Some statistical issues in the comparison of speech recognition
    algorithms", section 4; NIST's MAPSSWE, which cuts at stretches of correct words instead).
    Two cases where the normal approximation fails are treated on their own: with at most
    `EXACT_SEGMENTS` differing segments, all 2^k sign patterns of the k differences are enumerated
    (equal systems make either sign equally likely), and if every segment differs by the same
    amount, s_d = 0 and the same argument gives p = 2^(1−n).

    Args:
        first: utterance id → counts of the first system (say CE).
        second: the same for the second system (say MMI).

    Returns:
        Difference, z and two-sided p.

    Raises:
        InputError: if the systems were not scored on the same utterances and words, or on none.
    """
    pairs = _paired(first, second)
    words = sum(a.words for a, _ in pairs)
    if words == 0:
        raise InputError("the matched-pairs test needs reference words")
    d = np.array([a.errors - b.errors for a, b in pairs], dtype=np.float64)
    n = len(d)
    mean = float(d.mean())
    spread = float(d.std(ddof=1)) if n > 1 else 0.0
    if spread > 0:
        z = mean / (spread / math.sqrt(n))
    else:
        z = math.copysign(math.inf, mean) if mean else 0.0
    differing = d[d != 0]
    exact = len(differing) <= EXACT_SEGMENTS
    if exact:
        p = _sign_pattern_p(differing)
    elif spread > 0:
        p = math.erfc(abs(z) / math.sqrt(2.0))
    else:
        p = 2.0 ** (1 - n)
    return MatchedPairs(100.0 * float(d.sum()) / words, mean, z, p, n, len(differing), exact)


def _sign_pattern_p(differences: Float64Array) -> float:
    """Share of the sign patterns with a sum at least as far from 0 as the one observed."""
    sums = np.zeros(1)
    for difference in differences:
        sums = np.concatenate((sums + difference, sums - difference))
    return float(np.mean(np.abs(sums) >= abs(differences.sum())))


def _sorted_counts(errors: Sequence[WordErrors] | Mapping[str, WordErrors]) -> list[WordErrors]:
    """Counts in an order that does not depend on how they were collected."""
    if isinstance(errors, Mapping):
        return [errors[utterance] for utterance in sorted(errors)]
    return list(errors)


def _paired(
    first: Mapping[str, WordErrors], second: Mapping[str, WordErrors]
) -> list[tuple[WordErrors, WordErrors]]:
    if first.keys() != second.keys():
        odd = sorted(first.keys() ^ second.keys())
        raise InputError(
            f"two systems are compared on the same utterances; {len(odd)} belong to only one of "
            f"them ({', '.join(odd[:5])})"
        )
    pairs = [(first[utterance], second[utterance]) for utterance in sorted(first)]
    if not pairs:
        raise InputError("no utterances to compare")
    for utterance, (a, b) in zip(sorted(first), pairs, strict=True):
        if a.words != b.words:
            raise InputError(
                f"utterance {utterance!r} has {a.words} reference words in one system and "
                f"{b.words} in the other: score both against the same references"
            )
    return pairs


def _check_table(table: Float64Array, samples: int, level: float) -> None:
    if len(table) == 0 or table[:, 1].sum() == 0:
        raise InputError("a bootstrap needs at least one utterance with reference words")
    if samples < 1 or not 0 < level < 1:
        raise InputError(f"a bootstrap needs samples ≥ 1 and 0 < level < 1: {samples}, {level}")


def _resampled_sums(table: Float64Array, seed: int, samples: int) -> Iterator[Float64Array]:
    """Column sums of `samples` draws of rows with replacement, float64 [chunk, columns] each."""
    generator = rng(seed, "bootstrap")
    rows = len(table)
    chunk = max(1, _DRAWS_AT_ONCE // rows)
    for begin in range(0, samples, chunk):
        draws = generator.integers(rows, size=(min(chunk, samples - begin), rows))
        yield table[draws].sum(axis=1)


def _percentiles(values: Float64Array, level: float) -> tuple[float, float]:
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(values, [tail, 100.0 - tail])
    return float(low), float(high)
