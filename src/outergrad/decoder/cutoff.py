"""Which tokens of a frame are expanded: beam, max-active and min-active, as Kaldi decides it."""

import numpy as np

from outergrad.decoder.records import Limits, Records
from outergrad.jit import kernel

LARGEST = float(np.finfo(np.float32).max)
"""The largest finite cost: what exceeds it is impossible, not merely bad."""

# How much wider than the max-active cutoff the beam for new tokens is (Kaldi's beam_delta).
_BEAM_DELTA = 0.5
# Costs that differ by less are the same.
_NOTHING = 1e-30


@kernel
def _kth_smallest_cost(
    tokens: Records, begin: int, end: int, k: int, low: np.float32, high: np.float32
) -> np.float32:
    """The (k+1)-th smallest token cost, or `high` if not so many are from `low` to below `high`."""
    # A histogram finds the bin, sorting that one bin finds the cost.
    bins = 1024
    if not high > low + np.float32(_NOTHING):
        return high
    scale = np.float32(bins) / (high - low)
    counts = np.zeros(bins + 1, dtype=np.int64)
    for token in range(begin, end):
        counts[int(min((tokens[token].cost - low) * scale, np.float32(bins)))] += 1
    chosen = 0
    before = 0
    while chosen < bins and before + counts[chosen] <= k:
        before += counts[chosen]
        chosen += 1
    if chosen == bins:
        return high
    members = np.empty(counts[chosen] + 1, dtype=np.float32)
    size = 0
    for token in range(begin, end):
        members[size] = tokens[token].cost
        size += int(min((tokens[token].cost - low) * scale, np.float32(bins))) == chosen
    members = members[:size]
    members.sort()
    found: np.float32 = members[k - before]
    return found


@kernel
def _largest_cost(tokens: Records, begin: int, end: int) -> np.float32:
    largest: np.float32 = tokens[begin].cost
    for token in range(begin, end):
        largest = max(largest, tokens[token].cost)
    return largest


@kernel
def expansion_cutoff(
    tokens: Records, begin: int, end: int, best: np.float32, limits: Limits
) -> tuple[np.float32, np.float32]:
    """Cost above which tokens are not expanded, and the beam for the tokens they lead to."""
    cutoff = best + limits.beam
    alive = end - begin
    delta = np.float32(_BEAM_DELTA)
    if alive > limits.max_active:
        high = cutoff if cutoff < np.inf else _largest_cost(tokens, begin, end)
        limit = _kth_smallest_cost(tokens, begin, end, limits.max_active, best, high)
        if limit < cutoff:
            return limit, limit - best + delta
    if alive <= limits.min_active:
        return np.float32(LARGEST), np.float32(np.inf)
    inside = 0
    for token in range(begin, end):
        inside += tokens[token].cost <= cutoff
        if inside > limits.min_active:
            return cutoff, limits.beam
    high = _largest_cost(tokens, begin, end)
    limit = _kth_smallest_cost(tokens, begin, end, limits.min_active, best, high)
    if limit > cutoff:
        return limit, limit - best + delta
    return cutoff, limits.beam
