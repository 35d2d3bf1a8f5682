"""The n best paths of a lattice."""

import heapq

import numpy as np

from outergrad.errors import InputError
from outergrad.lattice import acyclic
from outergrad.lattice.lattice import Lattice
from outergrad.lattice.path import Path
from outergrad.lattice.paths import path_along
from outergrad.lattice.word_lattice import WordLattice


def n_best(
    lattice: Lattice | WordLattice, count: int, acoustic_scale: float | None = None
) -> list[Path]:
    """The best paths, best first; different word strings if the lattice is a word lattice.

    A* search with the exact score of the rest of each path, so only what is needed is visited.

    Args:
        lattice: a lattice of either kind; a state-level lattice gives alignments.
        count: how many paths at most.
        acoustic_scale: κ, that of the lattice if not given.

    Raises:
        InputError: `count` is not positive.
    """
    if count < 1:
        raise InputError(f"the number of paths must be positive, got {count}")
    scale = lattice.acoustic_scale if acoustic_scale is None else acoustic_scale
    score = lattice.score(scale)
    final_score = lattice.final_score
    so_far = acyclic.best_so_far(lattice.first_arc, lattice.source, score)
    # Paths grow from the end to the start; an entry is (−score of the best path that ends so, tie
    # breaker, node, score of the part from the node on, its arcs as a linked list).
    ends = np.flatnonzero(final_score > -np.inf)
    heap: list[tuple[float, int, int, float, tuple[int, object] | None]] = [
        (-float(so_far[node] + final_score[node]), index, int(node), float(final_score[node]), None)
        for index, node in enumerate(ends)
    ]
    heapq.heapify(heap)
    pushed = len(heap)
    paths: list[Path] = []
    while heap and len(paths) < count:
        cost, _, node, rest, arcs = heapq.heappop(heap)
        if cost == np.inf:
            break
        if node == 0:
            paths.append(path_along(lattice, _flat(arcs), scale))
        for arc in range(lattice.first_arc[node], lattice.first_arc[node + 1]):
            source = int(lattice.source[arc])
            longer = rest + float(score[arc])
            entry = (-(longer + float(so_far[source])), pushed, source, longer, (arc, arcs))
            heapq.heappush(heap, entry)
            pushed += 1
    return paths


def _flat(arcs: object) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    out = []
    while isinstance(arcs, tuple):
        arc, arcs = arcs
        out.append(arc)
    return np.array(out, dtype=np.int64)
