"""Less (or no) weight for the frames of silence."""

from dataclasses import replace

import numpy as np

from outergrad.arrays import BoolArray
from outergrad.criteria.outcome import OuterGradient


def weigh_silence(outer: OuterGradient, silent: BoolArray, weight: float) -> OuterGradient:
    """The outer gradient with the rows of silent frames multiplied by `weight`.

    Args:
        outer: outer gradient of an utterance; a failure is passed on.
        silent: bool ``[frames]``, whether the reference is silence.
        weight: factor; with 0 these frames count as cancelled.
    """
    rows = silent[outer.frames]
    if outer.failed or weight == 1.0 or not rows.any():
        return outer
    lengths = np.diff(outer.offsets)
    if weight > 0.0:
        factor = np.where(np.repeat(rows, lengths), np.float32(weight), np.float32(1.0))
        return replace(outer, values=outer.values * factor)
    kept = np.repeat(~rows, lengths)
    offsets = np.concatenate(([0], np.cumsum(lengths[~rows]))).astype(np.int64)
    dropped = int(np.count_nonzero(rows))
    counts = replace(
        outer.counts,
        kept=outer.counts.kept - dropped,
        cancelled=outer.counts.cancelled + dropped,
    )
    return replace(
        outer,
        frames=outer.frames[~rows],
        offsets=offsets,
        pdfs=outer.pdfs[kept],
        values=outer.values[kept],
        counts=counts,
    )
