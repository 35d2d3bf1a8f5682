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


def numerator(score):
    pdfs = np.array(REFERENCE, dtype=np.int32)
    made = Numerator.of(Path((), (), pdfs, pdfs + np.int32(1), -score, 0.0, 1.0))
    return Numerator(made.alignment, made.occupancies, Sum.ALL_ALIGNMENTS)


def outer(kind, denominator, **settings):
    config = CriterionConfig(rejection=0.0, cancellation=0.0, boost=BOOST, **settings)
    return evaluate(kind, numerator(-1.0), denominator, config, utterance="u", classes=CLASSES)


def dense(gradient):
    out = np.zeros((gradient.num_frames, 3))
    rows = np.repeat(gradient.frames, np.diff(gradient.offsets))
    out[rows, gradient.pdfs] = gradient.values
    return out


@pytest.mark.parametrize("kind", list(Kind))
def test_a_reference_outside_the_lattice_is_missing(kind):
    assert outer(kind, fan([(COMPETITOR, -4.0)])).reference_missing


@pytest.mark.parametrize("kind", list(Kind))
def test_a_reference_in_the_lattice_is_not_missing(kind):
    assert not outer(kind, fan([(REFERENCE, -1.0), (COMPETITOR, -4.0)])).reference_missing


def test_a_missing_reference_is_added_to_the_boosted_denominator():
    """As if the lattice had had it: errors boost the competitor only."""
    lost = outer(Kind.BMMI, fan([(COMPETITOR, -4.0)]), add_reference=True)
    there = outer(Kind.BMMI, fan([(REFERENCE, -1.0), (COMPETITOR, -4.0)]))
    assert lost.value == pytest.approx(-1.0 - np.logaddexp(-1.0, -4.0 + BOOST), abs=1e-6)
    assert lost.value == pytest.approx(there.value, abs=1e-6)
    np.testing.assert_allclose(dense(lost), dense(there), atol=1e-6)
    assert np.abs(dense(lost)).max() > 0.5, "the comparison must be about something"
