"""Each criterion against the enumeration of all paths of small lattices."""

from dataclasses import replace

import numpy as np
import pytest

from outergrad.criteria.config import CriterionConfig, Kind
from outergrad.criteria.criterion import evaluate
from outergrad.criteria.numerator import Numerator, sum_of
from outergrad.errors import InputError
from outergrad.lattice.accuracy import boost, expected_accuracy, phone_accuracies, state_accuracies

KEEP_ALL = CriterionConfig(rejection=0.0, cancellation=0.0)
NUM_PDFS = 5

# Both sides are float64 sums of some hundred terms out of float32 weights; rows are float32.
EXACT = 1e-9
ROWS = 2e-5


def dense(outer):
    rows = np.repeat(outer.frames, np.diff(outer.offsets))
    out = np.zeros((outer.num_frames, NUM_PDFS))
    out[rows, outer.pdfs] = outer.values
    return out


def numerator(reference, denominator):
    """The reference alone, as a sum of whatever kind the denominator is."""
    return replace(Numerator.of(reference), sum=sum_of(denominator))


@pytest.mark.parametrize("one_class", [True, False])
@pytest.mark.parametrize("level", ["state", "phone"])
def test_expected_accuracy(cases, classes, oracle, level, one_class):
    moved = 0.0
    for lattice, paths, reference in cases:
        accuracy = getattr(oracle, f"{level}_accuracy")(reference, *_phones(classes), one_class)
        value, gradient = oracle.expected_accuracy(paths, accuracy, lattice.num_frames, NUM_PDFS)
        if level == "state":
            entries = state_accuracies(
                lattice,
                reference.pdfs,
                reference.transitions,
                classes,
                one_silence_class=one_class,
            )
        else:
            entries = phone_accuracies(
                lattice, reference.transitions, classes, one_silence_class=one_class
            )
        found = expected_accuracy(lattice, entries)
        assert found.value == pytest.approx(value, abs=EXACT)
        assert found.log_z == pytest.approx(
            oracle.log_mass([path.score for path in paths]), abs=1e-6
        )
        frame = np.repeat(np.arange(lattice.num_frames), np.diff(found.offsets))
        table = np.zeros_like(gradient)
        table[frame, found.pdf] = found.gradient
        np.testing.assert_allclose(table, gradient, atol=EXACT)
        moved = max(moved, np.abs(gradient).max())
    assert moved > 0.3, "the comparison must be about something"


def _phones(classes):
    return classes.phone_of, classes.silence


@pytest.mark.parametrize(("kind", "level"), [(Kind.SMBR, "state"), (Kind.MPE, "phone")])
def test_smbr_and_mpe(cases, classes, oracle, kind, level):
    for lattice, paths, reference in cases:
        accuracy = getattr(oracle, f"{level}_accuracy")(reference, *_phones(classes), True)
        value, gradient = oracle.expected_accuracy(paths, accuracy, lattice.num_frames, NUM_PDFS)
        outer = evaluate(
            kind,
            numerator(reference, lattice),
            lattice,
            KEEP_ALL,
            utterance="u",
            classes=classes,
        )
        assert outer.value == pytest.approx(value - lattice.num_frames, abs=EXACT)
        np.testing.assert_allclose(dense(outer), gradient, atol=ROWS)
        assert outer.value <= EXACT


@pytest.mark.parametrize("silence_error", [0.0, 0.5])
def test_boosted_mmi(cases, classes, oracle, path_oracle, silence_error):
    config = replace(KEEP_ALL, boost=0.7, silence_error=silence_error)
    for lattice, paths, reference in cases:
        errors = oracle.boost_errors(reference, *_phones(classes), silence_error)
        boosted = [replace(path, score=path.score + 0.7 * errors(path)) for path in paths]
        gamma = path_oracle.occupancies(boosted, lattice.num_frames, NUM_PDFS)
        expected = -gamma
        expected[np.arange(lattice.num_frames), reference.pdfs] += 1.0
        outer = evaluate(
            Kind.BMMI,
            numerator(reference, lattice),
            lattice,
            config,
            utterance="u",
            classes=classes,
        )
        mass = oracle.log_mass([path.score for path in boosted])
        # Boosted costs of state-level lattices are float32.
        assert outer.value == pytest.approx(reference.log_score - mass, abs=1e-5)
        np.testing.assert_allclose(dense(outer), expected, atol=ROWS)


def test_mmi(cases, oracle, path_oracle):
    for lattice, paths, reference in cases:
        expected = -path_oracle.occupancies(paths, lattice.num_frames, NUM_PDFS)
        expected[np.arange(lattice.num_frames), reference.pdfs] += 1.0
        outer = evaluate(Kind.MMI, numerator(reference, lattice), lattice, KEEP_ALL, utterance="u")
        mass = oracle.log_mass([path.score for path in paths])
        assert outer.value == pytest.approx(reference.log_score - mass, abs=1e-6)
        np.testing.assert_allclose(dense(outer), expected, atol=ROWS)


def test_boost_zero_is_mmi(cases, classes):
    for lattice, _, reference in cases[:40]:
        side = numerator(reference, lattice)
        config = replace(KEEP_ALL, boost=0.0)
        plain, boosted = (
            evaluate(kind, side, lattice, config, utterance="u", classes=classes)
            for kind in (Kind.MMI, Kind.BMMI)
        )
        assert boosted.value == pytest.approx(plain.value, abs=EXACT)
        np.testing.assert_array_equal(dense(boosted), dense(plain))


@pytest.mark.parametrize("kind", list(Kind))
def test_rows_sum_to_zero_and_frames_are_accounted_for(cases, classes, kind):
    for lattice, _, reference in cases:
        outer = evaluate(
            kind,
            numerator(reference, lattice),
            lattice,
            CriterionConfig(),
            utterance="u",
            classes=classes,
        )
        assert not outer.failed
        np.testing.assert_allclose(dense(outer).sum(axis=1), 0.0, atol=1e-6)
        counts = outer.counts
        assert counts.kept + counts.cancelled + counts.rejected == lattice.num_frames
        assert counts.kept == len(outer.frames)


def test_phones_must_be_known(cases):
    lattice, _, reference = cases[0]
    for kind in (Kind.BMMI, Kind.SMBR, Kind.MPE):
        with pytest.raises(InputError, match="phones the transitions belong to"):
            evaluate(kind, Numerator.of(reference), lattice, KEEP_ALL, utterance="u")


def test_transitions_of_another_model_are_refused(cases, classes):
    lattice, _, reference = cases[0]
    few = replace(classes, phone_of=classes.phone_of[:2])
    with pytest.raises(InputError, match="compiled with another model"):
        boost(lattice, reference.transitions, few, 0.1)


def test_references_of_another_length_are_refused(cases, classes):
    lattice, _, reference = cases[0]
    with pytest.raises(InputError, match="the reference alignment has"):
        phone_accuracies(lattice, reference.transitions[:-1], classes)
