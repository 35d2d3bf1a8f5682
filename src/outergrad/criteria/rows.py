"""What the kernels of all criteria agree on: fates of frames, tolerances, rows put together."""

import numpy as np

from outergrad.arrays import Float32Array, Int32Array, Int64Array
from outergrad.criteria.outcome import FrameCounts, OuterGradient

# Occupancies of a frame must sum to 1 on both sides up to this. They are sums of up to some
# thousand float32 values (relative error 6e-8 each) out of a log-domain recursion over up to some
# thousand frames (absolute error 1e-16 x |log Z| x frames, below 1e-6): 1e-4 is far above rounding
# and far below any real defect, such as a lost arc.
ROW_SUM_TOLERANCE = 1e-4

KEPT, CANCELLED, REJECTED = 0, 1, 2
"""Fates of a frame."""


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
