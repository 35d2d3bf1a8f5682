"""The seam of all sequence criteria: two sides in, one outer gradient out."""

from collections.abc import Mapping
from typing import Protocol

from outergrad.criteria.bmmi import boosted_mmi
from outergrad.criteria.config import CriterionConfig, Kind
from outergrad.criteria.mmi import mmi
from outergrad.criteria.mpe import mpe
from outergrad.criteria.numerator import Denominator, Numerator, reference_missing, sum_of
from outergrad.criteria.outcome import OuterGradient
from outergrad.criteria.silence import weigh_silence
from outergrad.criteria.smbr import smbr
from outergrad.criteria.smoothing import smooth
from outergrad.errors import InputError
from outergrad.lattice.accuracy import PhoneClasses
from outergrad.lattice.paths import forward_backward


class _Criterion(Protocol):
    def __call__(
        self,
        numerator: Numerator,
        denominator: Denominator,
        config: CriterionConfig,
        *,
        utterance: str,
        classes: PhoneClasses,
    ) -> OuterGradient: ...


def _mmi(
    numerator: Numerator,
    denominator: Denominator,
    config: CriterionConfig,
    *,
    utterance: str,
    classes: PhoneClasses | None,
) -> OuterGradient:
    occupancies = forward_backward(denominator)
    return mmi(
        numerator.occupancies,
        occupancies,
        config,
        utterance=utterance,
        numerator_sum=numerator.sum,
        denominator_sum=sum_of(denominator),
        missing=reference_missing(numerator, denominator, occupancies.log_z),
    )


_WITH_PHONES: Mapping[Kind, _Criterion] = {
    Kind.BMMI: boosted_mmi,
    Kind.SMBR: smbr,
    Kind.MPE: mpe,
}


def evaluate(
    kind: Kind,
    numerator: Numerator,
    denominator: Denominator,
    config: CriterionConfig,
    *,
    utterance: str,
    classes: PhoneClasses | None = None,
) -> OuterGradient:
    """Value, sparse outer gradient and counts of one criterion for one utterance.

    Args:
        kind: the criterion.
        numerator: the transcript's side, with scores.
        denominator: the lattice, with the same scores.
        config: thresholds, errors, weights, smoothing.
        utterance: its id.
        classes: phones of the transitions; MMI does without unless silence has a weight.

    Returns:
        The outer gradient, silence weighted and CE mixed in as `config` says, or a failure with
        its reason.

    Raises:
        InputError: sides that do not fit each other, or `classes` missing.
    """
    if classes is None:
        if kind is not Kind.MMI or config.silence_weight != 1.0:
            raise InputError(
                f"criterion {kind}: needs to know which phones the transitions belong to"
            )
        outer = _mmi(numerator, denominator, config, utterance=utterance, classes=None)
    else:
        criterion = _WITH_PHONES.get(kind, _mmi)
        outer = criterion(numerator, denominator, config, utterance=utterance, classes=classes)
        if config.silence_weight != 1.0:
            phones = classes.phones(numerator.alignment.transitions)
            outer = weigh_silence(outer, classes.is_silence(phones), config.silence_weight)
    return smooth(outer, numerator, config.smoothing)
