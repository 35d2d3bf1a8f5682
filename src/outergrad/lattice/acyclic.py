"""Sums and maxima over the paths of an acyclic graph: kernels shared by all lattices.

Nodes are numbered in topological order and arcs are grouped by destination: those into node n are
``first_arc[n]`` to ``first_arc[n + 1]``. Node 0 is the start.
"""

import numpy as np

from outergrad.arrays import Float64Array, Int32Array, Int64Array
from outergrad.jit import kernel


@kernel
def forward(
    first_arc: Int64Array, source: Int32Array, score: Float64Array, final_score: Float64Array
) -> tuple[float, Float64Array, Float64Array]:
    """Forward scores α(n) = log Σ over arcs into n of exp(α(source) + score).

    Args:
        first_arc: int64 [node + 1].
        source: int32 [arc].
        score: float64 [arc], natural log, -inf for impossible.
        final_score: float64 [node], -inf where a node is not final.

    Returns:
        log Z; float64 [node], P(path ends here); float64 [arc], P(arc | path passes through the
        arc's destination). With these the backward pass needs no logarithms:
        γ(n) = P(ends here) + Σ γ(arc out of n) and γ(arc) = P(arc | destination) γ(destination).
    """
    num_nodes = first_arc.shape[0] - 1
    alpha = np.full(num_nodes, -np.inf)
    share = np.zeros(source.shape[0])
    alpha[0] = 0.0
    for node in range(1, num_nodes):
        begin = first_arc[node]
        end = first_arc[node + 1]
        largest = -np.inf
        for arc in range(begin, end):
            share[arc] = alpha[source[arc]] + score[arc]
            largest = max(largest, share[arc])
        if largest == -np.inf:
            share[begin:end] = 0.0
            continue
        total = 0.0
        for arc in range(begin, end):
            share[arc] = np.exp(share[arc] - largest)
            total += share[arc]
        for arc in range(begin, end):
            share[arc] /= total
        alpha[node] = largest + np.log(total)
    largest = -np.inf
    for node in range(num_nodes):
        alpha[node] += final_score[node]
        largest = max(largest, alpha[node])
    if largest == -np.inf:
        return -np.inf, alpha, share
    total = 0.0
    for node in range(num_nodes):
        alpha[node] = np.exp(alpha[node] - largest)
        total += alpha[node]
    alpha /= total
    return largest + np.log(total), alpha, share


@kernel
def occupancies(
    first_arc: Int64Array, source: Int32Array, ends: Float64Array, share: Float64Array
) -> Float64Array:
    """Arc occupancies γ(arc) from the results of `forward`; float64 [arc]."""
    gamma = ends.copy()
    value = np.empty(source.shape[0])
    for node in range(first_arc.shape[0] - 2, -1, -1):
        for arc in range(first_arc[node], first_arc[node + 1]):
            value[arc] = share[arc] * gamma[node]
            gamma[source[arc]] += value[arc]
    return value


@kernel
def viterbi(
    first_arc: Int64Array, source: Int32Array, score: Float64Array, final_score: Float64Array
) -> tuple[float, Int64Array]:
    """Best path from the start to a final node.

    Returns:
        Its score, -inf if there is none; int64 [arc of the path], in order.
    """
    num_nodes = first_arc.shape[0] - 1
    best = np.full(num_nodes, -np.inf)
    back = np.full(num_nodes, -1, dtype=np.int64)
    best[0] = 0.0
    for node in range(1, num_nodes):
        for arc in range(first_arc[node], first_arc[node + 1]):
            through = best[source[arc]] + score[arc]
            if through > best[node]:
                best[node] = through
                back[node] = arc
    winner = 0
    for node in range(num_nodes):
        if best[node] + final_score[node] > best[winner] + final_score[winner]:
            winner = node
    length = 0
    node = winner
    while back[node] >= 0:
        node = source[back[node]]
        length += 1
    path = np.empty(length, dtype=np.int64)
    node = winner
    while back[node] >= 0:
        length -= 1
        path[length] = back[node]
        node = source[back[node]]
    return best[winner] + final_score[winner], path


@kernel
def best_so_far(first_arc: Int64Array, source: Int32Array, score: Float64Array) -> Float64Array:
    """Score of the best path from the start to each node; float64 [node]."""
    best = np.full(first_arc.shape[0] - 1, -np.inf)
    best[0] = 0.0
    for node in range(1, best.shape[0]):
        for arc in range(first_arc[node], first_arc[node + 1]):
            best[node] = max(best[node], best[source[arc]] + score[arc])
    return best


@kernel
def best_remaining(
    first_arc: Int64Array, source: Int32Array, score: Float64Array, final_score: Float64Array
) -> Float64Array:
    """Score of the best path from each node to the end; float64 [node]."""
    best = final_score.copy()
    for node in range(first_arc.shape[0] - 2, -1, -1):
        for arc in range(first_arc[node], first_arc[node + 1]):
            best[source[arc]] = max(best[source[arc]], score[arc] + best[node])
    return best
