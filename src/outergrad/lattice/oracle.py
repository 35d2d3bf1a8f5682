"""Oracle word error: how good the best word string of a lattice is, whatever its score."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from outergrad.arrays import Float64Array, Int32Array, Int64Array
from outergrad.jit import kernel
from outergrad.lattice.lattice import Lattice
from outergrad.lattice.word_lattice import WordLattice

_FAR = 1 << 30


class OracleErrors(NamedTuple):
    """The fewest errors that any path of a lattice makes."""

    errors: int
    """Substitutions, insertions and deletions together."""
    words: tuple[int, ...]
    """A word string with so few errors."""


@kernel
def _edit_distance(
    first_arc: Int64Array,
    source: Int32Array,
    word: Int32Array,
    final_score: Float64Array,
    reference: Int32Array,
) -> tuple[int, Int32Array]:
    """The fewest errors, and the words of one path that makes them."""
    num_nodes = first_arc.shape[0] - 1
    length = reference.shape[0]
    errors = np.full((num_nodes, length + 1), _FAR, dtype=np.int32)
    # The arc taken into (node, reference words used), -1 for a deletion.
    back = np.full((num_nodes, length + 1), -1, dtype=np.int64)
    # Whether that arc's word stands against a reference word, rather than being inserted.
    aligned = np.zeros((num_nodes, length + 1), dtype=np.bool_)
    errors[0, 0] = 0
    for node in range(num_nodes):
        for arc in range(first_arc[node], first_arc[node + 1]):
            before = source[arc]
            silent = word[arc] == 0
            for used in range(length + 1):
                total = errors[before, used] + (0 if silent else 1)
                if total < errors[node, used]:
                    errors[node, used] = total
                    back[node, used] = arc
                    aligned[node, used] = False
                if not silent and used < length:
                    total = errors[before, used] + (word[arc] != reference[used])
                    if total < errors[node, used + 1]:
                        errors[node, used + 1] = total
                        back[node, used + 1] = arc
                        aligned[node, used + 1] = True
        for used in range(length):
            if errors[node, used] + 1 < errors[node, used + 1]:
                errors[node, used + 1] = errors[node, used] + 1
                back[node, used + 1] = -1
    end = 0
    fewest = _FAR
    for node in range(num_nodes):
        if final_score[node] > -np.inf and errors[node, length] < fewest:
            fewest = errors[node, length]
            end = node
    words = np.empty(num_nodes, dtype=np.int32)
    count = 0
    used = length
    node = end
    while fewest < _FAR and (node > 0 or used > 0):
        arc = back[node, used]
        if arc < 0:
            used -= 1
            continue
        if word[arc] > 0:
            words[count] = word[arc]
            count += 1
        used -= aligned[node, used]
        node = source[arc]
    return fewest, words[:count][::-1].copy()


def oracle_errors(lattice: Lattice | WordLattice, reference: Sequence[int]) -> OracleErrors:
    """The word string of the lattice that is closest to the reference.

    Args:
        lattice: a lattice of either kind.
        reference: word_ids of the reference; words that no lattice can have, such as -1 for one
            outside the vocabulary, count as errors.
    """
    fewest, words = _edit_distance(
        lattice.first_arc,
        lattice.source,
        lattice.word,
        lattice.final_score,
        np.array(reference, dtype=np.int32).reshape(-1),
    )
    return OracleErrors(int(fewest), tuple(words.tolist()))
