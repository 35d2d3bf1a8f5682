"""A reference that beam search lost is noticed by every criterion, boosted or not."""

import numpy as np
import pytest

from fan import fan
from outergrad.criteria.config import CriterionConfig, Kind, Sum
from outergrad.criteria.criterion import evaluate
from outergrad.criteria.numerator import Numerator
from outergrad.lattice.accuracy import PhoneClasses
from outergrad.lattice.path import Path

REFERENCE, COMPETITOR = (0, 1, 2), (0, 0, 2)
CLASSES = PhoneClasses(np.array([0, 2, 3, 4], dtype=np.int32), (1,))
BOOST = 5.0
"""More than the competitor is worse; it has one wrong frame."""


SAID, OTHER = (7,), (8,)


def numerator(score):
    pdfs = np.array(REFERENCE, dtype=np.int32)
    made = Numerator.of(Path(SAID, ((0, 3),), pdfs, pdfs + np.int32(1), -score, 0.0, 1.0))
    return Numerator(made.alignment, made.occupancies, Sum.ALL_ALIGNMENTS)


def outer(kind, denominator, **settings):
    config = CriterionConfig(rejection=0.0, cancellation=0.0, boost=BOOST, **settings)
    return evaluate(kind, numerator(-1.0), denominator, config, utterance="u", classes=CLASSES)


def dense(gradient):
    out = np.zeros((gradient.num_frames, 3))
    rows = np.repeat(gradient.frames, np.diff(gradient.offsets))
    out[rows, gradient.pdfs] = gradient.values
    return out


@pytest.mark.parametrize("score", [-4.0, -1.0, 9.0])
@pytest.mark.parametrize("kind", list(Kind))
def test_a_reference_outside_the_lattice_is_missing(kind, score):
    """However good the others are: it is the usual reason why the reference was pruned."""
    assert outer(kind, fan([(COMPETITOR, score, OTHER)])).reference_missing


@pytest.mark.parametrize("competitor", [-4.0, 9.0])
@pytest.mark.parametrize("kind", list(Kind))
def test_a_reference_in_the_lattice_is_not_missing(kind, competitor):
    lattice = fan([(REFERENCE, -1.0, SAID), (COMPETITOR, competitor, OTHER)])
    assert not outer(kind, lattice).reference_missing


@pytest.mark.parametrize("kind", list(Kind))
def test_words_in_the_lattice_without_their_mass_are_missing(kind):
    """Its best alignment was pruned: log Z_den < log Z_num, and MMI would be positive."""
    assert outer(kind, fan([(COMPETITOR, -6.0, SAID), (REFERENCE, -9.0, OTHER)])).reference_missing


@pytest.mark.parametrize("kind", [Kind.MMI, Kind.BMMI])
@pytest.mark.parametrize("score", [-6.0, -4.0, -1.0, 0.5])
def test_with_the_reference_added_the_criterion_is_that_of_the_whole_lattice(kind, score):
    """Also where the competitor outweighs it, which is where log Z_den >= log Z_num."""
    lost = outer(kind, fan([(COMPETITOR, score, OTHER)]), add_reference=True)
    both = fan([(REFERENCE, -1.0, SAID), (COMPETITOR, score, OTHER)])
    there = outer(kind, both, add_reference=True)
    assert lost.reference_missing
    assert not there.reference_missing
    assert lost.value == pytest.approx(there.value, abs=1e-6)
    assert lost.value < 0.0
    np.testing.assert_allclose(dense(lost), dense(there), atol=1e-6)
    assert np.abs(dense(lost)).max() > 0.005, "the comparison must be about something"


@pytest.mark.parametrize("kind", list(Kind))
def test_without_the_option_a_lost_reference_changes_only_the_count(kind):
    """The same bits whether the lattice's one path is said to be the reference or not."""
    lost, there = (outer(kind, fan([(COMPETITOR, 2.0, words)])) for words in (OTHER, SAID))
    assert (lost.reference_missing, there.reference_missing) == (True, False)
    assert lost.value == there.value
    assert lost.counts == there.counts
    np.testing.assert_array_equal(lost.values, there.values)
