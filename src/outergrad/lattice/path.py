"""One path: a word string with one alignment."""

from dataclasses import dataclass

import numpy as np

from outergrad.arrays import Int32Array
from outergrad.lattice.occupancies import Occupancies


@dataclass(frozen=True, eq=False)
class Path:
    """A path through a decoding graph or lattice.

    Attributes:
        words: word_ids.
        word_frames: per word its first frame and the frame after its last, as far as the
            graph's labels tell: a word begins where its label stands and ends where the next
            label stands or the utterance ends, so silence belongs to the word before it.
        pdfs: int32 [frame], pdf_id.
        transitions: int32 [frame], transition_id, 0 if unknown.
        graph_cost: negative natural log, unscaled.
        acoustic_score: natural log, unscaled.
        acoustic_scale: κ that the path was found with.
    """

    words: tuple[int, ...]
    word_frames: tuple[tuple[int, int], ...]
    pdfs: Int32Array
    transitions: Int32Array
    graph_cost: float
    acoustic_score: float
    acoustic_scale: float

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return len(self.pdfs)

    @property
    def log_score(self) -> float:
        """κ · acoustic score − graph cost."""
        return self.acoustic_scale * self.acoustic_score - self.graph_cost

    def occupancies(self) -> Occupancies:
        """One-hot occupancies: the whole mass in the path's pdf, log Z its score."""
        return Occupancies(
            log_z=self.log_score,
            offsets=np.arange(self.num_frames + 1, dtype=np.int64),
            pdf=self.pdfs,
            value=np.ones(self.num_frames, dtype=np.float64),
        )
