"""Maximum mutual information: value and outer gradient from two sets of occupancies."""

import math

import numpy as np

from outergrad.arrays import Float32Array, Float64Array, Int32Array, Int64Array
from outergrad.criteria.config import CriterionConfig, Sum
from outergrad.criteria.outcome import OuterGradient
from outergrad.criteria.rows import (
    CANCELLED,
    KEPT,
    REJECTED,
    ROW_SUM_TOLERANCE,
    gathered,
)
from outergrad.errors import InputError
from outergrad.jit import kernel
from outergrad.lattice.occupancies import Occupancies


def mmi(
    numerator: Occupancies,
    denominator: Occupancies,
    config: CriterionConfig,
    *,
    utterance: str,
    numerator_sum: Sum,
    denominator_sum: Sum,
    missing: bool,
) -> OuterGradient:
    """MMI of one utterance.

    F = log Z_num - log Z_den,    dF/da_t(s) = gamma_num_t(s) - gamma_den_t(s)

    with scaled scores a = kappa (log p_theta - log p). The reference state of a frame is the one
    with the largest numerator occupancy. Rejected frames do not count as cancelled.

    Args:
        numerator: occupancies of the reference word string, log Z_num in `log_z`.
        denominator: occupancies of the lattice, log Z_den in `log_z`.
        config: rejection and cancellation thresholds.
        utterance: its id, for the outcome.
        numerator_sum: what the numerator sums over.
        denominator_sum: what the denominator sums over.
        missing: whether the denominator has lost the reference, see `reference_missing`. With
            `config.add_reference` the numerator's mass is then added to the denominator, and the
            value is below 0; otherwise it can have either sign.

    Returns:
        The outer gradient; a failure (`reason` set) when a side is empty ("numerator-impossible",
        "denominator-impossible") or when occupancies are not finite or do not sum to one
        ("occupancies-off"), so that no such thing ever reaches parameters.

    Raises:
        InputError: the sums are of different kinds, or the sides have different lengths.

    Source: Heigold et al. 2014, Eq. 2, its gradient, and frame rejection;
        docs/derivations/criteria.md.
    """
    if numerator_sum != denominator_sum:
        raise InputError(
            f"MMI: the numerator sums over {numerator_sum}, the denominator over "
            f"{denominator_sum}; their difference is no gradient (alignments drift), use one kind"
        )
    num_frames = numerator.num_frames
    if denominator.num_frames != num_frames:
        raise InputError(
            f"MMI: utterance {utterance}: the numerator has {num_frames} frames, "
            f"the denominator {denominator.num_frames}"
        )
    if not math.isfinite(numerator.log_z):
        return OuterGradient.failure(utterance, num_frames, "numerator-impossible")
    if not math.isfinite(denominator.log_z):
        return OuterGradient.failure(utterance, num_frames, "denominator-impossible")
    log_z_den, added = denominator.log_z, 0.0
    if missing and config.add_reference:
        log_z_den = float(np.logaddexp(numerator.log_z, denominator.log_z))
        added = math.exp(numerator.log_z - log_z_den)
    num_pdfs = 1 + max(int(side.pdf.max(initial=0)) for side in (numerator, denominator))
    fates, lengths, pdfs, values = _differences(
        numerator.offsets,
        numerator.pdf,
        numerator.value,
        denominator.offsets,
        denominator.pdf,
        denominator.value,
        num_pdfs,
        added,
        config.rejection,
        config.cancellation,
    )
    if len(fates) < num_frames:
        return OuterGradient.failure(utterance, num_frames, "occupancies-off")
    return gathered(utterance, fates, lengths, pdfs, values, numerator.log_z - log_z_den, missing)


@kernel
def _differences(
    num_offsets: Int64Array,
    num_pdf: Int32Array,
    num_value: Float64Array,
    den_offsets: Int64Array,
    den_pdf: Int32Array,
    den_value: Float64Array,
    num_pdfs: int,
    added: float,
    rejection: float,
    cancellation: float,
) -> tuple[Int32Array, Int64Array, Int32Array, Float32Array]:
    """Per frame: fate and length of its row; all kept rows one after the other.

    `added` is the share of the numerator in a denominator that the reference was added to:
    gamma_num - [added gamma_num + (1 - added) gamma_den] = (1 - added) (gamma_num - gamma_den).
    The frame at which occupancies are found wrong ends the arrays of fates and lengths early.
    """
    num_frames = len(num_offsets) - 1
    fates = np.empty(num_frames, dtype=np.int32)
    lengths = np.zeros(num_frames, dtype=np.int64)
    pdfs = np.empty(len(num_pdf) + len(den_pdf), dtype=np.int32)
    values = np.empty(len(pdfs), dtype=np.float32)
    difference = np.zeros(num_pdfs, dtype=np.float64)
    touched = np.empty(num_pdfs, dtype=np.int32)
    is_touched = np.zeros(num_pdfs, dtype=np.bool_)
    end = 0
    for t in range(num_frames):
        count = 0
        num_total, den_total = 0.0, 0.0
        reference, largest = np.int32(-1), 0.0
        for i in range(num_offsets[t], num_offsets[t + 1]):
            s = num_pdf[i]
            if not is_touched[s]:
                is_touched[s] = True
                touched[count] = s
                count += 1
            difference[s] += num_value[i]
            num_total += num_value[i]
            if difference[s] > largest:
                reference, largest = s, difference[s]
        at_reference = 0.0
        for i in range(den_offsets[t], den_offsets[t + 1]):
            s = den_pdf[i]
            if not is_touched[s]:
                is_touched[s] = True
                touched[count] = s
                count += 1
            difference[s] -= den_value[i]
            den_total += den_value[i]
            if s == reference:
                at_reference += den_value[i]
        # Written so that nan fails, too.
        if not (
            abs(num_total - 1.0) <= ROW_SUM_TOLERANCE and abs(den_total - 1.0) <= ROW_SUM_TOLERANCE
        ):
            return fates[:t], lengths[:t], pdfs[:0], values[:0]
        at_reference = (1.0 - added) * at_reference + added * largest
        mass = 0.0
        for k in range(count):
            difference[touched[k]] *= 1.0 - added
            mass += abs(difference[touched[k]])
        if at_reference < rejection:
            fates[t] = REJECTED
        elif mass < cancellation or mass == 0.0:
            fates[t] = CANCELLED
        else:
            fates[t] = KEPT
            # Rounding left in the row is taken out evenly over its mass: rows sum to zero.
            excess = (1.0 - added) * (num_total - den_total)
            for k in range(count):
                s = touched[k]
                value = difference[s] - excess * abs(difference[s]) / mass
                if value != 0.0:
                    pdfs[end] = s
                    values[end] = value
                    end += 1
                    lengths[t] += 1
        for k in range(count):
            difference[touched[k]] = 0.0
            is_touched[touched[k]] = False
    return fates, lengths, pdfs[:end].copy(), values[:end].copy()
