"""Sums over the paths of a lattice, and its best paths."""

import numpy as np

from outergrad.arrays import Float64Array, Int64Array
from outergrad.errors import InputError
from outergrad.lattice import acyclic
from outergrad.lattice.lattice import Lattice
from outergrad.lattice.occupancies import Occupancies, sum_by_frame
from outergrad.lattice.path import Path
from outergrad.lattice.word_lattice import WordLattice


def _scale(lattice: Lattice | WordLattice, acoustic_scale: float | None) -> float:
    scale = lattice.acoustic_scale if acoustic_scale is None else acoustic_scale
    if not 0.0 < scale < np.inf:
        raise InputError(f"acoustic_scale must be positive and finite, got {scale}")
    return scale


def arc_occupancies(
    lattice: Lattice | WordLattice, acoustic_scale: float | None = None
) -> tuple[float, Float64Array]:
    """How much of the probability mass passes through each arc.

    Args:
        lattice: a lattice of either kind.
        acoustic_scale: κ, that of the lattice if not given.

    Returns:
        log Z = log Σ over paths of exp(κ · acoustic score − graph cost); float64 [arc] in [0, 1].

    Raises:
        InputError: no path has a finite score.
    """
    score = lattice.score(_scale(lattice, acoustic_scale))
    log_z, ends, share = acyclic.forward(
        lattice.first_arc, lattice.source, score, lattice.final_score
    )
    if log_z == -np.inf:
        raise InputError("the lattice has no path with a finite score, so log Z is -inf")
    return log_z, acyclic.occupancies(lattice.first_arc, lattice.source, ends, share)


def forward_backward(
    lattice: Lattice | WordLattice, acoustic_scale: float | None = None
) -> Occupancies:
    """State occupancies γ_t(s) = P(pdf s in frame t), and log Z.

    With a state-level lattice the sum runs over all alignments, with a word lattice over one
    alignment per word string; numerator and denominator must be sums of the same kind.

    Args:
        lattice: a lattice of either kind.
        acoustic_scale: κ, that of the lattice if not given.

    Raises:
        InputError: no path has a finite score.

    Source: Heigold et al. 2014, Eq. 2 (γ of numerator and denominator).
    """
    log_z, value = arc_occupancies(lattice, acoustic_scale)
    return sum_by_frame(log_z, value, *lattice.entries(), lattice.num_frames)


def log_z(lattice: Lattice | WordLattice, acoustic_scale: float | None = None) -> float:
    """log Σ over paths of exp(κ · acoustic score − graph cost).

    Raises:
        InputError: no path has a finite score.
    """
    score = lattice.score(_scale(lattice, acoustic_scale))
    total, _, _ = acyclic.forward(lattice.first_arc, lattice.source, score, lattice.final_score)
    if total == -np.inf:
        raise InputError("the lattice has no path with a finite score, so log Z is -inf")
    return float(total)


def best_path(
    lattice: Lattice | WordLattice,
    acoustic_scale: float | None = None,
    word_insertion_penalty: float = 0.0,
) -> Path:
    """The path with the highest score.

    One decoding serves many language model weights: decode with a wide lattice beam, then ask for
    the best path at acoustic_scale = 1 / weight.

    Args:
        lattice: a lattice of either kind.
        acoustic_scale: κ, that of the lattice if not given.
        word_insertion_penalty: cost added for each word, natural log.

    Raises:
        InputError: no path has a finite score.
    """
    scale = _scale(lattice, acoustic_scale)
    score = lattice.score(scale)
    if word_insertion_penalty:
        score -= word_insertion_penalty * (lattice.word > 0)
    best, arcs = acyclic.viterbi(lattice.first_arc, lattice.source, score, lattice.final_score)
    if best == -np.inf:
        raise InputError("the lattice has no path with a finite score, so there is no best path")
    return path_along(lattice, arcs, scale)


def path_along(lattice: Lattice | WordLattice, arcs: Int64Array, acoustic_scale: float) -> Path:
    """The path that takes the given arcs (int64 [arc of the path]) from start to end."""
    labelled = arcs[lattice.word[arcs] > 0]
    # A word arc of a state-level lattice consumes its word's first frame; a segment of a word
    # lattice ends with it.
    places = lattice.frame[lattice.source[labelled]]
    if isinstance(lattice, WordLattice):
        places = np.maximum(places + np.diff(lattice.first_entry)[labelled] - 1, 0)
    begins = [int(frame) for frame in places]
    ends = [*begins, lattice.num_frames][1:]
    last = lattice.destination[arcs[-1]] if len(arcs) else 0
    final_cost = 0.0 if isinstance(lattice, WordLattice) else float(lattice.final_cost[last])
    pdfs, transitions = lattice.path_entries(arcs)
    return Path(
        words=tuple(int(word) for word in lattice.word[labelled]),
        word_frames=tuple(zip(begins, ends, strict=True)),
        pdfs=pdfs,
        transitions=transitions,
        graph_cost=float(lattice.graph_cost[arcs].sum(dtype=np.float64)) + final_cost,
        acoustic_score=float(lattice.acoustic_score[arcs].sum(dtype=np.float64)),
        acoustic_scale=acoustic_scale,
    )
