"""Time-synchronous beam search: the kernel in which decoding spends its time.

Follows Kaldi's LatticeFasterDecoder (adaptive beam, max-active, min-active, links within the
lattice beam), with these differences: costs are kept relative to the best token of the frame, so
that float32 is enough for any number of frames; epsilon arcs are expanded level by level, so that
each is followed once; links that cannot survive pruning are not recorded at all.
"""

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.decoder.prefetch import prefetch
from outergrad.decoder.pruning import prune_settled
from outergrad.decoder.records import (
    GraphView,
    Limits,
    Records,
    Scratch,
    Trellis,
    with_room,
)
from outergrad.jit import kernel

DONE = 0
INVALID_SCORE = 1
NO_PATH = 2

# How much wider than the max-active cutoff the beam for new tokens is (Kaldi's beam_delta).
_BEAM_DELTA = 0.5
# Tokens this close to the best are tried first.
_PROMISING = 1.0
# Tokens ahead whose graph state and arcs are fetched into the cache.
_AHEAD = 8
# The largest finite cost: what exceeds it is impossible, not merely bad.
_LARGEST = float(np.finfo(np.float32).max)


@kernel
def _kth_smallest_cost(tokens: Records, begin: int, end: int, k: int) -> np.float32:
    """The (k+1)-th smallest token cost."""
    low: np.float32 = np.float32(np.inf)
    high = np.float32(-np.inf)
    for token in range(begin, end):
        low = min(low, tokens[token].cost)
        high = max(high, tokens[token].cost)
    if low == high:
        return low
    # A histogram finds the bin, sorting that one bin finds the cost.
    bins = 1024
    scale = np.float32(bins - 1) / (high - low)
    counts = np.zeros(bins, dtype=np.int64)
    for token in range(begin, end):
        counts[int((tokens[token].cost - low) * scale)] += 1
    chosen = 0
    before = 0
    while before + counts[chosen] <= k:
        before += counts[chosen]
        chosen += 1
    members = np.empty(counts[chosen], dtype=np.float32)
    size = 0
    for token in range(begin, end):
        if int((tokens[token].cost - low) * scale) == chosen:
            members[size] = tokens[token].cost
            size += 1
    members.sort()
    found: np.float32 = members[k - before]
    return found


@kernel
def _cutoff(
    tokens: Records, begin: int, end: int, best: np.float32, limits: Limits
) -> tuple[np.float32, np.float32]:
    """Cost above which tokens are not expanded, and the beam for the tokens they lead to."""
    cutoff = best + limits.beam
    alive = end - begin
    if alive > limits.max_active:
        limit = _kth_smallest_cost(tokens, begin, end, limits.max_active)
        if limit < cutoff:
            return limit, limit - best + np.float32(_BEAM_DELTA)
    if alive <= limits.min_active:
        return np.float32(_LARGEST), np.float32(np.inf)
    inside = 0
    for token in range(begin, end):
        inside += tokens[token].cost <= cutoff
    if inside <= limits.min_active:
        limit = _kth_smallest_cost(tokens, begin, end, limits.min_active)
        if limit > cutoff:
            return limit, limit - best + np.float32(_BEAM_DELTA)
    return cutoff, limits.beam


@kernel
def _expand_silent(
    graph: GraphView,
    scratch: Scratch,
    trellis: Trellis,
    begin: int,
    end: int,
    link: int,
    cutoff: np.float32,
    lattice_beam: np.float32,
) -> tuple[int, int]:
    """Follow epsilon arcs from the pending states, level by level; returns the new ends."""
    tokens = trellis.tokens
    links = trellis.links
    slot = scratch.slot
    first_silent_state = graph.states.shape[0] - graph.epsilon_level.shape[0]
    for level in range(1, scratch.pending.shape[0]):
        pending = scratch.pending[level]
        scratch.pending[level] = -1
        while pending >= 0:
            source = slot[first_silent_state + pending]
            cost = tokens[source].cost
            if cost <= cutoff:
                for arc in range(graph.epsilon_first[pending], graph.epsilon_first[pending + 1]):
                    total = cost + graph.arc_table[arc].cost
                    if not total <= cutoff:
                        continue
                    state = graph.arc_table[arc].destination
                    token = slot[state]
                    if token < begin or token >= end or tokens[token].state != state:
                        token = end
                        end += 1
                        slot[state] = token
                        tokens[token].state = state
                        tokens[token].cost = total
                        if state >= first_silent_state:
                            rank = state - first_silent_state
                            scratch.chain[rank] = scratch.pending[graph.epsilon_level[rank]]
                            scratch.pending[graph.epsilon_level[rank]] = rank
                    elif total < tokens[token].cost:
                        tokens[token].cost = total
                    if total <= tokens[token].cost + lattice_beam:
                        links[link].source = source
                        links[link].destination = token
                        links[link].arc = arc
                        links[link].cost = total
                        link += 1
            pending = scratch.chain[pending]
    return end, link


@kernel
def _expand_frame(
    graph: GraphView,
    limits: Limits,
    scratch: Scratch,
    trellis: Trellis,
    frame: int,
    costs: Float32Array,
) -> bool:
    """Extend the tokens of `frame` by one frame of acoustic costs; False if none survives."""
    tokens = trellis.tokens
    links = trellis.links
    states = graph.states
    arcs = graph.arc_table
    slot = scratch.slot
    lattice_beam = limits.lattice_beam
    first_silent_state = states.shape[0] - graph.epsilon_level.shape[0]
    loop_base = arcs.shape[0]
    previous = trellis.first_token[frame]
    begin = trellis.first_token[frame + 1]
    best: np.float32 = np.float32(np.inf)
    for token in range(previous, begin):
        best = min(best, tokens[token].cost)
    cutoff, beam = _cutoff(tokens, previous, begin, best, limits)

    # Trying the best tokens first gives a good estimate of the next frame's cutoff.
    next_cutoff = np.float32(_LARGEST)
    promising = min(cutoff, best + np.float32(_PROMISING))
    for token in range(previous, begin):
        if tokens[token].cost <= promising:
            allowed = beam + (tokens[token].cost - best)
            record = states[tokens[token].state]
            if record.loop_pdf >= 0:
                next_cutoff = min(next_cutoff, allowed + record.loop_cost + costs[record.loop_pdf])
            for arc in range(record.first_arc, record.first_arc + record.num_arcs):
                next_cutoff = min(next_cutoff, allowed + arcs[arc].cost + costs[arcs[arc].pdf])

    end = begin
    link = trellis.first_link[frame + 1]
    for source in range(previous, begin):
        if source + 2 * _AHEAD < begin:
            prefetch(states, tokens[source + 2 * _AHEAD].state)
        if source + _AHEAD < begin:
            ahead = tokens[source + _AHEAD].state
            prefetch(slot, ahead)
            prefetch(slot, states[ahead].arc_destination)
            if states[ahead].num_arcs > 1:
                prefetch(arcs, states[ahead].first_arc + 1)
        cost = tokens[source].cost
        if cost > cutoff:
            continue
        cost -= best
        state = tokens[source].state
        first = states[state].first_arc
        # First the self-loop, then the arc that lies in the state, then the others.
        for position in range(-1, states[state].num_arcs):
            if position < 0:
                pdf = states[state].loop_pdf
                if pdf < 0:
                    continue
                total = cost + (states[state].loop_cost + costs[pdf])
                target = state
                number = loop_base + state
            elif position == 0:
                total = cost + (states[state].arc_cost + costs[states[state].arc_pdf])
                target = states[state].arc_destination
                number = first
            else:
                number = first + position
                total = cost + (arcs[number].cost + costs[arcs[number].pdf])
                target = arcs[number].destination
            if not total <= next_cutoff:
                continue
            if total + beam < next_cutoff:
                next_cutoff = total + beam
            token = slot[target]
            if token < begin or token >= end or tokens[token].state != target:
                token = end
                end += 1
                slot[target] = token
                tokens[token].state = target
                tokens[token].cost = total
                if target >= first_silent_state:
                    rank = target - first_silent_state
                    scratch.chain[rank] = scratch.pending[graph.epsilon_level[rank]]
                    scratch.pending[graph.epsilon_level[rank]] = rank
            elif total < tokens[token].cost:
                tokens[token].cost = total
            if total <= tokens[token].cost + lattice_beam:
                links[link].source = source
                links[link].destination = token
                links[link].arc = number
                links[link].cost = total
                link += 1
    trellis.first_silent[frame + 1] = link
    end, link = _expand_silent(graph, scratch, trellis, begin, end, link, next_cutoff, lattice_beam)
    trellis.first_token[frame + 2] = end
    trellis.first_link[frame + 2] = link
    alive: bool = end > begin
    return alive


@kernel
def _start(graph: GraphView, limits: Limits, scratch: Scratch, trellis: Trellis) -> None:
    """The start state and what epsilon arcs reach from it, before the first frame."""
    first_silent_state = graph.states.shape[0] - graph.epsilon_level.shape[0]
    trellis.tokens[0].state = graph.start
    trellis.tokens[0].cost = np.float32(0.0)
    scratch.slot[graph.start] = 0
    if graph.start >= first_silent_state:
        rank = graph.start - first_silent_state
        scratch.chain[rank] = -1
        scratch.pending[graph.epsilon_level[rank]] = rank
    cutoff = min(limits.beam, np.float32(_LARGEST))
    end, link = _expand_silent(graph, scratch, trellis, 0, 1, 0, cutoff, limits.lattice_beam)
    trellis.first_token[0] = 0
    trellis.first_token[1] = end
    trellis.first_link[0] = 0
    trellis.first_silent[0] = 0
    trellis.first_link[1] = link


@kernel
def search(
    graph: GraphView,
    scores: Float32Array,
    limits: Limits,
    scratch: Scratch,
    trellis: Trellis,
) -> tuple[int, int, Trellis]:
    """Search all frames, removing every `prune_interval` frames what the lattice will not need.

    Args:
        graph: the decoding graph.
        scores: float32 [frame, pdf], acoustic scores, unscaled.
        limits: pruning options.
        scratch: scratch arrays of the graph.
        trellis: buffers, overwritten.

    Returns:
        DONE, INVALID_SCORE or NO_PATH; the frame where it happened; the trellis, whose
        arrays are other ones if they had to grow.
    """
    num_frames, num_pdfs = scores.shape
    trellis = with_room(trellis, 0, 0, graph)
    _start(graph, limits, scratch, trellis)
    costs = np.empty(num_pdfs, dtype=np.float32)
    for frame in range(num_frames):
        trellis = with_room(
            trellis, trellis.first_token[frame + 1], trellis.first_link[frame + 1], graph
        )
        valid = True
        for pdf in range(num_pdfs):
            valid &= scores[frame, pdf] < np.inf
            costs[pdf] = -limits.acoustic_scale * scores[frame, pdf]
        if not valid:
            return INVALID_SCORE, frame, trellis
        if not _expand_frame(graph, limits, scratch, trellis, frame, costs):
            return NO_PATH, frame, trellis
        if (frame + 1) % limits.prune_interval == 0:
            first = max(0, frame + 1 - 2 * limits.prune_interval)
            prune_settled(trellis, first, frame + 1, limits.lattice_beam)
    return DONE, num_frames, trellis
