"""A decoding graph restricted to one word string: what utterance graphs are compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from outergrad.arrays import BoolArray, Int32Array, Int64Array
from outergrad.errors import InputError
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.graph.state_order import coaccessible, compressed_rows
from outergrad.jit import kernel


def restrict(graph: DecodingGraph, word_ids: Sequence[int]) -> DecodingGraph:
    """The part of `graph` that says exactly `word_ids`: its composition with a linear acceptor.

    All paths with these words are kept, with their costs (the ways to back off in the language
    model included): the exact numerator of a sequence criterion over `graph`.

    Args:
        graph: decoding graph.
        word_ids: words of the reference.

    Raises:
        InputError: a word_id that the graph does not have, or no path with these words.
    """
    wanted = np.array(word_ids, dtype=np.int32).reshape(-1)
    if np.any((wanted < 1) | (wanted >= len(graph.words))):
        raise InputError(f"word_ids {wanted.tolist()}: outside 1 ... {len(graph.words) - 1}")
    arcs = graph.arcs()
    order, first = compressed_rows(arcs.source, graph.num_states)
    origin, place, source, destination, arc = _product(
        first.astype(np.int64), arcs.destination[order], arcs.word[order], wanted, graph.start
    )
    final_cost = np.where(place == len(wanted), graph.final_cost[origin], np.float32(np.inf))
    kept = _leads_to_the_end(np.isfinite(final_cost), source, destination)
    source, destination, used = source[kept], destination[kept], order[arc[kept]]
    if not np.any(np.isfinite(final_cost)):
        spoken = " ".join(graph.words[word] for word in wanted)
        raise InputError(f"the decoding graph has no path with the words {spoken!r}")
    return DecodingGraph.from_arcs(
        start=0,
        source=source,
        destination=destination,
        pdf=arcs.pdf[used],
        transition=arcs.transition[used],
        word=arcs.word[used],
        cost=arcs.cost[used],
        final_cost=final_cost,
        num_pdfs=graph.num_pdfs,
        words=graph.words,
    )


@kernel
def _product(
    first: Int64Array,
    destination: Int32Array,
    word: Int32Array,
    wanted: Int32Array,
    start: int,
) -> tuple[Int32Array, Int32Array, Int32Array, Int32Array, Int64Array]:
    """Reachable pairs (state, words said): their parts, and source, destination, arc of arcs."""
    num_states = first.shape[0] - 1
    # One place after the other: numbers are needed for the current place and the next only.
    here = np.full(num_states, -1, np.int32)
    beyond = np.full(num_states, -1, np.int32)
    queue = np.empty(num_states, np.int32)
    later = np.empty(num_states, np.int32)
    origin = np.empty(1024, np.int32)
    place = np.empty(1024, np.int32)
    source = np.empty(4096, np.int32)
    target = np.empty(4096, np.int32)
    arcs = np.empty(4096, np.int64)
    origin[0], place[0], here[start], queue[0] = start, 0, 0, 0
    pairs, size, queued = 1, 0, 1
    for said in range(wanted.shape[0] + 1):
        done, waiting = 0, 0
        while done < queued:
            pair = queue[done]
            done += 1
            for arc in range(first[origin[pair]], first[origin[pair] + 1]):
                moves = word[arc] != 0
                if moves and (said == wanted.shape[0] or word[arc] != wanted[said]):
                    continue
                numbers = beyond if moves else here
                reached = destination[arc]
                if numbers[reached] < 0:
                    if pairs == origin.shape[0]:
                        origin = np.append(origin, np.empty_like(origin))
                        place = np.append(place, np.empty_like(place))
                    origin[pairs] = reached
                    numbers[reached] = pairs
                    if moves:
                        place[pairs] = said + 1
                        later[waiting] = pairs
                        waiting += 1
                    else:
                        place[pairs] = said
                        queue[queued] = pairs
                        queued += 1
                    pairs += 1
                if size == arcs.shape[0]:
                    source = np.append(source, np.empty_like(source))
                    target = np.append(target, np.empty_like(target))
                    arcs = np.append(arcs, np.empty_like(arcs))
                source[size], target[size], arcs[size] = pair, numbers[reached], arc
                size += 1
        for position in range(queued):
            here[origin[queue[position]]] = -1
        here, beyond = beyond, here
        queue, later = later, queue
        queued = waiting
    return origin[:pairs], place[:pairs], source[:size], target[:size], arcs[:size]


@kernel
def _leads_to_the_end(final: BoolArray, source: Int32Array, destination: Int32Array) -> BoolArray:
    """Arcs on a path to a final state: bool [arc]. Nearly all others are begun words."""
    num_states = final.shape[0]
    offsets = np.zeros(num_states + 1, np.int64)
    for arc in range(destination.shape[0]):
        offsets[destination[arc] + 1] += 1
    for state in range(num_states):
        offsets[state + 1] += offsets[state]
    into = np.empty(destination.shape[0], np.int32)
    filled = offsets[:-1].copy()
    for arc in range(destination.shape[0]):
        into[filled[destination[arc]]] = source[arc]
        filled[destination[arc]] += 1
    return coaccessible(final, offsets, into)[destination]
