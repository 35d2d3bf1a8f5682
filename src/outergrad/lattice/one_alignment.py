"""From a state-level lattice to one alignment per word string.

Token passing over (lattice node, last words). Paths that agree in both are merged and the best one
stays: the boundary between two words is the best one given the words around it (the word-pair
approximation when the history is two words). So each word string has one alignment at most. It is
the best one, and no string is lost, if the history is long enough; the best path of all is exact
always. Pruning uses the exact scores of the rest of the lattice, hence only what is within the
beam is ever touched.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from outergrad.arrays import Float64Array, Int32Array, Int64Array
from outergrad.errors import InputError
from outergrad.jit import kernel
from outergrad.lattice import acyclic
from outergrad.lattice.lattice import Lattice
from outergrad.lattice.word_lattice import WordLattice

Records = npt.NDArray[Any]

# The best path to a lattice node with a given history: its score from the start, the word node
# that it has passed last, and the token and arc before it (-1 at that word node itself).
_TOKEN = np.dtype(
    [("score", "f8"), ("history", "i4"), ("node", "i4"), ("previous", "i4"), ("arc", "i4")]
)
# The best way into a word node from one history: the token and arc that it ends with.
_SEGMENT = np.dtype(
    [("score", "f8"), ("history", "i4"), ("next", "i4"), ("previous", "i4"), ("arc", "i4")]
)
# A word emitted at a lattice node with a history; its segments are a linked list.
_WORD_NODE = np.dtype([("history", "i4"), ("segments", "i4"), ("place", "i4"), ("number", "i4")])

# Label of the arcs from final nodes to the end; all histories are one there.
_END = -1


@kernel
def _with_room(array: Records, needed: int) -> Records:
    if array.shape[0] >= needed:
        return array
    larger = np.empty(needed + needed // 2, array.dtype)
    larger[: array.shape[0]] = array
    return larger


@kernel
def _place_in_table(histories: Int32Array, history: int, table: Int32Array) -> int:
    """Number of the history with the words of row `history`; itself, entered, if there is none."""
    size = histories.shape[1]
    mask = table.shape[0] - 1
    code = np.uint64(0)
    for position in range(size):
        code = (code ^ np.uint64(histories[history, position])) * np.uint64(0x9E3779B97F4A7C15)
        code ^= code >> np.uint64(32)
    slot = np.int64(code & np.uint64(mask))
    while table[slot] >= 0:
        found: int = table[slot]
        same = True
        for position in range(size):
            same &= histories[found, position] == histories[history, position]
        if same:
            return found
        slot = (slot + 1) & mask
    table[slot] = history
    return history


@kernel
def _history_after(
    histories: Int32Array, count: int, table: Int32Array, history: int, word: int
) -> int:
    """The history when `word` follows `history`: one of the first `count`, or `count` if new."""
    if word == _END:
        return 0
    size = histories.shape[1]
    for position in range(size - 1):
        histories[count, position] = histories[history, position + 1]
    histories[count, size - 1] = word
    return _place_in_table(histories, count, table)


@kernel
def _improve_token(
    tokens: Records,
    slot: Int32Array,
    begin: int,
    end: int,
    history: int,
    score: float,
    node: int,
    previous: int,
    arc: int,
) -> int:
    """Offer a path to the token of `history` among those from `begin`; returns the new end."""
    token = slot[history]
    if token < begin:
        token = end
        end += 1
        slot[history] = token
        tokens[token].history = history
        tokens[token].score = -np.inf
    if score > tokens[token].score:
        tokens[token].score = score
        tokens[token].node = node
        tokens[token].previous = previous
        tokens[token].arc = arc
    return end


@kernel
def _improve_segment(
    segments: Records,
    count: int,
    nodes: Records,
    node: int,
    history: int,
    score: float,
    previous: int,
    arc: int,
) -> int:
    """Offer a way into word node `node` from `history`; returns the new number of segments."""
    segment = nodes[node].segments
    while segment >= 0 and segments[segment].history != history:
        segment = segments[segment].next
    if segment < 0:
        segment = count
        count += 1
        segments[segment].history = history
        segments[segment].score = -np.inf
        segments[segment].next = nodes[node].segments
        nodes[node].segments = segment
    if score > segments[segment].score:
        segments[segment].score = score
        segments[segment].previous = previous
        segments[segment].arc = arc
    return count


@kernel
def _pass_tokens(
    first_arc: Int64Array,
    source: Int32Array,
    word: Int32Array,
    score: Float64Array,
    rest: Float64Array,
    threshold: float,
    word_history: int,
) -> tuple[Records, Records, Records]:
    """Tokens, segments and word nodes; the last lattice node is the end, the last word node too."""
    num_places = first_arc.shape[0] - 1
    tokens = np.empty(4096, _TOKEN)
    segments = np.empty(4096, _SEGMENT)
    nodes = np.empty(4096, _WORD_NODE)
    histories = np.zeros((1024, word_history), np.int32)
    table = np.full(4096, -1, np.int32)
    slot = np.full(1024, -1, np.int32)
    node_slot = np.full(1024, -1, np.int32)
    first_token = np.zeros(num_places + 1, np.int64)
    tokens[0].score = 0.0
    tokens[0].history = 0
    tokens[0].node = 0
    tokens[0].previous = -1
    tokens[0].arc = -1
    nodes[0].history = 0
    nodes[0].segments = -1
    nodes[0].place = 0
    first_token[1] = 1
    num_tokens = 1
    num_segments = 0
    num_nodes = 1
    num_histories = 1
    _place_in_table(histories, 0, table)
    for place in range(1, num_places):
        room = 0
        for arc in range(first_arc[place], first_arc[place + 1]):
            room += first_token[source[arc] + 1] - first_token[source[arc]]
        tokens = _with_room(tokens, num_tokens + room)
        segments = _with_room(segments, num_segments + room)
        nodes = _with_room(nodes, num_nodes + room)
        if num_histories + room >= histories.shape[0]:
            more = np.zeros((2 * (num_histories + room), word_history), np.int32)
            more[:num_histories] = histories[:num_histories]
            histories = more
            slot = _with_room(slot, more.shape[0])
            node_slot = _with_room(node_slot, more.shape[0])
            slot[num_histories:] = -1
            node_slot[num_histories:] = -1
            size = table.shape[0]
            while size < 2 * more.shape[0]:
                size *= 2
            table = np.full(size, -1, np.int32)
            for history in range(num_histories):
                _place_in_table(histories, history, table)
        begin_tokens = num_tokens
        begin_nodes = num_nodes
        for arc in range(first_arc[place], first_arc[place + 1]):
            for token in range(first_token[source[arc]], first_token[source[arc] + 1]):
                total = tokens[token].score + score[arc]
                if not total + rest[place] >= threshold:
                    continue
                history = tokens[token].history
                if word[arc] == 0:
                    node = tokens[token].node
                    num_tokens = _improve_token(
                        tokens, slot, begin_tokens, num_tokens, history, total, node, token, arc
                    )
                    continue
                after = _history_after(histories, num_histories, table, history, word[arc])
                if after == num_histories:
                    num_histories += 1
                node = node_slot[after]
                if node < begin_nodes:
                    node = num_nodes
                    num_nodes += 1
                    node_slot[after] = node
                    nodes[node].history = after
                    nodes[node].segments = -1
                    nodes[node].place = place
                num_segments = _improve_segment(
                    segments, num_segments, nodes, node, history, total, token, arc
                )
        for node in range(begin_nodes, num_nodes):
            best = -np.inf
            segment = nodes[node].segments
            while segment >= 0:
                best = max(best, segments[segment].score)
                segment = segments[segment].next
            history = nodes[node].history
            num_tokens = _improve_token(
                tokens, slot, begin_tokens, num_tokens, history, best, node, -1, -1
            )
        first_token[place + 1] = num_tokens
    return tokens[:num_tokens], segments[:num_segments], nodes[:num_nodes]


@kernel
def _number_nodes(tokens: Records, segments: Records, nodes: Records) -> tuple[int, int]:
    """Number the word nodes that lead to the end; returns their and their segments' count."""
    nodes["number"][:] = -1
    last = nodes.shape[0] - 1
    nodes[last].number = 0
    num_segments = 0
    for node in range(last, -1, -1):
        if nodes[node].number < 0:
            continue
        segment = nodes[node].segments
        while segment >= 0:
            nodes[tokens[segments[segment].previous].node].number = 0
            num_segments += 1
            segment = segments[segment].next
    count = 0
    for node in range(nodes.shape[0]):
        if nodes[node].number == 0:
            nodes[node].number = count
            count += 1
    return count, num_segments


@kernel
def _trace_segments(
    tokens: Records, segments: Records, nodes: Records, count: int, num_segments: int
) -> tuple[Int32Array, Int64Array, Int32Array, Int64Array, Int64Array]:
    """Lattice node of each word node, segments by destination, and the arcs of each segment."""
    place = np.empty(count, np.int32)
    first_segment = np.zeros(count + 1, np.int64)
    source = np.empty(num_segments, np.int32)
    first_arc = np.zeros(num_segments + 1, np.int64)
    written = 0
    arcs = np.empty(4096, np.int64)
    size = 0
    for node in range(nodes.shape[0]):
        number = nodes[node].number
        if number < 0:
            continue
        place[number] = nodes[node].place
        segment = nodes[node].segments
        while segment >= 0:
            token = segments[segment].previous
            source[written] = nodes[tokens[token].node].number
            length = 1
            while tokens[token].previous >= 0:
                token = tokens[token].previous
                length += 1
            arcs = _with_room(arcs, size + length)
            size += length
            arcs[size - 1] = segments[segment].arc
            token = segments[segment].previous
            for position in range(size - 2, size - length - 1, -1):
                arcs[position] = tokens[token].arc
                token = tokens[token].previous
            written += 1
            first_arc[written] = size
            segment = segments[segment].next
        first_segment[number + 1] = written
    return place, first_segment, source, first_arc, arcs[:size].copy()


def one_alignment_per_word_string(
    lattice: Lattice, lattice_beam: float, word_history: int = 2
) -> WordLattice:
    """Keep the best alignment of each word string whose best path is within the lattice beam.

    Args:
        lattice: a lattice with all alignments, made with the acoustic scale that is to count.
        lattice_beam: natural log; the word lattice cannot be wider than the lattice itself.
        word_history: number of last words in which paths that are merged agree.

    Returns:
        The word lattice, what Kaldi's pruned determinization gives up to the approximation that
        a word boundary does not depend on words more than `word_history` back.

    Raises:
        InputError: no path has a finite score, or `word_history` is not positive.

    Source: Ortmanns, Ney, Aubert: A word graph algorithm for large vocabulary continuous speech
    recognition (1997), applied to a pruned lattice instead of the search space.
    """
    if word_history < 1:
        raise InputError(f"word_history must be at least 1, got {word_history}")
    score = lattice.score(lattice.acoustic_scale)
    final_score = lattice.final_score
    rest = acyclic.best_remaining(lattice.first_arc, lattice.source, score, final_score)
    if rest[0] == -np.inf:
        raise InputError("the lattice has no path with a finite score")
    finals = np.flatnonzero(final_score > -np.inf).astype(np.int32)
    # Forward and backward sums of one path differ in their last bits.
    threshold = rest[0] - lattice_beam - 1e-9 * max(1.0, abs(rest[0]))
    tokens, segments, nodes = _pass_tokens(
        np.append(lattice.first_arc, lattice.num_arcs + len(finals)),
        np.concatenate([lattice.source, finals]),
        np.concatenate([lattice.word, np.full(len(finals), _END, dtype=np.int32)]),
        np.concatenate([score, final_score[finals]]),
        np.append(rest, 0.0),
        threshold,
        word_history,
    )
    count, num_segments = _number_nodes(tokens, segments, nodes)
    place, first_segment, source, first_arc, arcs = _trace_segments(
        tokens, segments, nodes, count, num_segments
    )
    return _word_lattice(lattice, finals, place, first_segment, source, first_arc, arcs)


def _word_lattice(
    lattice: Lattice,
    finals: Int32Array,
    place: Int32Array,
    first_segment: Int64Array,
    source: Int32Array,
    first_arc: Int64Array,
    arcs: Int64Array,
) -> WordLattice:
    """Sum costs along the segments and look up their frames."""
    size = len(finals)
    none = np.zeros(size, dtype=np.int32)
    graph_cost = np.concatenate([lattice.graph_cost, lattice.final_cost[finals]], dtype=np.float64)[
        arcs
    ]
    acoustic = np.concatenate([lattice.acoustic_score, none], dtype=np.float64)[arcs]
    pdf = np.concatenate([lattice.pdf, none - 1])[arcs]
    emits = np.concatenate([[0], np.cumsum(pdf >= 0)])
    return WordLattice(
        num_frames=lattice.num_frames,
        acoustic_scale=lattice.acoustic_scale,
        frame=np.append(lattice.frame, np.int32(lattice.num_frames))[place],
        first_arc=first_segment,
        source=source,
        word=np.concatenate([lattice.word, none])[arcs[first_arc[1:] - 1]],
        graph_cost=np.add.reduceat(graph_cost, first_arc[:-1]),
        acoustic_score=np.add.reduceat(acoustic, first_arc[:-1]),
        first_entry=emits[first_arc],
        pdf=pdf[pdf >= 0],
        transition=np.concatenate([lattice.transition, none])[arcs][pdf >= 0],
    )
