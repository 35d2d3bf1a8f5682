"""Lattice pruning while decoding and after it, by exact Viterbi scores in both directions."""

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.decoder.records import Trellis
from outergrad.jit import kernel

DEAD = -1


@kernel
def _backward(trellis: Trellis, first: int, last: int, lattice_beam: np.float32) -> None:
    """Carry `extra` back from frame `last`, marking links beyond the lattice beam as dead.

    extra(link) = extra(destination) + cost(link) - cost(destination), extra(token) = min over its
    outgoing links. Reversed creation order visits every token after all that it leads to.
    """
    tokens = trellis.tokens
    links = trellis.links
    extra = trellis.extra
    for frame in range(last, first - 1, -1):
        has_sources = frame > first
        if has_sources:
            for token in range(trellis.first_token[frame - 1], trellis.first_token[frame]):
                extra[token] = np.inf
        for link in range(trellis.first_link[frame + 1] - 1, trellis.first_link[frame] - 1, -1):
            target = links[link].destination
            through = extra[target] + (links[link].cost - tokens[target].cost)
            if not through <= lattice_beam:
                links[link].arc = DEAD
            elif has_sources or link >= trellis.first_silent[frame]:
                source = links[link].source
                extra[source] = min(extra[source], through)


@kernel
def _compact(trellis: Trellis, first: int, last: int, lattice_beam: np.float32) -> None:
    """Remove dead links and tokens of frames `first` to `last`, keeping the order of the rest."""
    tokens = trellis.tokens
    links = trellis.links
    new_token = trellis.first_token[first]
    new_link = trellis.first_link[first]
    for token in range(trellis.first_token[max(first - 1, 0)], trellis.first_token[first]):
        trellis.renumbered[token] = token
    token_begin = trellis.first_token[first]
    link_begin = trellis.first_link[first]
    for frame in range(first, last + 1):
        token_end = trellis.first_token[frame + 1]
        for token in range(token_begin, token_end):
            if trellis.extra[token] <= lattice_beam:
                trellis.renumbered[token] = new_token
                tokens[new_token] = tokens[token]
                new_token += 1
        token_begin = token_end
        trellis.first_token[frame + 1] = new_token
        silent_begin = trellis.first_silent[frame]
        link_end = trellis.first_link[frame + 1]
        for link in range(link_begin, link_end):
            if link == silent_begin:
                trellis.first_silent[frame] = new_link
            if links[link].arc != DEAD:
                source = trellis.renumbered[links[link].source]
                target = trellis.renumbered[links[link].destination]
                links[new_link].source = source
                links[new_link].destination = target
                links[new_link].arc = links[link].arc
                links[new_link].cost = links[link].cost
                new_link += 1
        if silent_begin == link_end:
            trellis.first_silent[frame] = new_link
        link_begin = link_end
        trellis.first_link[frame + 1] = new_link


@kernel
def prune_settled(trellis: Trellis, first: int, last: int, lattice_beam: np.float32) -> None:
    """Remove links that cannot be in the lattice whichever token of frame `last` wins.

    Every token of frame `last` counts as good as the best, so nothing is lost that the exact
    pruning at the end would keep.
    """
    for token in range(trellis.first_token[last], trellis.first_token[last + 1]):
        trellis.extra[token] = 0.0
    _backward(trellis, first, last, lattice_beam)
    _compact(trellis, first, last, lattice_beam)


@kernel
def prune_final(
    trellis: Trellis, num_frames: int, final_cost: Float32Array, lattice_beam: np.float32
) -> bool:
    """Keep exactly the links on paths within `lattice_beam` of the best; False if none is final."""
    best = np.float32(np.inf)
    tokens = trellis.tokens
    for token in range(trellis.first_token[num_frames], trellis.first_token[num_frames + 1]):
        best = min(best, tokens[token].cost + final_cost[tokens[token].state])
    if best == np.inf:
        return False
    for token in range(trellis.first_token[num_frames], trellis.first_token[num_frames + 1]):
        trellis.extra[token] = tokens[token].cost + final_cost[tokens[token].state] - best
    _backward(trellis, 0, num_frames, lattice_beam)
    _compact(trellis, 0, num_frames, lattice_beam)
    return True
