"""State-level minimum Bayes risk: the expected number of frames in the right state."""

from outergrad.criteria.config import CriterionConfig
from outergrad.criteria.expected import from_accuracies
from outergrad.criteria.numerator import Denominator, Numerator
from outergrad.criteria.outcome import OuterGradient
from outergrad.lattice.accuracy import PhoneClasses, expected_accuracy, state_accuracies


def smbr(
    numerator: Numerator,
    denominator: Denominator,
    config: CriterionConfig,
    *,
    utterance: str,
    classes: PhoneClasses,
) -> OuterGradient:
    """sMBR of one utterance, as minus the expected number of wrong frames.

    F = E[A] - T,    dF/da_t(s) = gamma_t(s) (E[A | s in frame t] - E[A])

    with A(path) = frames in which the path has the reference alignment's pdf, expectations over
    the lattice, and scaled scores a.

    Args:
        numerator: the reference; only its alignment counts.
        denominator: the lattice, with transition_ids.
        config: silence class, thresholds.
        utterance: its id.
        classes: phones of the transitions.

    Returns:
        The outer gradient, or a failure as `from_accuracies` gives it.

    Raises:
        InputError: sides of different lengths, or no finite path.

    Source: Gibson & Hain (2006); Kaldi's ``lattice-to-smbr-post``.
    """
    accuracies = state_accuracies(
        denominator,
        numerator.alignment.pdfs,
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
