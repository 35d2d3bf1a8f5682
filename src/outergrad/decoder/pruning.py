"""Lattice pruning while decoding and after it, by exact Viterbi scores in both directions."""

import numpy as np

from outergrad.arrays import Float32Array, Int64Array
from outergrad.decoder.records import Trellis
from outergrad.jit import kernel


@kernel
def _backward(trellis: Trellis, first: int, last: int, lattice_beam: np.float32) -> Int64Array:
    """Carry `extra` back from frame `last` to `first`, and mark the silent links that die.

    extra(link) = cost(link) + extra(destination) - cost(destination), extra(token) = min over its
    outgoing links. Silent links in reversed order visit every token after all that it leads to.
    A silent link that is not worth keeping gets the source -1. The tokens worth keeping are listed
    in `marked`, those of a frame from where its tokens begin; returns how many there are in each.
    """
    tokens = trellis.tokens
    links = trellis.links
    silent = trellis.silent
    marked = trellis.marked
    survivors = np.zeros(last - first + 1, np.int64)
    for frame in range(last, first - 1, -1):
        begin = trellis.first_silent[frame]
        for link in range(trellis.first_silent[frame + 1] - 1, begin - 1, -1):
            source = silent[link].source
            target = silent[link].destination
            through = tokens[target].extra + (silent[link].cost - tokens[target].cost)
            if through <= lattice_beam:
                tokens[source].extra = min(tokens[source].extra, through)
            else:
                silent[link].source = -1
        # Where the list of survivors begins is where the frame's tokens begin.
        token_begin = trellis.first_token[frame]
        size = token_begin
        for token in range(token_begin, trellis.first_token[frame + 1]):
            marked[size] = token
            size += tokens[token].extra <= lattice_beam
        survivors[frame - first] = size - token_begin
        if frame == first:
            break
        for index in range(token_begin, size):
            token = marked[index]
            rest = tokens[token].extra - tokens[token].cost
            link = tokens[token].last_link
            while link >= 0:
                through = links[link].cost + rest
                if through <= lattice_beam:
                    source = links[link].source
                    tokens[source].extra = min(tokens[source].extra, through)
                link = links[link].previous
    return survivors


@kernel
def _compact(
    trellis: Trellis, first: int, last: int, lattice_beam: np.float32, survivors: Int64Array
) -> None:
    """Close up the tokens and links worth keeping, and reset `extra`.

    The links into each token stay in order; tokens before frame `first` stay where they are.
    """
    tokens = trellis.tokens
    links = trellis.links
    silent = trellis.silent
    kept = trellis.kept
    renumbered = trellis.renumbered
    new_token = trellis.first_token[first]
    new_silent = trellis.first_silent[first]
    links_begin = trellis.first_link[first]
    size = 0
    token_begin = new_token
    silent_begin = new_silent
    for frame in range(first, last + 1):
        trellis.first_link[frame] = links_begin + size
        for index in range(token_begin, token_begin + survivors[frame - first]):
            token = trellis.marked[index]
            rest = tokens[token].extra - tokens[token].cost
            link = tokens[token].last_link
            tokens[new_token] = tokens[token]
            tokens[new_token].extra = np.inf
            tokens[new_token].last_link = -1
            renumbered[token] = new_token
            before = -1
            while link >= 0:
                if links[link].cost + rest <= lattice_beam:
                    source = links[link].source
                    kept[size] = links[link]
                    kept[size].source = renumbered[source] if frame > first else source
                    kept[size].previous = -1
                    if before < 0:
                        tokens[new_token].last_link = links_begin + size
                    else:
                        kept[before].previous = links_begin + size
                    before = size
                    size += 1
                link = links[link].previous
            new_token += 1
        token_begin = trellis.first_token[frame + 1]
        trellis.first_token[frame + 1] = new_token
        silent_end = trellis.first_silent[frame + 1]
        trellis.first_silent[frame] = new_silent
        for link in range(silent_begin, silent_end):
            if silent[link].source < 0:
                continue
            silent[new_silent].source = renumbered[silent[link].source]
            silent[new_silent].destination = renumbered[silent[link].destination]
            silent[new_silent].arc = silent[link].arc
            silent[new_silent].cost = silent[link].cost
            new_silent += 1
        silent_begin = silent_end
        trellis.first_silent[frame + 1] = new_silent
    links[links_begin : links_begin + size] = kept[:size]
    trellis.first_link[last + 1] = links_begin + size


@kernel
def prune_settled(trellis: Trellis, first: int, last: int, lattice_beam: np.float32) -> None:
    """Remove links that cannot be in the lattice whichever token of frame `last` wins.

    Every token of frame `last` counts as good as the best, so nothing is lost that the exact
    pruning at the end would keep.
    """
    for token in range(trellis.first_token[last], trellis.first_token[last + 1]):
        trellis.tokens[token].extra = 0.0
    survivors = _backward(trellis, first, last, lattice_beam)
    _compact(trellis, first, last, lattice_beam, survivors)


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
        tokens[token].extra = tokens[token].cost + final_cost[tokens[token].state] - best
    survivors = _backward(trellis, 0, num_frames, lattice_beam)
    _compact(trellis, 0, num_frames, lattice_beam, survivors)
    return True
