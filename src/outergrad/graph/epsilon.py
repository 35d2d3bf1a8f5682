"""Transducers after determinization: fewer epsilon arcs, then the self-loops of the HMMs."""

from __future__ import annotations

import numpy as np

from outergrad.arrays import Float64Array, Int32Array
from outergrad.graph.openfst import Transducer

# States whose self-loop depends on where they were reached from are split; their outgoing arcs are
# copied if there are at most this many, else reached through an epsilon arc.
_MOST_COPIED_ARCS = 3


def remove_epsilons_locally(fst: Transducer) -> Transducer:
    """Remove epsilon arcs where this makes the graph smaller; paths and their costs stay the same.

    A state whose only way out is an epsilon arc without word is bridged; a state whose only way in
    is an epsilon arc is joined with the state before.
    """
    while True:
        size = len(fst.source)
        fst = _join_ways_in(_bridge_ways_out(fst))
        if len(fst.source) == size:
            return fst


def _bridge_ways_out(fst: Transducer) -> Transducer:
    num_states = len(fst.final_cost)
    silent = (fst.ilabel == 0) & (fst.olabel == 0)
    bridged = silent & (np.bincount(fst.source, minlength=num_states)[fst.source] == 1)
    bridged &= np.isinf(fst.final_cost[fst.source]) & (fst.source != fst.start)
    # One link of a chain at a time.
    leads_on = np.zeros(num_states, dtype=np.bool_)
    leads_on[fst.source[bridged]] = True
    bridged &= ~leads_on[fst.destination]
    target = np.arange(num_states, dtype=np.int32)
    cost = np.zeros(num_states, dtype=np.float32)
    target[fst.source[bridged]] = fst.destination[bridged]
    cost[fst.source[bridged]] = fst.cost[bridged]
    moved = fst._replace(destination=target[fst.destination], cost=fst.cost + cost[fst.destination])
    return moved.select(~bridged)


def _join_ways_in(fst: Transducer) -> Transducer:
    num_states = len(fst.final_cost)
    joined = (fst.ilabel == 0) & (np.bincount(fst.destination, minlength=num_states) == 1)[
        fst.destination
    ]
    joined &= np.isinf(fst.final_cost[fst.destination]) & (fst.destination != fst.start)
    # A word can be moved to the arcs behind only if none of these has one itself.
    has_word = np.zeros(num_states, dtype=np.bool_)
    has_word[fst.source[fst.olabel != 0]] = True
    joined &= (fst.olabel == 0) | ~has_word[fst.destination]
    inner = np.zeros(num_states, dtype=np.bool_)
    inner[fst.destination[joined]] = True
    joined &= ~inner[fst.source]
    parent = np.arange(num_states, dtype=np.int32)
    cost = np.zeros(num_states, dtype=np.float32)
    word = np.zeros(num_states, dtype=np.int32)
    parent[fst.destination[joined]] = fst.source[joined]
    cost[fst.destination[joined]] = fst.cost[joined]
    word[fst.destination[joined]] = fst.olabel[joined]
    moved = fst._replace(
        source=parent[fst.source],
        cost=fst.cost + cost[fst.source],
        olabel=np.where(fst.olabel == 0, word[fst.source], fst.olabel),
    )
    return moved.select(~joined)


def add_self_loops(fst: Transducer, self_loop_of: Int32Array, costs: Float64Array) -> Transducer:
    """Add the self-loop of each hmm_state behind the arcs that enter it (Kaldi's reordered graphs).

    Args:
        fst: input labels are transition_ids without self-loops.
        self_loop_of: int32 [num_transition_ids + 1], self-loop of each transition's hmm_state, 0 if
            it has none.
        costs: float [num_transition_ids + 1], costs of the self-loops.
    """
    num_states = len(fst.final_cost)
    loop = self_loop_of[fst.ilabel]
    # A group is a state with the self-loop of the arcs that reach it; the start is also
    # reached from nowhere, which is as by an epsilon arc.
    reached = np.append(fst.destination, fst.start).astype(np.int64)
    keys = reached * (int(self_loop_of.max()) + 1) + np.append(loop, 0)
    groups, group_of = np.unique(keys, return_inverse=True)
    state_of, loop_of = np.divmod(groups, int(self_loop_of.max()) + 1)
    shared = np.bincount(state_of, minlength=num_states) > 1
    degree = np.bincount(fst.source, minlength=num_states)
    # The first group of a state (the one without self-loop, if there is one) keeps its number.
    first = np.append(True, state_of[1:] != state_of[:-1])
    by_arc = shared & (degree > _MOST_COPIED_ARCS)
    own = np.where(first & ~(by_arc[state_of] & (loop_of > 0)), state_of, -1)
    own[own < 0] = num_states + np.arange(int((own < 0).sum()))
    total = max(num_states, int(own.max()) + 1)

    linked = (own != state_of) & by_arc[state_of]
    copied = (own != state_of) & ~by_arc[state_of]
    parts = [fst._replace(destination=own[group_of[:-1]].astype(np.int32))]
    order = np.argsort(fst.source, kind="stable")
    begin = np.cumsum(degree) - degree
    copies = degree[state_of[copied]]
    within = np.arange(int(copies.sum())) - np.repeat(np.cumsum(copies) - copies, copies)
    arcs = order[np.repeat(begin[state_of[copied]], copies) + within]
    parts.append(
        parts[0].select(arcs)._replace(source=np.repeat(own[copied], copies).astype(np.int32))
    )
    looping = loop_of > 0
    zeros = np.zeros(int(linked.sum()), dtype=np.int32)
    parts.append(
        fst._replace(
            source=own[linked].astype(np.int32),
            destination=state_of[linked].astype(np.int32),
            ilabel=zeros,
            olabel=zeros,
            cost=zeros.astype(np.float32),
        )
    )
    parts.append(
        fst._replace(
            source=own[looping].astype(np.int32),
            destination=own[looping].astype(np.int32),
            ilabel=loop_of[looping].astype(np.int32),
            olabel=np.zeros(int(looping.sum()), dtype=np.int32),
            cost=costs[loop_of[looping]].astype(np.float32),
        )
    )
    final_cost = np.full(total, np.inf, dtype=np.float32)
    final_cost[:num_states] = fst.final_cost
    final_cost[own[copied]] = fst.final_cost[state_of[copied]]
    source, destination, ilabel, olabel, cost = (
        np.concatenate(columns) for columns in zip(*(part[1:6] for part in parts), strict=True)
    )
    start = int(own[group_of[-1]])
    return Transducer(start, source, destination, ilabel, olabel, cost, final_cost)
