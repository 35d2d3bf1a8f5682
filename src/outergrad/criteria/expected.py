"""From an expected accuracy to an outer gradient: what sMBR and MPE share."""

import math

import numpy as np

from outergrad.arrays import Float32Array, Float64Array, Int32Array, Int64Array
from outergrad.criteria.config import CriterionConfig
from outergrad.criteria.numerator import Denominator, Numerator, reference_missing
from outergrad.criteria.outcome import OuterGradient
from outergrad.criteria.rows import (
    CANCELLED,
    KEPT,
    REJECTED,
    ROW_SUM_TOLERANCE,
    gathered,
)
from outergrad.jit import kernel
from outergrad.lattice.accuracy import ExpectedAccuracy


def from_accuracies(
    expected: ExpectedAccuracy,
    numerator: Numerator,
    denominator: Denominator,
    config: CriterionConfig,
    *,
    utterance: str,
) -> OuterGradient:
    """The outer gradient of an expected accuracy; its value is E[A] - T.

    Args:
        expected: expectation and derivative of the lattice.
        numerator: the reference; frames in which the lattice does not know its state are rejected.
        denominator: the lattice.
        config: rejection and cancellation thresholds.
        utterance: its id.

    Returns:
        The outer gradient; a failure "numerator-impossible" when the reference has no finite
        score, "occupancies-off" when occupancies do not sum to one or rows not to zero.
    """
    num_frames = len(expected.offsets) - 1
    if not math.isfinite(numerator.occupancies.log_z):
        return OuterGradient.failure(utterance, num_frames, "numerator-impossible")
    fates, lengths, pdfs, values = _rows(
        expected.offsets,
        expected.pdf,
        expected.occupancy,
        expected.gradient,
        numerator.alignment.pdfs,
        config.rejection,
        config.cancellation,
    )
    if len(fates) < num_frames:
        return OuterGradient.failure(utterance, num_frames, "occupancies-off")
    missing = reference_missing(numerator, denominator, expected.log_z)
    value = expected.value - num_frames
    return gathered(utterance, fates, lengths, pdfs, values, value, missing)


@kernel
def _rows(
    offsets: Int64Array,
    pdf: Int32Array,
    occupancy: Float64Array,
    gradient: Float64Array,
    reference: Int32Array,
    rejection: float,
    cancellation: float,
) -> tuple[Int32Array, Int64Array, Int32Array, Float32Array]:
    """Per frame: fate and length of its row; all kept rows one after the other.

    The frame at which something is found wrong ends the arrays of fates and lengths early.
    """
    num_frames = len(offsets) - 1
    fates = np.empty(num_frames, dtype=np.int32)
    lengths = np.zeros(num_frames, dtype=np.int64)
    pdfs = np.empty(len(pdf), dtype=np.int32)
    values = np.empty(len(pdf), dtype=np.float32)
    end = 0
    for t in range(num_frames):
        at_reference, total, excess, mass = 0.0, 0.0, 0.0, 0.0
        for i in range(offsets[t], offsets[t + 1]):
            total += occupancy[i]
            excess += gradient[i]
            mass += abs(gradient[i])
            if pdf[i] == reference[t]:
                at_reference = occupancy[i]
        # Written so that nan fails, too. Accuracies are sums over up to num_frames frames.
        if not (
            abs(total - 1.0) <= ROW_SUM_TOLERANCE
            and abs(excess) <= ROW_SUM_TOLERANCE * max(1.0, mass)
        ):
            return fates[:t], lengths[:t], pdfs[:0], values[:0]
        if at_reference < rejection:
            fates[t] = REJECTED
        elif mass < cancellation or mass == 0.0:
            fates[t] = CANCELLED
        else:
            fates[t] = KEPT
            begin, largest, left = end, end, 0.0
            for i in range(offsets[t], offsets[t + 1]):
                if gradient[i] != 0.0:
                    pdfs[end] = pdf[i]
                    values[end] = gradient[i] - excess * abs(gradient[i]) / mass
                    left += values[end]
                    if abs(values[end]) > abs(values[largest]):
                        largest = end
                    end += 1
            # What rounding to float32 leaves goes to the entry that feels it least.
            values[largest] -= left
            lengths[t] = end - begin
    return fates, lengths, pdfs[:end].copy(), values[:end].copy()
