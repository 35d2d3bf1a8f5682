"""Lattice pruning while decoding and after it, by exact Viterbi scores in both directions."""

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.decoder.records import Trellis
from outergrad.jit import kernel


@kernel
def _keep_silent_links(
    trellis: Trellis, begin: int, end: int, kept: int, lattice_beam: np.float32
) -> int:
    """Move the epsilon links worth keeping to just below `kept`; returns where they begin."""
    tokens = trellis.tokens
    links = trellis.links
    extra = trellis.extra
    for link in range(end - 1, begin - 1, -1):
        source = links[link].source
        target = links[link].destination
        through = extra[target] + (links[link].cost - tokens[target].cost)
        extra[source] = min(extra[source], through)
        if through <= lattice_beam:
            kept -= 1
            links[kept] = links[link]
    return kept


@kernel
def _keep_emitting_links(
    trellis: Trellis, begin: int, end: int, kept: int, lattice_beam: np.float32
) -> int:
    """Move the emitting links worth keeping to just below `kept`; returns where they begin.

    Nine links in ten die here, unpredictably, so there are no branches: every link is copied, and
    the place moves on only if it was worth it. A source may get an `extra` beyond the beam from
    a dead link, which is as dead as inf.
    """
    links = trellis.links
    extra = trellis.extra
    rest = trellis.rest
    for link in range(end - 1, begin - 1, -1):
        source = links[link].source
        through = links[link].cost + rest[links[link].destination]
        extra[source] = min(extra[source], through)
        links[kept - 1] = links[link]
        kept -= through <= lattice_beam
    return kept


@kernel
def _backward(trellis: Trellis, first: int, last: int, lattice_beam: np.float32) -> int:
    """Carry `extra` back from frame `last` to `first`, gathering the links worth keeping.

    extra(link) = cost(link) + extra(destination) - cost(destination), extra(token) = min over its
    outgoing links; reversed creation order visits every token after all that it leads to. The
    links kept lie at the end of where the links of these frames were, and `first_link` and
    `first_silent` say where; returns where the links began.
    """
    end = trellis.first_link[last + 1]
    kept = end
    for frame in range(last, first - 1, -1):
        silent = trellis.first_silent[frame]
        begin = trellis.first_link[frame]
        kept = _keep_silent_links(trellis, silent, end, kept, lattice_beam)
        trellis.first_silent[frame] = kept
        if frame > 0:
            for token in range(trellis.first_token[frame], trellis.first_token[frame + 1]):
                trellis.rest[token] = trellis.extra[token] - trellis.tokens[token].cost
            trellis.extra[trellis.first_token[frame - 1] : trellis.first_token[frame]] = np.inf
            kept = _keep_emitting_links(trellis, begin, silent, kept, lattice_beam)
        trellis.first_link[frame] = kept
        end = begin
    return int(end)


@kernel
def _compact(
    trellis: Trellis, first: int, last: int, links_begin: int, lattice_beam: np.float32
) -> None:
    """Close the gaps that `_backward` left, renumbering the tokens worth keeping."""
    tokens = trellis.tokens
    links = trellis.links
    renumbered = trellis.renumbered
    if first > 0:
        for token in range(trellis.first_token[first - 1], trellis.first_token[first]):
            renumbered[token] = token
    new_token = trellis.first_token[first]
    token_begin = new_token
    new_link = links_begin
    for frame in range(first, last + 1):
        token_end = trellis.first_token[frame + 1]
        for token in range(token_begin, token_end):
            renumbered[token] = new_token
            tokens[new_token] = tokens[token]
            new_token += trellis.extra[token] <= lattice_beam
        token_begin = token_end
        trellis.first_token[frame + 1] = new_token
        begin = trellis.first_link[frame]
        silent = trellis.first_silent[frame]
        end = trellis.first_link[frame + 1]
        trellis.first_link[frame] = new_link
        trellis.first_silent[frame] = new_link + silent - begin
        for link in range(begin, end):
            links[new_link].source = renumbered[links[link].source]
            links[new_link].destination = renumbered[links[link].destination]
            links[new_link].arc = links[link].arc
            links[new_link].cost = links[link].cost
            new_link += 1
    trellis.first_link[last + 1] = new_link


@kernel
def prune_settled(trellis: Trellis, first: int, last: int, lattice_beam: np.float32) -> None:
    """Remove links that cannot be in the lattice whichever token of frame `last` wins.

    Every token of frame `last` counts as good as the best, so nothing is lost that the exact
    pruning at the end would keep.
    """
    for token in range(trellis.first_token[last], trellis.first_token[last + 1]):
        trellis.extra[token] = 0.0
    links_begin = _backward(trellis, first, last, lattice_beam)
    _compact(trellis, first, last, links_begin, lattice_beam)


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
    links_begin = _backward(trellis, 0, num_frames, lattice_beam)
    _compact(trellis, 0, num_frames, links_begin, lattice_beam)
    return True
