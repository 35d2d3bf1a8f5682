"""What the kernels of all criteria agree on: fates of frames, tolerances, rows put together."""

import numpy as np

from outergrad.arrays import BoolArray, Float32Array, Float64Array, Int32Array, Int64Array
from outergrad.criteria.outcome import FrameCounts, OuterGradient

# Occupancies of a frame must sum to 1 on both sides up to this. They are sums of up to some
# thousand float32 values (relative error 6e-8 each) out of a log-domain recursion over up to some
# thousand frames (absolute error 1e-16 x |log Z| x frames, below 1e-6): 1e-4 is far above rounding
# and far below any real defect, such as a lost arc. Rows of an outer gradient are held to it
# relative to their absolute mass: those of sMBR and MPE are differences of accuracies, which grow
# with the utterance (thousands on a long one), and so does what float32 rounds away.
ROW_SUM_TOLERANCE = 1e-4

KEPT, CANCELLED, REJECTED = 0, 1, 2
"""Fates of a frame."""


def row_sums(
    offsets: Int64Array, values: Float32Array, mass: float
) -> tuple[Float64Array, BoolArray]:
    """Sums of the rows of an outer gradient, and which of them are not what they should be.

    A row's sum and verdict do not depend on the rows beside it, so whatever passes where it is
    made passes in any batch.

    Args:
        offsets: int64 ``[rows + 1]``: entries of each row.
        values: float32 ``[entries]``.
        mass: what each row should sum to.

    Returns:
        float64 ``[rows]`` sums; bool ``[rows]``, true where |sum - mass| is above
        `ROW_SUM_TOLERANCE` times the row's absolute mass (at least 1), or not finite.
    """
    rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    sums = np.bincount(rows, weights=values, minlength=len(offsets) - 1).astype(np.float64)
    sizes = np.bincount(rows, weights=np.abs(values), minlength=len(offsets) - 1)
    right = np.abs(sums - mass) <= ROW_SUM_TOLERANCE * np.maximum(1.0, sizes)
    return sums, ~(right & np.isfinite(sizes))


def gathered(
    utterance: str,
    fates: Int32Array,
    lengths: Int64Array,
    pdfs: Int32Array,
    values: Float32Array,
    value: float,
    reference_missing: bool,
) -> OuterGradient:
    """The outer gradient whose kept rows lie one after the other in `pdfs` and `values`.

    Args:
        utterance: its id.
        fates: int32 ``[frames]``, `KEPT`, `CANCELLED` or `REJECTED`.
        lengths: int64 ``[frames]``, entries of each kept row.
        pdfs: int32 ``[entries]``, pdf_ids.
        values: float32 ``[entries]``.
        value: criterion summed over frames.
        reference_missing: whether beam search lost the reference.
    """
    kept = np.flatnonzero(fates == KEPT)
    offsets = np.zeros(len(kept) + 1, dtype=np.int64)
    np.cumsum(lengths[kept], out=offsets[1:])
    return OuterGradient(
        utterance=utterance,
        num_frames=len(fates),
        frames=kept.astype(np.int32),
        offsets=offsets,
        pdfs=pdfs,
        values=values,
        counts=FrameCounts(
            frames=len(fates),
            kept=len(kept),
            cancelled=int(np.count_nonzero(fates == CANCELLED)),
            rejected=int(np.count_nonzero(fates == REJECTED)),
        ),
        value=value,
        reference_missing=reference_missing,
    )
