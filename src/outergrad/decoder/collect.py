"""Turn the pruned trellis into a lattice."""

import numpy as np

from outergrad.arrays import Float32Array, Int32Array, Int64Array
from outergrad.decoder.records import GraphView, Trellis
from outergrad.jit import kernel


@kernel
def _number_tokens(trellis: Trellis, num_frames: int) -> Int32Array:
    """Number tokens topologically: by frame, then sources of silent links in order of level."""
    silent = trellis.silent
    size = trellis.first_token[num_frames + 1]
    number = np.full(size, -1, dtype=np.int32)
    count = 0
    for frame in range(num_frames + 1):
        for link in range(trellis.first_silent[frame], trellis.first_silent[frame + 1]):
            if number[silent[link].source] < 0:
                number[silent[link].source] = count
                count += 1
        for token in range(trellis.first_token[frame], trellis.first_token[frame + 1]):
            if number[token] < 0:
                number[token] = count
                count += 1
    return number


@kernel
def _places(
    trellis: Trellis, num_frames: int, number: Int32Array
) -> tuple[Int64Array, Int32Array, Int32Array]:
    """Arcs by destination: first arc of each node, and frame and token or link behind each arc.

    Links are numbered from 0, silent ones from -1 downwards.
    """
    silent = trellis.silent
    links = trellis.links
    tokens = trellis.tokens
    num_nodes = number.shape[0]
    first_arc = np.zeros(num_nodes + 1, dtype=np.int64)
    for token in range(num_nodes):
        link = tokens[token].last_link
        while link >= 0:
            first_arc[number[token] + 1] += 1
            link = links[link].previous
    for link in range(trellis.first_silent[num_frames + 1]):
        first_arc[number[silent[link].destination] + 1] += 1
    for node in range(num_nodes):
        first_arc[node + 1] += first_arc[node]
    place = first_arc[:-1].copy()
    origin = np.empty(first_arc[num_nodes], dtype=np.int32)
    frame_of = np.empty(num_nodes, dtype=np.int32)
    for frame in range(num_frames + 1):
        for token in range(trellis.first_token[frame], trellis.first_token[frame + 1]):
            node = number[token]
            frame_of[node] = frame
            link = tokens[token].last_link
            while link >= 0:
                origin[place[node]] = link
                place[node] += 1
                link = links[link].previous
    for link in range(trellis.first_silent[num_frames + 1]):
        node = number[silent[link].destination]
        origin[place[node]] = -1 - link
        place[node] += 1
    return first_arc, origin, frame_of


@kernel
def collect(
    graph: GraphView,
    transitions: Int32Array,
    scores: Float32Array,
    trellis: Trellis,
) -> tuple[
    Int32Array,
    Int64Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Float32Array,
    Float32Array,
    Float32Array,
]:
    """The arrays of a Lattice (frame … final_cost) from a trellis after final pruning.

    Args:
        graph: the decoding graph.
        transitions: int32 [arc number], transition_ids of the graph.
        scores: float32 [frame, pdf].
        trellis: the trellis of the utterance.
    """
    num_frames = scores.shape[0]
    tokens = trellis.tokens
    loop_base = graph.arc_table.shape[0]
    number = _number_tokens(trellis, num_frames)
    first_arc, origin, frame_of = _places(trellis, num_frames, number)
    num_nodes = number.shape[0]
    num_arcs = origin.shape[0]
    source = np.empty(num_arcs, dtype=np.int32)
    pdf = np.empty(num_arcs, dtype=np.int32)
    transition = np.empty(num_arcs, dtype=np.int32)
    word = np.empty(num_arcs, dtype=np.int32)
    graph_cost = np.empty(num_arcs, dtype=np.float32)
    acoustic_score = np.empty(num_arcs, dtype=np.float32)
    for node in range(num_nodes):
        for out in range(first_arc[node], first_arc[node + 1]):
            if origin[out] >= 0:
                begin = trellis.links[origin[out]].source
                arc = trellis.links[origin[out]].arc
            else:
                begin = trellis.silent[-1 - origin[out]].source
                arc = trellis.silent[-1 - origin[out]].arc
            source[out] = number[begin]
            transition[out] = transitions[arc]
            if arc >= loop_base:
                pdf[out] = graph.states[arc - loop_base].loop_pdf
                graph_cost[out] = graph.states[arc - loop_base].loop_cost
                word[out] = 0
            else:
                pdf[out] = graph.arc_table[arc].pdf
                graph_cost[out] = graph.arc_table[arc].cost
                word[out] = graph.arc_table[arc].word
            if pdf[out] >= 0:
                acoustic_score[out] = scores[frame_of[node] - 1, pdf[out]]
            else:
                acoustic_score[out] = 0.0

    final_cost = np.full(num_nodes, np.inf, dtype=np.float32)
    for token in range(trellis.first_token[num_frames], num_nodes):
        final_cost[number[token]] = graph.final_cost[tokens[token].state]
    return (
        frame_of,
        first_arc,
        source,
        pdf,
        transition,
        word,
        graph_cost,
        acoustic_score,
        final_cost,
    )
