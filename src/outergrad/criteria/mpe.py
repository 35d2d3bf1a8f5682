"""Minimum phone error by frames (MPFE): the expected number of frames in the right phone."""

from outergrad.criteria.config import CriterionConfig
from outergrad.criteria.expected import from_accuracies
from outergrad.criteria.numerator import Denominator, Numerator
from outergrad.criteria.outcome import OuterGradient
from outergrad.lattice.accuracy import PhoneClasses, expected_accuracy, phone_accuracies


def mpe(
    numerator: Numerator,
    denominator: Denominator,
    config: CriterionConfig,
    *,
    utterance: str,
    classes: PhoneClasses,
) -> OuterGradient:
    """MPE of one utterance, as minus the expected number of frames in a wrong phone.

    F = E[A] - T,    dF/da_t(s) = gamma_t(s) (E[A | s in frame t] - E[A])

    with A(path) = frames in which the path is in the reference alignment's phone. Arguments and
    errors are those of `smbr`.

    Source: Povey (2003) with accuracies counted per frame, as Kaldi's ``lattice-to-mpe-post``
    does, instead of per phone with partial overlaps.
    """
    accuracies = phone_accuracies(
        denominator,
        numerator.alignment.transitions,
        classes,
        one_silence_class=config.one_silence_class,
    )
    return from_accuracies(
        expected_accuracy(denominator, accuracies),
        numerator,
        denominator,
        config,
        utterance=utterance,
    )
