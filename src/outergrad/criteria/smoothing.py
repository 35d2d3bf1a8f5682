"""F-smoothing: a share of CE towards the numerator in every frame; the control is CE alone."""

from dataclasses import replace

import numpy as np

from outergrad.criteria.numerator import Numerator
from outergrad.criteria.outcome import FrameCounts, OuterGradient


def smooth(outer: OuterGradient, numerator: Numerator, share: float) -> OuterGradient:
    """The outer gradient of (1 - h) F + h sum_t sum_s gamma_num_t(s) log p_theta(s|x_t).

    Every frame gets its CE term, also those whose sequence term was cancelled or rejected, so all
    frames go to the trainer; `counts` still tells what became of the sequence terms. The rows then
    sum to h instead of to zero, and the inner gradient completes them with -h p_theta. The value
    stays that of the sequence criterion, because that is what is compared.

    Args:
        outer: outer gradient of F; a failure is passed on.
        numerator: gamma_num, the soft targets.
        share: h in [0, 1]; 0 changes nothing.

    Source: Su et al., Error back propagation for sequence training of context-dependent deep
    networks (2013); here h weighs gamma_num against gamma_num - gamma_den, both without kappa.
    """
    if outer.failed or share == 0.0:
        return outer
    side = numerator.occupancies
    frame = np.concatenate(
        [
            np.repeat(outer.frames.astype(np.int64), np.diff(outer.offsets)),
            np.repeat(np.arange(side.num_frames), np.diff(side.offsets)),
        ]
    )
    pdf = np.concatenate([outer.pdfs, side.pdf])
    value = np.concatenate([(1.0 - share) * outer.values.astype(np.float64), share * side.value])
    width = int(pdf.max()) + 1
    place, inverse = np.unique(frame * width + pdf, return_inverse=True)
    merged = np.bincount(inverse, weights=value)
    offsets = np.searchsorted(place // width, np.arange(side.num_frames + 1))
    return replace(
        outer,
        frames=np.arange(side.num_frames, dtype=np.int32),
        offsets=offsets.astype(np.int64),
        pdfs=(place % width).astype(np.int32),
        values=merged.astype(np.float32),
        mass=share,
    )


def control(numerator: Numerator, *, utterance: str) -> OuterGradient:
    """The numerator without a denominator: CE towards the current alignment.

    The value is not a sequence criterion: log Z_num.

    Source: Heigold et al. 2014, Section 4.2 (control).
    """
    num_frames = numerator.occupancies.num_frames
    nothing = OuterGradient(
        utterance=utterance,
        num_frames=num_frames,
        frames=np.empty(0, dtype=np.int32),
        offsets=np.zeros(1, dtype=np.int64),
        pdfs=np.empty(0, dtype=np.int32),
        values=np.empty(0, dtype=np.float32),
        counts=FrameCounts(frames=num_frames, kept=num_frames),
        value=numerator.occupancies.log_z,
    )
    return smooth(nothing, numerator, 1.0)
