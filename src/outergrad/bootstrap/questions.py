"""Questions about phones, derived from data by clustering them (Kaldi's ``cluster-phones``)."""

from __future__ import annotations

import numpy as np

from outergrad.arrays import Float64Array
from outergrad.bootstrap.contexts import ContextStatistics
from outergrad.bootstrap.gaussian import log_likelihood
from outergrad.hmm.phones import SILENCE

BOUNDARY = 0


def phone_questions(
    statistics: ContextStatistics, variance_floor: Float64Array
) -> tuple[frozenset[int], ...]:
    """Sets of similar phones, to be asked for in contexts.

    The phones are clustered bottom up, once for each hmm_state, always merging the two clusters
    whose union loses least likelihood under single Gaussians. Every cluster on the way
    is a question. The utterance boundary is asked for alone and together with silence, which it
    resembles.

    Args:
        statistics: of all (window, hmm_state); those of silence stand for silence as a context.
        variance_floor: float64 [D].

    Returns:
        Sets of phone_ids (0 = utterance boundary), sorted, without repetitions.
    """
    found = {frozenset({BOUNDARY}), frozenset({BOUNDARY, SILENCE})}
    for state in sorted(set(statistics.hmm_states.tolist())):
        rows = statistics.hmm_states == state
        phones = statistics.windows[rows, 1]
        distinct = np.unique(phones)
        moments = statistics.moments[rows]
        by_phone = np.stack([moments[phones == phone].sum(axis=0) for phone in distinct])
        for cluster in agglomerate(by_phone, variance_floor):
            found.add(frozenset(int(phone) for phone in distinct[sorted(cluster)]))
    return tuple(sorted(found, key=lambda members: (len(members), sorted(members))))


def agglomerate(moments: Float64Array, variance_floor: Float64Array) -> list[frozenset[int]]:
    """All clusters of a bottom-up clustering, single items first, without the set of all.

    Args:
        moments: float64 [N, 1 + 2 D], of the items.
        variance_floor: float64 [D].

    Returns:
        Clusters of positions 0 ... N - 1, in the order in which they arise.
    """
    members = [frozenset({i}) for i in range(len(moments))]
    found = list(members)
    sums = moments.copy()
    values = log_likelihood(sums, variance_floor)
    losses = np.full((len(sums), len(sums)), np.inf)
    for i in range(len(sums)):
        merged = log_likelihood(sums[i] + sums[i + 1 :], variance_floor)
        losses[i, i + 1 :] = values[i] + values[i + 1 :] - merged
    for _ in range(len(members) - 2):
        i, j = (int(k) for k in np.unravel_index(np.argmin(losses), losses.shape))
        members[i] |= members[j]
        found.append(members[i])
        sums[i] += sums[j]
        values[i] = log_likelihood(sums[i], variance_floor)
        losses[j, :] = np.inf
        losses[:, j] = np.inf
        members[j] = frozenset()
        alive = np.array([k for k, cluster in enumerate(members) if cluster and k != i])
        loss = values[i] + values[alive] - log_likelihood(sums[i] + sums[alive], variance_floor)
        losses[np.minimum(i, alive), np.maximum(i, alive)] = loss
    return found
