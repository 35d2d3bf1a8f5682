import numpy as np
import pytest

from fan import fan
from outergrad.criteria.config import CriterionConfig, Kind, Sum
from outergrad.criteria.criterion import evaluate
from outergrad.criteria.numerator import Numerator
from outergrad.criteria.outcome import FrameCounts
from outergrad.criteria.silence import weigh_silence
from outergrad.criteria.smoothing import control, smooth
from outergrad.errors import InputError
from outergrad.lattice.path import Path

NUM_PDFS = 3


def path(pdfs, score=-1.0):
    """A path whose transition_ids are its pdf_ids + 1."""
    pdfs = np.array(pdfs, dtype=np.int32)
    return Path((), (), pdfs, pdfs + np.int32(1), -score, 0.0, 1.0)


def numerator(pdfs, score=-1.0):
    made = Numerator.of(path(pdfs, score))
    return Numerator(made.alignment, made.occupancies, Sum.ALL_ALIGNMENTS)


def dense(outer):
    out = np.zeros((outer.num_frames, NUM_PDFS))
    out[np.repeat(outer.frames, np.diff(outer.offsets)), outer.pdfs] = outer.values
    return out


LATTICE = fan([([0, 1, 2], -1.0), ([0, 2, 2], -1.0), ([0, 1, 0], -2.0)])
REFERENCE = numerator([0, 1, 2])


def mmi(**settings):
    config = CriterionConfig(rejection=0.0, **settings)
    return evaluate(Kind.MMI, REFERENCE, LATTICE, config, utterance="u")


def test_smoothing_mixes_in_the_numerator_in_every_frame():
    plain, mixed = mmi(), mmi(smoothing=0.25)
    targets = np.eye(NUM_PDFS)[REFERENCE.alignment.pdfs]
    np.testing.assert_allclose(dense(mixed), 0.75 * dense(plain) + 0.25 * targets, atol=1e-7)
    np.testing.assert_array_equal(mixed.frames, [0, 1, 2])
    assert mixed.mass == 0.25
    assert mixed.value == plain.value
    assert mixed.counts == plain.counts == FrameCounts(frames=3, kept=2, cancelled=1)


def test_control_is_the_numerator_alone():
    outer = control(REFERENCE, utterance="u")
    np.testing.assert_array_equal(dense(outer), np.eye(NUM_PDFS)[[0, 1, 2]])
    assert outer.mass == 1.0
    assert outer.counts.kept == 3


def test_failures_pass_through():
    from outergrad.criteria.outcome import OuterGradient

    failure = OuterGradient.failure("u", 3, "numerator-no-path")
    assert smooth(failure, REFERENCE, 0.5) is failure
    assert weigh_silence(failure, np.array([True] * 3), 0.5) is failure


def test_silence_weight_scales_the_frames_of_silence():
    plain = mmi()
    silent = np.array([False, True, False])
    half = weigh_silence(plain, silent, 0.5)
    np.testing.assert_allclose(dense(half), dense(plain) * [[1.0], [0.5], [1.0]])
    assert half.counts == plain.counts


def test_silence_without_weight_cancels():
    plain = mmi()
    none = weigh_silence(plain, np.array([False, True, False]), 0.0)
    np.testing.assert_array_equal(none.frames, [2])
    np.testing.assert_array_equal(dense(none), dense(plain) * [[1.0], [0.0], [1.0]])
    assert none.counts == FrameCounts(frames=3, kept=1, cancelled=2)


@pytest.mark.parametrize(
    "change",
    [{"smoothing": 1.1}, {"boost": -0.1}, {"silence_weight": float("nan")}, {"silence_error": 2}],
)
def test_impossible_settings_are_refused(change):
    with pytest.raises(InputError, match="criterion"):
        CriterionConfig(**change)
