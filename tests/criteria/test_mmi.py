from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outergrad.criteria.config import CriterionConfig, Sum
from outergrad.criteria.mmi import mmi
from outergrad.criteria.outcome import FrameCounts
from outergrad.errors import InputError
from outergrad.lattice.occupancies import Occupancies

EVERYTHING = CriterionConfig(rejection=0.0, cancellation=0.0)


def sparse(dense: np.ndarray, log_z: float = -5.0) -> Occupancies:
    frame, pdf = np.nonzero(dense)
    offsets = np.searchsorted(frame, np.arange(len(dense) + 1))
    return Occupancies(log_z, offsets.astype(np.int64), pdf.astype(np.int32), dense[frame, pdf])


def run(numerator, denominator, config=EVERYTHING, **kinds):
    kinds = {"numerator_sum": Sum.BEST_ALIGNMENT, "denominator_sum": Sum.BEST_ALIGNMENT} | kinds
    return mmi(numerator, denominator, config, utterance="u", **{"missing": False} | kinds)


def dense(outer, num_pdfs):
    rows = np.repeat(outer.frames, np.diff(outer.offsets))
    out = np.zeros((outer.num_frames, num_pdfs))
    out[rows, outer.pdfs] = outer.values
    return out


def one_hot(pdfs, num_pdfs):
    return np.eye(num_pdfs)[pdfs]


def test_two_paths_by_hand():
    """Reference 0 0 1 at score -2, competitor 0 2 1 at score -3: gamma = 1/(1+e^-1), rest."""
    reference, competitor = np.exp(-2.0), np.exp(-3.0)
    z = reference + competitor
    denominator = np.zeros((3, 3))
    denominator[0, 0] = denominator[2, 1] = 1.0
    denominator[1, 0], denominator[1, 2] = reference / z, competitor / z
    outer = run(
        sparse(one_hot([0, 0, 1], 3), np.log(reference)),
        sparse(denominator, np.log(z)),
        CriterionConfig(),
    )
    loss = 1.0 / (1.0 + np.e)  # posterior of the competitor
    assert outer.value == pytest.approx(np.log(1.0 - loss))
    np.testing.assert_array_equal(outer.frames, [1])
    np.testing.assert_allclose(dense(outer, 3)[1], [loss, 0.0, -loss], atol=1e-7)  # float32
    assert outer.counts == FrameCounts(frames=3, kept=1, cancelled=2)
    assert not outer.reference_missing
    assert not outer.failed


def test_frames_whose_reference_the_denominator_does_not_know_are_rejected():
    denominator = np.array([[0.0005, 0.9995], [0.002, 0.998], [0.0, 1.0]])
    outer = run(sparse(one_hot([0, 0, 0], 2)), sparse(denominator), CriterionConfig())
    np.testing.assert_array_equal(outer.frames, [1])
    assert outer.counts == FrameCounts(frames=3, kept=1, rejected=2)


def test_the_reference_state_is_the_likeliest_of_a_numerator_lattice():
    numerator = np.array([[0.4, 0.6]])
    assert (
        run(sparse(numerator), sparse(np.array([[1.0, 0.0]])), CriterionConfig()).counts.rejected
        == 1
    )
    assert (
        run(sparse(numerator), sparse(np.array([[0.0, 1.0]])), CriterionConfig()).counts.kept == 1
    )


def test_the_cancellation_threshold_is_on_the_sum_of_magnitudes():
    denominator = np.array([[0.996, 0.004], [0.994, 0.006]])  # sums 0.008 and 0.012
    outer = run(sparse(one_hot([0, 0], 2)), sparse(denominator), CriterionConfig())
    np.testing.assert_array_equal(outer.frames, [1])


def test_a_lost_reference_is_flagged():
    numerator, denominator = sparse(one_hot([0], 2), -3.0), sparse(np.array([[0.5, 0.5]]), -4.0)
    outer = run(numerator, denominator, missing=True)
    assert outer.reference_missing
    assert outer.value == pytest.approx(1.0)


def test_the_reference_can_be_added_to_a_denominator_that_lost_it():
    """Z_num = 3 Z_den, disjoint: three quarters of the mass are the reference's."""
    numerator, denominator = (
        sparse(one_hot([0, 0], 2), np.log(3.0)),
        sparse(one_hot([1, 0], 2), 0.0),
    )
    assert run(numerator, denominator, CriterionConfig(), missing=True).counts.rejected == 1
    outer = run(numerator, denominator, CriterionConfig(add_reference=True), missing=True)
    assert outer.reference_missing
    assert outer.value == pytest.approx(np.log(3.0 / 4.0))
    np.testing.assert_allclose(dense(outer, 2), [[0.25, -0.25], [0.0, 0.0]], atol=1e-7)
    assert outer.counts == FrameCounts(frames=2, kept=1, cancelled=1)


def test_a_reference_that_is_there_is_not_added_again():
    side = sparse(one_hot([0], 2), -3.0)
    rounded = replace(side, log_z=-3.0001)
    outer = run(side, rounded, CriterionConfig(add_reference=True))
    assert not outer.reference_missing
    assert outer.value == pytest.approx(1e-4, rel=1e-6)


def test_sums_of_different_kinds_are_refused():
    side = sparse(one_hot([0], 2))
    with pytest.raises(InputError, match="use one kind"):
        run(side, side, denominator_sum=Sum.ALL_ALIGNMENTS)


def test_sides_of_different_lengths_are_refused():
    with pytest.raises(InputError, match="1 frames, the denominator 2"):
        run(sparse(one_hot([0], 2)), sparse(one_hot([0, 1], 2)))


@pytest.mark.parametrize(
    ("numerator", "denominator", "reason"),
    [
        ({"log_z": -np.inf}, {}, "numerator-impossible"),
        ({}, {"log_z": np.nan}, "denominator-impossible"),
        ({}, {"value": np.array([1.0, 0.9])}, "occupancies-off"),
        ({"value": np.array([1.0, np.nan])}, {}, "occupancies-off"),
    ],
)
def test_defective_sides_are_outcomes_without_rows(numerator, denominator, reason):
    side = sparse(one_hot([0, 1], 2))
    outer = run(replace(side, **numerator), replace(side, **denominator))
    assert outer.failed
    assert outer.reason == reason
    assert len(outer.frames) == len(outer.values) == 0
    assert outer.counts == FrameCounts(frames=2)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 8))
def test_rows_are_the_difference_and_sum_to_zero(seed, num_frames, num_pdfs):
    generator = np.random.default_rng(seed)

    def occupancies():
        weights = generator.random((num_frames, num_pdfs)) * generator.integers(
            0, 2, (num_frames, num_pdfs)
        )
        weights[np.arange(num_frames), generator.integers(0, num_pdfs, num_frames)] += 1.0
        return weights / weights.sum(axis=1, keepdims=True)

    numerator, denominator = occupancies(), occupancies()
    outer = run(sparse(numerator), sparse(denominator))
    expected = numerator - denominator
    np.testing.assert_allclose(dense(outer, num_pdfs), expected, atol=1e-6)  # float32
    sums = (
        np.add.reduceat(np.append(outer.values, 0.0), outer.offsets[:-1])
        if len(outer.frames)
        else np.zeros(0)
    )
    np.testing.assert_allclose(sums, 0.0, atol=1e-6)
    # A frame without any difference is no row, whatever the threshold.
    np.testing.assert_array_equal(outer.frames, np.flatnonzero(np.abs(expected).sum(axis=1) > 0))
    assert outer.counts.kept + outer.counts.cancelled + outer.counts.rejected == num_frames


@pytest.mark.parametrize("name", ["fcaw-an409-fcaw-b", "fvap-cen6-fvap-b", "mdms2-cen3-mdms2-b"])
@pytest.mark.parametrize("kind", ["raw", "det"])
def test_kaldi_outer_gradients_of_real_speech(shared, name, kind):
    folder = shared / "golden" / name
    with np.load(folder / "kaldi.npz") as kaldi, np.load(folder / "numerator.npz") as reference:
        posteriors = kaldi[f"den_post_{kind}"].astype(np.float64)
        expected = kaldi[f"num_minus_den_{kind}"]
        alignment = reference["pdf"]
    # Kaldi prints float32 posteriors: their frames sum to one to about 1e-6.
    outer = run(sparse(one_hot(alignment, posteriors.shape[1])), sparse(posteriors))
    np.testing.assert_allclose(dense(outer, posteriors.shape[1]), expected, atol=2e-5)
    default = run(
        sparse(one_hot(alignment, posteriors.shape[1])), sparse(posteriors), CriterionConfig()
    )
    missing = posteriors[np.arange(len(alignment)), alignment] < 0.001
    magnitude = np.abs(expected).sum(axis=1)
    assert default.counts.rejected == missing.sum()
    assert default.counts.cancelled == (~missing & (magnitude < 0.01)).sum()


@pytest.mark.parametrize("change", [{"rejection": 1.5}, {"cancellation": -0.1}])
def test_impossible_thresholds_are_refused(change):
    with pytest.raises(InputError, match="criterion"):
        CriterionConfig(**change)
