"""State-level lattices: all alignments of all word strings that survived pruning."""

from dataclasses import dataclass, replace

import numpy as np

from outergrad.arrays import Float32Array, Float64Array, Int32Array, Int64Array
from outergrad.errors import InputError
from outergrad.lattice import acyclic
from outergrad.lattice.topology import Topology


@dataclass(frozen=True, eq=False)
class Lattice(Topology):
    """An acyclic graph of nodes in time; paths are alignments.

    Nodes are numbered in topological order, node 0 is the start; arcs are grouped by destination.

    Attributes:
        num_frames: number of frames.
        acoustic_scale: κ that the lattice was made with.
        frame: int32 [node], number of frames before the node.
        first_arc: int64 [node + 1], the arcs into node n are first_arc[n] to first_arc[n + 1].
        source: int32 [arc], node where the arc begins.
        pdf: int32 [arc], pdf_id, -1 for an epsilon arc.
        transition: int32 [arc], transition_id, 0 if none.
        word: int32 [arc], word_id, 0 if none.
        graph_cost: float32 [arc], negative natural log.
        acoustic_score: float32 [arc], natural log, unscaled; 0 for an epsilon arc.
        final_cost: float32 [node], inf where a node is not final.
    """

    num_frames: int
    acoustic_scale: float
    frame: Int32Array
    first_arc: Int64Array
    source: Int32Array
    pdf: Int32Array
    transition: Int32Array
    word: Int32Array
    graph_cost: Float32Array
    acoustic_score: Float32Array
    final_cost: Float32Array

    @property
    def density(self) -> float:
        """Arcs per frame that consume a frame."""
        return float((self.pdf >= 0).sum()) / max(self.num_frames, 1)

    @property
    def final_score(self) -> Float64Array:
        """float64 [node], negated final cost, -inf where a node is not final."""
        return -self.final_cost.astype(np.float64)

    def score(self, acoustic_scale: float) -> Float64Array:
        """float64 [arc], κ · acoustic score − graph cost."""
        return acoustic_scale * self.acoustic_score.astype(np.float64) - self.graph_cost

    def path_entries(self, arcs: Int64Array) -> tuple[Int32Array, Int32Array]:
        """pdfs and transition_ids (int32 [frame]) along the arcs of a path."""
        emitting = arcs[self.pdf[arcs] >= 0]
        return self.pdf[emitting], self.transition[emitting]

    def entries(self) -> tuple[Int64Array, Int32Array, Int32Array]:
        """Frames of each arc: int64 [arc + 1] offsets, int32 [arc] first frame, int32 pdfs."""
        emits = self.pdf >= 0
        offsets = np.zeros(self.num_arcs + 1, dtype=np.int64)
        np.cumsum(emits, out=offsets[1:])
        return offsets, self.frame[self.source], self.pdf[emits]

    def rescore(self, scores: Float32Array) -> "Lattice":
        """The same paths with new acoustic scores (float32 [frame, pdf], unscaled).

        Raises:
            InputError: the scores have another number of frames, too few pdfs, nan or +inf.
        """
        check_new_scores(scores, self.num_frames, int(self.pdf.max(initial=-1)))
        emits = self.pdf >= 0
        acoustic = self.acoustic_score.copy()
        acoustic[emits] = scores[self.frame[self.source[emits]], self.pdf[emits]]
        return replace(self, acoustic_score=acoustic)

    def prune(self, lattice_beam: float, acoustic_scale: float | None = None) -> "Lattice":
        """Keep the arcs on paths within `lattice_beam` of the best, by exact scores.

        Raises:
            InputError: no path has a finite score.
        """
        scale = self.acoustic_scale if acoustic_scale is None else acoustic_scale
        score = self.score(scale)
        best = acyclic.best_so_far(self.first_arc, self.source, score)
        rest = acyclic.best_remaining(self.first_arc, self.source, score, self.final_score)
        if rest[0] == -np.inf:
            raise InputError("the lattice has no path with a finite score, so it cannot be pruned")
        # Forward and backward sums of one path differ in their last bits.
        threshold = rest[0] - lattice_beam - 1e-9 * max(1.0, abs(rest[0]))
        target = self.destination
        kept_arcs = best[self.source] + score + rest[target] >= threshold
        kept_nodes = np.zeros(self.num_nodes, dtype=np.bool_)
        kept_nodes[0] = True
        kept_nodes[target[kept_arcs]] = True
        kept_nodes[self.source[kept_arcs]] = True
        number = np.cumsum(kept_nodes, dtype=np.int32) - np.int32(1)
        first_arc = np.zeros(int(kept_nodes.sum()) + 1, dtype=np.int64)
        arcs_into = np.bincount(number[target[kept_arcs]], minlength=len(first_arc) - 1)
        np.cumsum(arcs_into, out=first_arc[1:])
        return replace(
            self,
            acoustic_scale=scale,
            frame=self.frame[kept_nodes],
            first_arc=first_arc,
            source=number[self.source[kept_arcs]],
            pdf=self.pdf[kept_arcs],
            transition=self.transition[kept_arcs],
            word=self.word[kept_arcs],
            graph_cost=self.graph_cost[kept_arcs],
            acoustic_score=self.acoustic_score[kept_arcs],
            final_cost=np.where(best + self.final_score >= threshold, self.final_cost, np.inf)[
                kept_nodes
            ].astype(np.float32),
        )


def check_new_scores(scores: Float32Array, num_frames: int, largest_pdf: int) -> None:
    """Check that scores fit a lattice.

    Raises:
        InputError: the scores have another number of frames, too few pdfs, nan or +inf.
    """
    if scores.ndim != 2 or len(scores) != num_frames or scores.shape[1] <= largest_pdf:
        raise InputError(
            f"acoustic scores of shape {scores.shape} do not fit a lattice of {num_frames} frames"
            f" with pdf_ids up to {largest_pdf}"
        )
    invalid = np.isnan(scores) | (scores == np.inf)
    if invalid.any():
        frame = int(np.flatnonzero(invalid.any(axis=1))[0])
        raise InputError(f"acoustic scores of frame {frame} contain nan or +inf")
