"""Boosted MMI: the denominator favours paths in proportion to their errors."""

from outergrad.criteria.config import CriterionConfig
from outergrad.criteria.mmi import mmi
from outergrad.criteria.numerator import Denominator, Numerator, reference_missing, sum_of
from outergrad.criteria.outcome import OuterGradient
from outergrad.lattice.accuracy import PhoneClasses, boost
from outergrad.lattice.paths import forward_backward, log_z


def boosted_mmi(
    numerator: Numerator,
    denominator: Denominator,
    config: CriterionConfig,
    *,
    utterance: str,
    classes: PhoneClasses,
) -> OuterGradient:
    """Boosted MMI of one utterance.

    F = log Z_num - log sum_paths exp(score(path) + b errors(path))

    with errors = frames whose phone is not the reference alignment's. The outer gradient is
    gamma_num - gamma_boosted, which is MMI's on the boosted lattice. Whether the reference was
    lost is seen from the lattice as it was; it has no errors, so where it is added it is added
    unboosted.

    Args:
        numerator: the reference; its alignment counts as without errors.
        denominator: the lattice, with transition_ids.
        config: boost, error of silence, thresholds.
        utterance: its id.
        classes: phones of the transitions.

    Returns:
        The outer gradient, or a failure as `mmi` gives it.

    Raises:
        InputError: sides that do not fit each other, or no finite path.

    Source: Povey et al., Boosted MMI (2008); Kaldi's ``lattice-boost-ali``, where only the
    denominator is boosted.
    """
    boosted = boost(
        denominator,
        numerator.alignment.transitions,
        classes,
        config.boost,
        config.silence_error,
    )
    return mmi(
        numerator.occupancies,
        forward_backward(boosted),
        config,
        utterance=utterance,
        numerator_sum=numerator.sum,
        denominator_sum=sum_of(denominator),
        missing=reference_missing(numerator, denominator, log_z(denominator)),
    )
