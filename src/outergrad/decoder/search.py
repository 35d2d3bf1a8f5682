"""Time-synchronous beam search: the kernel in which decoding spends its time.

Follows Kaldi's LatticeFasterDecoder (adaptive beam, max-active, min-active, links within the
lattice beam), with these differences: costs are kept relative to the best token of the frame, so
that float32 is enough for any number of frames; epsilon arcs are expanded level by level, so that
each is followed once; links that cannot survive pruning are not recorded at all; the next frame's
cutoff is known before the first token is made, so no token is made in vain.
"""

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.decoder.cutoff import LARGEST, expansion_cutoff
from outergrad.decoder.prefetch import prefetch
from outergrad.decoder.pruning import prune_settled
from outergrad.decoder.records import (
    GraphView,
    Limits,
    Scratch,
    Trellis,
    with_room,
)
from outergrad.jit import kernel

DONE = 0
INVALID_SCORE = 1
NO_PATH = 2

# Numbers known not to be negative index arrays as unsigned ones in the inner loops: otherwise the
# compiler adds code that counts negative indices from the end, a quarter of all instructions.
u32 = np.uint32
u64 = np.uint64

# Tokens this close to the best are tried first.
_PROMISING = 1.0
# Tokens ahead whose graph state and arcs are fetched into the cache.
_AHEAD = 8


@kernel
def _choose_tokens(
    graph: GraphView,
    trellis: Trellis,
    frame: int,
    best: np.float32,
    cutoff: np.float32,
    beam: np.float32,
    costs: Float32Array,
) -> tuple[int, np.float32]:
    """List the tokens to be expanded in `marked`; trying the best ones estimates the next cutoff.

    Returns:
        How many they are, and the next frame's cutoff as far as the best of them tell.
    """
    tokens = trellis.tokens
    marked = trellis.marked
    states = graph.states
    arcs = graph.arc_table
    next_cutoff: np.float32 = np.float32(LARGEST)
    promising = min(cutoff, best + np.float32(_PROMISING))
    size = 0
    for number in range(trellis.first_token[frame], trellis.first_token[frame + 1]):
        token = u64(number)
        cost = tokens[token].cost
        marked[u64(size)] = number
        size += cost <= cutoff
        if cost <= promising:
            allowed = beam + (cost - best)
            record = states[tokens[token].state]
            next_cutoff = min(next_cutoff, allowed + record.loop_cost + costs[record.loop_pdf + 1])
            for arc in range(record.first_arc, record.first_arc + record.num_arcs):
                next_cutoff = min(next_cutoff, allowed + arcs[arc].cost + costs[arcs[arc].pdf + 1])
    return size, next_cutoff


@kernel
def _follow_arcs(
    graph: GraphView,
    trellis: Trellis,
    frame: int,
    num_chosen: int,
    best: np.float32,
    beam: np.float32,
    next_cutoff: np.float32,
    costs: Float32Array,
) -> tuple[int, np.float32]:
    """Write down where the arcs of the chosen tokens lead; returns the links' end and the cutoff.

    Whether an arc stays inside the beam cannot be predicted, so there is no branch on it: each is
    written down, and the place moves on only if it was worth it.
    """
    tokens = trellis.tokens
    links = trellis.links
    states = graph.states
    arcs = graph.arc_table
    loop_base = arcs.shape[0]
    marked = trellis.marked
    link = trellis.first_link[frame + 1]
    for index in range(num_chosen):
        if index + 2 * _AHEAD < num_chosen:
            prefetch(states, tokens[u32(marked[u64(index + 2 * _AHEAD)])].state)
            ahead = u32(tokens[u32(marked[u64(index + _AHEAD)])].state)
            prefetch(arcs, states[ahead].first_arc + 1)
        number = marked[u64(index)]
        source = u32(number)
        cost = tokens[source].cost - best
        state = u32(tokens[source].state)
        # The self-loop, the arc that lies in the state, the others.
        total = cost + (states[state].loop_cost + costs[u32(states[state].loop_pdf + 1)])
        links[u64(link)].source = number
        links[u64(link)].previous = state
        links[u64(link)].arc = loop_base + state
        links[u64(link)].cost = total
        link += total <= next_cutoff
        next_cutoff = min(next_cutoff, total + beam)
        first = states[state].first_arc
        total = cost + (states[state].arc_cost + costs[u32(states[state].arc_pdf + 1)])
        links[u64(link)].source = number
        links[u64(link)].previous = states[state].arc_destination
        links[u64(link)].arc = first
        links[u64(link)].cost = total
        link += total <= next_cutoff
        next_cutoff = min(next_cutoff, total + beam)
        for arc in range(first + 1, first + states[state].num_arcs):
            total = cost + (arcs[u32(arc)].cost + costs[u32(arcs[u32(arc)].pdf + 1)])
            links[u64(link)].source = number
            links[u64(link)].previous = arcs[u32(arc)].destination
            links[u64(link)].arc = arc
            links[u64(link)].cost = total
            link += total <= next_cutoff
            next_cutoff = min(next_cutoff, total + beam)
    return link, next_cutoff


@kernel
def _make_tokens(
    scratch: Scratch,
    trellis: Trellis,
    frame: int,
    num_candidates: int,
    cutoff: np.float32,
    lattice_beam: np.float32,
    first_silent_state: int,
) -> tuple[int, int, int, np.float32]:
    """Turn the links written down into tokens of `frame` and the links worth recording.

    New or known state, better or worse: none of it can be predicted, so none of it branches.

    Returns:
        Ends of tokens and of links, number of `reached` states with epsilon arcs, least cost.
    """
    tokens = trellis.tokens
    links = trellis.links
    slot = scratch.slot
    last = tokens.shape[0] - 1
    begin = trellis.first_token[frame]
    end = begin
    link: int = trellis.first_link[frame]
    candidates_end = link + num_candidates
    num_reached = 0
    best: np.float32 = np.float32(np.inf)
    for candidate in range(link, candidates_end):
        here = u64(candidate)
        if candidate + _AHEAD < candidates_end:
            prefetch(slot, links[here + u64(_AHEAD)].previous)
        total = links[here].cost
        if total > cutoff:
            continue
        state = u32(links[here].previous)
        token = slot[state]
        # A new token is made ready before it is known whether it is needed.
        tokens[u64(end)].cost = np.inf
        tokens[u64(end)].last_link = -1
        known = (
            (tokens[u32(min(token, last))].state == links[here].previous)
            & (token >= begin)
            & (token < end)
        )
        place = u32(token) if known else u32(end)
        last_link = tokens[place].last_link
        cost = min(total, tokens[place].cost)
        records = total <= cost + lattice_beam
        links[u64(link)].source = links[here].source
        links[u64(link)].arc = links[here].arc
        links[u64(link)].previous = last_link
        links[u64(link)].cost = total
        slot[state] = place
        tokens[place].state = state
        tokens[place].cost = cost
        tokens[place].extra = np.inf
        tokens[place].last_link = link if records else last_link
        best = min(best, cost)
        scratch.reached[u64(num_reached)] = state
        num_reached += int((not known) & (state >= first_silent_state))
        end += not known
        link += records
    return end, link, num_reached, best


@kernel
def _follow_silent_arcs(
    graph: GraphView,
    scratch: Scratch,
    trellis: Trellis,
    frame: int,
    end: int,
    num_reached: int,
    best: np.float32,
    cutoff: np.float32,
    lattice_beam: np.float32,
) -> tuple[int, np.float32]:
    """Follow epsilon arcs from the `reached` states, level by level.

    Returns:
        The tokens' end and their least cost.
    """
    tokens = trellis.tokens
    silent = trellis.silent
    slot = scratch.slot
    begin = trellis.first_token[frame]
    link = trellis.first_silent[frame]
    first_silent_state = graph.states.shape[0] - graph.epsilon_level.shape[0]
    for index in range(num_reached):
        rank = scratch.reached[index] - first_silent_state
        scratch.chain[rank] = scratch.pending[graph.epsilon_level[rank]]
        scratch.pending[graph.epsilon_level[rank]] = rank
    for level in range(1, scratch.pending.shape[0]):
        pending = scratch.pending[level]
        scratch.pending[level] = -1
        while pending >= 0:
            source = slot[first_silent_state + pending]
            cost = tokens[source].cost
            for arc in range(graph.epsilon_first[pending], graph.epsilon_first[pending + 1]):
                total = cost + graph.arc_table[arc].cost
                if not total <= cutoff:
                    continue
                best = min(best, total)
                state = graph.arc_table[arc].destination
                token = slot[state]
                if token < begin or token >= end or tokens[token].state != state:
                    token = end
                    end += 1
                    slot[state] = token
                    tokens[token].state = state
                    tokens[token].cost = total
                    tokens[token].extra = np.inf
                    tokens[token].last_link = -1
                    if state >= first_silent_state:
                        rank = state - first_silent_state
                        scratch.chain[rank] = scratch.pending[graph.epsilon_level[rank]]
                        scratch.pending[graph.epsilon_level[rank]] = rank
                elif total < tokens[token].cost:
                    tokens[token].cost = total
                if total <= tokens[token].cost + lattice_beam:
                    silent[link].source = source
                    silent[link].destination = token
                    silent[link].arc = arc
                    silent[link].cost = total
                    link += 1
            pending = scratch.chain[pending]
    trellis.first_silent[frame + 1] = link
    return end, best


@kernel
def _expand_frame(
    graph: GraphView,
    limits: Limits,
    scratch: Scratch,
    trellis: Trellis,
    frame: int,
    best: np.float32,
    costs: Float32Array,
) -> np.float32:
    """Extend the tokens of `frame`, of which `best` is the least cost, by one frame of costs.

    Returns:
        The least cost of the tokens of the next frame, inf if there are none.
    """
    first_silent_state = graph.states.shape[0] - graph.epsilon_level.shape[0]
    cutoff, beam = expansion_cutoff(
        trellis.tokens, trellis.first_token[frame], trellis.first_token[frame + 1], best, limits
    )
    num_chosen, next_cutoff = _choose_tokens(graph, trellis, frame, best, cutoff, beam, costs)
    candidates_end, next_cutoff = _follow_arcs(
        graph, trellis, frame, num_chosen, best, beam, next_cutoff, costs
    )
    end, link, num_reached, best = _make_tokens(
        scratch,
        trellis,
        frame + 1,
        candidates_end - trellis.first_link[frame + 1],
        next_cutoff,
        limits.lattice_beam,
        first_silent_state,
    )
    trellis.first_link[frame + 2] = link
    end, best = _follow_silent_arcs(
        graph, scratch, trellis, frame + 1, end, num_reached, best, next_cutoff, limits.lattice_beam
    )
    trellis.first_token[frame + 2] = end
    return best


@kernel
def _start(graph: GraphView, limits: Limits, scratch: Scratch, trellis: Trellis) -> np.float32:
    """The start state and what epsilon arcs reach from it, before the first frame; least cost."""
    first_silent_state = graph.states.shape[0] - graph.epsilon_level.shape[0]
    trellis.tokens[0].state = graph.start
    trellis.tokens[0].cost = 0.0
    trellis.tokens[0].extra = np.inf
    trellis.tokens[0].last_link = -1
    scratch.slot[graph.start] = 0
    scratch.reached[0] = graph.start
    num_reached = 1 if graph.start >= first_silent_state else 0
    cutoff = min(limits.beam, np.float32(LARGEST))
    trellis.first_link[1] = 0
    best: np.float32 = np.float32(0.0)
    trellis.first_token[1], best = _follow_silent_arcs(
        graph, scratch, trellis, 0, 1, num_reached, best, cutoff, limits.lattice_beam
    )
    return best


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
    trellis.first_token[0] = 0
    trellis.first_link[0] = 0
    trellis.first_silent[0] = 0
    trellis = with_room(trellis, 0, graph)
    best = _start(graph, limits, scratch, trellis)
    # The cost of pdf p is in entry p + 1; entry 0 is that of arcs that do not exist (pdf -1).
    costs = np.empty(num_pdfs + 1, dtype=np.float32)
    costs[0] = np.inf
    for frame in range(num_frames):
        trellis = with_room(trellis, frame + 1, graph)
        valid = True
        for pdf in range(num_pdfs):
            valid &= scores[frame, pdf] < np.inf
            costs[pdf + 1] = -limits.acoustic_scale * scores[frame, pdf]
        if not valid:
            return INVALID_SCORE, frame, trellis
        best = _expand_frame(graph, limits, scratch, trellis, frame, best, costs)
        if best == np.inf:
            return NO_PATH, frame, trellis
        if (frame + 1) % limits.prune_interval == 0:
            first = max(0, frame + 1 - 2 * limits.prune_interval)
            prune_settled(trellis, first, frame + 1, limits.lattice_beam)
    return DONE, num_frames, trellis
