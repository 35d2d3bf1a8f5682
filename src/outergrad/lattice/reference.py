"""The reference in a lattice: is it there, and putting it there if search has lost it.

When the denominator lacks the reference, log Z_den < log Z_num is possible and the criterion is no
longer bounded by 0 (docs/derivations/criteria.md). The usual case looks harmless: pruning lost the
reference because it is worse than the best path, and log Z_den is the larger. So the words of the
lattice decide, not its mass.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from outergrad.arrays import Float32Array, Int32Array, Int64Array, UInt64Array
from outergrad.errors import InputError
from outergrad.jit import kernel
from outergrad.lattice.lattice import Lattice, check_new_scores
from outergrad.lattice.path import Path
from outergrad.lattice.word_lattice import WordLattice

_BITS = 64


def contains_words(lattice: Lattice | WordLattice, words: Sequence[int]) -> bool:
    """Whether some path says exactly `words` (word_ids); some nanoseconds per arc."""
    wanted = np.array(words, dtype=np.int32).reshape(-1)
    # Where each arc's word stands in the reference: a run of places in order of word_ids.
    places = np.argsort(wanted, kind="stable")
    in_order = wanted[places]
    first = np.searchsorted(in_order, lattice.word, side="left")
    last = np.searchsorted(in_order, lattice.word, side="right")
    said = _numbers_said(
        lattice.first_arc, lattice.source, lattice.word, first, last, places, len(wanted)
    )
    ends = lattice.final_score > -np.inf
    complete = said[:, len(wanted) // _BITS] >> np.uint64(len(wanted) % _BITS) & np.uint64(1)
    return bool(np.any(complete[ends]))


@kernel
def _numbers_said(
    first_arc: Int64Array,
    source: Int32Array,
    word: Int32Array,
    first: Int64Array,
    last: Int64Array,
    places: Int64Array,
    num_words: int,
) -> UInt64Array:
    """uint64 [node, block]: bit n of a node, counted through its blocks, says whether some path to
    it says exactly the first n words of the reference; the arcs' words stand at the places
    places[first[arc]:last[arc]] of it."""
    num_nodes = len(first_arc) - 1
    said = np.zeros((num_nodes, num_words // _BITS + 1), dtype=np.uint64)
    said[0, 0] = 1
    one = np.uint64(1)
    for node in range(1, num_nodes):
        for arc in range(first_arc[node], first_arc[node + 1]):
            before = said[source[arc]]
            if word[arc] == 0:
                for block in range(len(before)):
                    said[node, block] |= before[block]
                continue
            for k in range(first[arc], last[arc]):
                place = places[k]
                if before[place // _BITS] >> np.uint64(place % _BITS) & one:
                    said[node, (place + 1) // _BITS] |= one << np.uint64((place + 1) % _BITS)
    return said


def with_numerator(lattice: Lattice, numerator: Lattice, words: Sequence[int]) -> Lattice:
    """The lattice with all paths of the numerator, unless it already says the reference words.

    Args:
        lattice: the denominator, all alignments.
        numerator: lattice of the reference's own graph, same utterance.
        words: word_ids of the reference.

    Returns:
        The same lattice if some path of it says these words: no path may count twice.

    Raises:
        InputError: the lattices have different numbers of frames or acoustic scales.
    """
    if lattice.num_frames != numerator.num_frames:
        raise InputError(
            f"the lattice has {lattice.num_frames} frames, the numerator {numerator.num_frames}:"
            " they are of different utterances"
        )
    if lattice.acoustic_scale != numerator.acoustic_scale:
        raise InputError(
            f"the lattice was made with acoustic_scale {lattice.acoustic_scale}, the numerator"
            f" with {numerator.acoustic_scale}"
        )
    if contains_words(lattice, words):
        return lattice
    # Both start at node 0; the other nodes of the numerator come after those of the lattice.
    shift = lattice.num_nodes - 1
    source = np.where(numerator.source > 0, numerator.source + shift, 0).astype(np.int32)
    return replace(
        lattice,
        frame=np.append(lattice.frame, numerator.frame[1:]),
        first_arc=np.append(lattice.first_arc, numerator.first_arc[2:] + lattice.num_arcs),
        source=np.append(lattice.source, source),
        pdf=np.append(lattice.pdf, numerator.pdf),
        transition=np.append(lattice.transition, numerator.transition),
        word=np.append(lattice.word, numerator.word),
        graph_cost=np.append(lattice.graph_cost, numerator.graph_cost),
        acoustic_score=np.append(lattice.acoustic_score, numerator.acoustic_score),
        final_cost=np.append(lattice.final_cost, numerator.final_cost[1:]),
    )


def with_path(lattice: WordLattice, path: Path, scores: Float32Array) -> WordLattice:
    """The word lattice with the path's word string, unless it has that string already.

    Args:
        lattice: the denominator, one alignment per word string.
        path: the reference's alignment, same utterance.
        scores: float32 [frame, pdf], the acoustic scores that the path was found with.

    Raises:
        InputError: lattice, path and scores are of different length.
    """
    if path.num_frames != lattice.num_frames:
        raise InputError(
            f"the path has {path.num_frames} frames, the lattice {lattice.num_frames}:"
            " they are of different utterances"
        )
    check_new_scores(scores, path.num_frames, int(path.pdfs.max(initial=-1)))
    if contains_words(lattice, path.words):
        return lattice
    # A segment ends with the first frame of its word, as in lattices made by the decoder.
    cuts = [min(begin + 1, path.num_frames) for begin, _ in path.word_frames]
    bounds = np.array([0, *cuts, path.num_frames])
    size = len(bounds) - 1
    end = lattice.num_nodes - 1
    along = scores[np.arange(path.num_frames), path.pdfs].astype(np.float64)
    sums = np.append(0.0, np.cumsum(along))[bounds]
    # New nodes come before the end node. What the graph says about the path is known in total
    # only; which segment carries it makes no difference to any path.
    new_nodes = np.arange(end, end + size - 1, dtype=np.int32)
    graph_cost = np.zeros(size)
    graph_cost[-1] = path.graph_cost
    into_end = int(lattice.first_arc[end])
    at = np.full(size - 1, into_end)

    def grown(old: np.ndarray, new: np.ndarray) -> np.ndarray:
        inner = np.insert(old, at, new[:-1]) if size > 1 else old
        return np.append(inner, new[-1]).astype(old.dtype)

    lengths = np.diff(bounds)
    old_lengths = np.diff(lattice.first_entry)
    entry = int(lattice.first_entry[into_end])
    last_cut = int(bounds[-2])
    first_arc = np.concatenate(
        [lattice.first_arc[: end + 1], into_end + np.arange(1, size), [lattice.num_arcs + size]]
    )
    first_entry = np.append(0, np.cumsum(grown(old_lengths, lengths)))
    sources = np.append(np.int32(0), new_nodes)
    return replace(
        lattice,
        frame=np.concatenate(
            [lattice.frame[:end], bounds[1:-1], lattice.frame[end:]], dtype=np.int32
        ),
        first_arc=first_arc.astype(np.int64),
        source=grown(lattice.source, sources),
        word=grown(lattice.word, np.append(np.array(path.words, dtype=np.int32), np.int32(0))),
        graph_cost=grown(lattice.graph_cost, graph_cost),
        acoustic_score=grown(lattice.acoustic_score, np.diff(sums)),
        first_entry=first_entry.astype(np.int64),
        pdf=np.concatenate(
            [lattice.pdf[:entry], path.pdfs[:last_cut], lattice.pdf[entry:], path.pdfs[last_cut:]]
        ),
        transition=np.concatenate(
            [
                lattice.transition[:entry],
                path.transitions[:last_cut],
                lattice.transition[entry:],
                path.transitions[last_cut:],
            ]
        ),
    )
