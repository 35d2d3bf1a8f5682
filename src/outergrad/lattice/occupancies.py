"""Occupancies: how much of the probability mass passes through each pdf in each frame."""

from dataclasses import dataclass

import numpy as np

from outergrad.arrays import Float64Array, Int32Array, Int64Array
from outergrad.errors import InputError
from outergrad.jit import kernel


@dataclass(frozen=True, eq=False)
class Occupancies:
    """State occupancies γ_t(s) of one utterance, sparse by frame.

    Attributes:
        log_z: natural log of the sum over all paths.
        offsets: int64 [frame + 1], where each frame's entries begin.
        pdf: int32 [entry], pdf_id, ascending within a frame.
        value: float64 [entry], in (0, 1]; those of one frame sum to 1.
    """

    log_z: float
    offsets: Int64Array
    pdf: Int32Array
    value: Float64Array

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return len(self.offsets) - 1

    def dense(self, num_pdfs: int) -> Float64Array:
        """The occupancies as a float64 array [frame, pdf].

        Raises:
            InputError: an entry has a pdf_id of `num_pdfs` or more.
        """
        if len(self.pdf) and self.pdf.max() >= num_pdfs:
            raise InputError(f"pdf_id {self.pdf.max()} does not exist among {num_pdfs} pdfs")
        out = np.zeros((self.num_frames, num_pdfs), dtype=np.float64)
        frame = np.repeat(np.arange(self.num_frames), np.diff(self.offsets))
        out[frame, self.pdf] = self.value
        return out


@kernel
def grouped_by_frame(
    first_entry: Int64Array,
    begin: Int32Array,
    pdf: Int32Array,
    num_frames: int,
) -> tuple[Int64Array, Int32Array, Int64Array]:
    """Alignment entries of all arcs, brought from the order of the arcs into that of the frames.

    Args:
        first_entry: int64 [arc + 1], where the entries of each arc begin.
        begin: int32 [arc], frame of an arc's first entry.
        pdf: int32 [entry].
        num_frames: T.

    Returns:
        int64 [T + 1], where each frame begins in the other two; int32 [entry], pdf; int64 [entry],
        the arc that the entry is of.
    """
    num_arcs = begin.shape[0]
    first = np.zeros(num_frames + 1, dtype=np.int64)
    for arc in range(num_arcs):
        for position in range(first_entry[arc + 1] - first_entry[arc]):
            first[begin[arc] + position + 1] += 1
    for frame in range(num_frames):
        first[frame + 1] += first[frame]
    place = first[:-1].copy()
    column = np.empty(pdf.shape[0], dtype=np.int32)
    arc_of = np.empty(pdf.shape[0], dtype=np.int64)
    for arc in range(num_arcs):
        for position in range(first_entry[arc + 1] - first_entry[arc]):
            frame = begin[arc] + position
            column[place[frame]] = pdf[first_entry[arc] + position]
            arc_of[place[frame]] = arc
            place[frame] += 1
    return first, column, arc_of


@kernel
def _sum_by_frame(
    value: Float64Array,
    first_entry: Int64Array,
    begin: Int32Array,
    pdf: Int32Array,
    num_frames: int,
    num_pdfs: int,
) -> tuple[Int64Array, Int32Array, Float64Array]:
    first, column, arc_of = grouped_by_frame(first_entry, begin, pdf, num_frames)
    amount = np.empty(pdf.shape[0], dtype=np.float64)
    # Merged entries are never more than the entries before them, so the arrays are reused.
    total = np.zeros(num_pdfs, dtype=np.float64)
    offsets = np.zeros(num_frames + 1, dtype=np.int64)
    out = 0
    for frame in range(num_frames):
        low = num_pdfs
        high = -1
        for entry in range(first[frame], first[frame + 1]):
            total[column[entry]] += value[arc_of[entry]]
            low = min(low, column[entry])
            high = max(high, column[entry])
        for candidate in range(low, high + 1):
            if total[candidate] > 0.0:
                column[out] = candidate
                amount[out] = total[candidate]
                out += 1
                total[candidate] = 0.0
        offsets[frame + 1] = out
    return offsets, column[:out].copy(), amount[:out].copy()


def sum_by_frame(
    log_z: float,
    value: Float64Array,
    first_entry: Int64Array,
    begin: Int32Array,
    pdf: Int32Array,
    num_frames: int,
) -> Occupancies:
    """Add up arc occupancies by frame and pdf.

    Args:
        log_z: log of the sum over all paths.
        value: float64 [arc], occupancy of each arc.
        first_entry: int64 [arc + 1], where the pdfs of each arc begin in `pdf`.
        begin: int32 [arc], first frame of each arc.
        pdf: int32 [entry], pdf_id of each frame of each arc.
        num_frames: number of frames.
    """
    num_pdfs = int(pdf.max()) + 1 if len(pdf) else 0
    return Occupancies(log_z, *_sum_by_frame(value, first_entry, begin, pdf, num_frames, num_pdfs))
