"""Which states of a graph matter, and the order in which the decoder numbers them."""

import numpy as np

from outergrad.arrays import BoolArray, Float32Array, Int32Array, Int64Array
from outergrad.jit import kernel


def compressed_rows(rows: Int32Array, num_rows: int) -> tuple[Int64Array, Int64Array]:
    """Group entries by row, keeping their order within a row.

    Returns:
        The permutation int64 [entry] that sorts by row, and the row offsets int64 [row + 1].
    """
    offsets = np.zeros(num_rows + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows, minlength=num_rows), out=offsets[1:])
    return np.argsort(rows, kind="stable").astype(np.int64), offsets


@kernel
def _siblings_first(start: int, offsets: Int64Array, destination: Int32Array) -> Int32Array:
    num_states = offsets.shape[0] - 1
    seen = np.zeros(num_states, dtype=np.bool_)
    stack = np.empty(num_states, dtype=np.int32)
    order = np.empty(num_states, dtype=np.int32)
    stack[0] = start
    seen[start] = True
    order[0] = start
    depth = 1
    count = 1
    while depth > 0:
        depth -= 1
        state = stack[depth]
        first = count
        for arc in range(offsets[state], offsets[state + 1]):
            target = destination[arc]
            if not seen[target]:
                seen[target] = True
                order[count] = target
                count += 1
        for place in range(count - 1, first - 1, -1):
            stack[depth] = order[place]
            depth += 1
    return order[:count]


@kernel
def coaccessible(final: BoolArray, offsets: Int64Array, source: Int32Array) -> BoolArray:
    """bool [state]: whether a final state can be reached; arcs are grouped by destination."""
    num_states = offsets.shape[0] - 1
    seen = final.copy()
    stack = np.empty(num_states, dtype=np.int32)
    depth = 0
    for state in range(num_states):
        if final[state]:
            stack[depth] = state
            depth += 1
    while depth > 0:
        depth -= 1
        state = stack[depth]
        for arc in range(offsets[state], offsets[state + 1]):
            origin = source[arc]
            if not seen[origin]:
                seen[origin] = True
                stack[depth] = origin
                depth += 1
    return seen


@kernel
def _levels(offsets: Int64Array, destination: Int32Array) -> Int32Array:
    num_states = offsets.shape[0] - 1
    level = np.zeros(num_states, dtype=np.int32)
    incoming = np.zeros(num_states, dtype=np.int64)
    for target in destination:
        incoming[target] += 1
    stack = np.empty(num_states, dtype=np.int32)
    depth = 0
    for state in range(num_states):
        if incoming[state] == 0:
            stack[depth] = state
            depth += 1
    done = 0
    while depth > 0:
        depth -= 1
        state = stack[depth]
        done += 1
        if offsets[state] == offsets[state + 1]:
            level[state] = 0
            continue
        level[state] += 1
        for arc in range(offsets[state], offsets[state + 1]):
            target = destination[arc]
            level[target] = max(level[target], level[state])
            incoming[target] -= 1
            if incoming[target] == 0:
                stack[depth] = target
                depth += 1
    return level if done == num_states else level[:0]


def useful_states(
    start: int, source: Int32Array, destination: Int32Array, final_cost: Float32Array
) -> Int32Array:
    """States on some path from the start to a final state, in the order of their memory.

    The states that arcs of one state lead to are neighbours, and what follows each of them
    follows depth first, so that what is active together lies together.

    Args:
        start: start state.
        source: int32 [arc], source state of each arc.
        destination: int32 [arc], destination state of each arc.
        final_cost: float32 [state], inf where a state is not final.

    Returns:
        int32 [useful state], empty if no final state can be reached.
    """
    num_states = len(final_cost)
    forward, offsets = compressed_rows(source, num_states)
    reached = _siblings_first(start, offsets, destination[forward])
    backward, offsets = compressed_rows(destination, num_states)
    useful = coaccessible(final_cost < np.inf, offsets, source[backward])
    return reached[useful[reached]]


def epsilon_levels(source: Int32Array, destination: Int32Array, num_states: int) -> Int32Array:
    """Depth of each state in the epsilon arcs: every epsilon arc leads to a higher level or to 0.

    Args:
        source: int32 [epsilon arc].
        destination: int32 [epsilon arc].
        num_states: number of states.

    Returns:
        int32 [state]: 0 without outgoing epsilon arcs, otherwise 1 + the longest epsilon chain
        that ends in the state. Empty if the epsilon arcs form a cycle.
    """
    order, offsets = compressed_rows(source, num_states)
    return _levels(offsets, destination[order])
