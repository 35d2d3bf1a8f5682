"""Word lattices with one alignment per word string."""

from dataclasses import dataclass, replace

import numpy as np

from outergrad.arrays import Float32Array, Float64Array, Int32Array, Int64Array
from outergrad.lattice.lattice import check_new_scores
from outergrad.lattice.topology import Topology


@dataclass(frozen=True, eq=False)
class WordLattice(Topology):
    """An acyclic graph of word boundaries; each word string is one path with one alignment.

    Node 0 is the start, the last node the end; arcs are segments of the utterance that end where
    a word label stands (the arcs into the end node carry none). Nodes are numbered in topological
    order and arcs are grouped by destination.

    Attributes:
        num_frames: number of frames.
        acoustic_scale: κ that the lattice was made with.
        frame: int32 [node], number of frames before the node.
        first_arc: int64 [node + 1], the arcs into node n are first_arc[n] to first_arc[n + 1].
        source: int32 [arc], node where the arc begins.
        word: int32 [arc], word_id, 0 if none.
        graph_cost: float64 [arc], negative natural log, final cost included.
        acoustic_score: float64 [arc], natural log, unscaled, summed over the arc's frames.
        first_entry: int64 [arc + 1], where the frames of each arc begin in `pdf`.
        pdf: int32 [frame of an arc], pdf_id.
        transition: int32 [frame of an arc], transition_id, 0 if unknown.
    """

    num_frames: int
    acoustic_scale: float
    frame: Int32Array
    first_arc: Int64Array
    source: Int32Array
    word: Int32Array
    graph_cost: Float64Array
    acoustic_score: Float64Array
    first_entry: Int64Array
    pdf: Int32Array
    transition: Int32Array

    @property
    def density(self) -> float:
        """Arcs that pass through a frame, on average."""
        return len(self.pdf) / max(self.num_frames, 1)

    @property
    def final_score(self) -> Float64Array:
        """float64 [node], 0 for the last node, -inf for all others."""
        final = np.full(self.num_nodes, -np.inf)
        final[-1] = 0.0
        return final

    def score(self, acoustic_scale: float) -> Float64Array:
        """float64 [arc], κ · acoustic score − graph cost."""
        return acoustic_scale * self.acoustic_score - self.graph_cost

    def path_entries(self, arcs: Int64Array) -> tuple[Int32Array, Int32Array]:
        """pdfs and transition_ids (int32 [frame]) along the arcs of a path."""
        spans = [slice(self.first_entry[arc], self.first_entry[arc + 1]) for arc in arcs]
        return (
            np.concatenate([self.pdf[span] for span in spans]),
            np.concatenate([self.transition[span] for span in spans]),
        )

    def entries(self) -> tuple[Int64Array, Int32Array, Int32Array]:
        """Frames of each arc: int64 [arc + 1] offsets, int32 [arc] first frame, int32 pdfs."""
        return self.first_entry, self.frame[self.source], self.pdf

    def rescore(self, scores: Float32Array) -> "WordLattice":
        """The same word strings and alignments with new scores (float32 [frame, pdf], unscaled).

        Raises:
            InputError: the scores have another number of frames, too few pdfs, nan or +inf.
        """
        check_new_scores(scores, self.num_frames, int(self.pdf.max(initial=-1)))
        length = np.diff(self.first_entry)
        begin = self.frame[self.source] - self.first_entry[:-1]
        frame = np.repeat(begin, length) + np.arange(len(self.pdf))
        arc = np.repeat(np.arange(self.num_arcs), length)
        taken = scores[frame, self.pdf].astype(np.float64)
        sums = np.bincount(arc, weights=taken, minlength=self.num_arcs)
        return replace(self, acoustic_score=sums.astype(np.float64))
