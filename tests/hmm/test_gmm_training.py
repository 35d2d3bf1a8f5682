import numpy as np
import pytest

from outergrad.errors import InputError
from outergrad.hmm.gmm import DiagonalGmm
from outergrad.hmm.gmm_training import GmmTrainingConfig, accumulate, split, update
from outergrad.randomness import rng

NO_LIMITS = GmmTrainingConfig(min_occupancy=0.0, min_weight=0.0)


@pytest.fixture
def problem():
    """Two pdfs with 3 and 2 Gaussians, 200 frames, a few of which belong to no pdf."""
    generator = rng(1, "em")
    x = np.concatenate(
        [generator.normal(centre, 1.0, (40, 3)) for centre in (-3.0, 0.0, 4.0, 1.0, 2.0)]
    ).astype(np.float32)
    pdfs = np.repeat(np.array([0, 0, 0, 1, 1], dtype=np.int32), 40)
    pdfs[::17] = -1
    gmm = DiagonalGmm(
        np.array([0, 3, 5], dtype=np.int64),
        np.log([0.2, 0.3, 0.5, 0.6, 0.4]),
        generator.standard_normal((5, 3)),
        generator.uniform(0.5, 3.0, (5, 3)),
    )
    order = generator.permutation(len(x))
    return gmm, x[order], pdfs[order]


def test_statistics_are_those_of_bayes_rule(problem, gaussian_oracle):
    gmm, x, pdfs = problem
    statistics = accumulate(gmm, x, pdfs, threads=2)
    occupancy = np.zeros(5)
    first, second = np.zeros((5, 3)), np.zeros((5, 3))
    total = 0.0
    for frame, pdf in zip(x.astype(np.float64), pdfs, strict=True):
        if pdf < 0:
            continue
        own = range(gmm.offsets[pdf], gmm.offsets[pdf + 1])
        joint = [
            np.exp(
                gmm.log_weights[g]
                + gaussian_oracle.log_density(frame, gmm.means[g], gmm.variances[g])
            )
            for g in own
        ]
        total += np.log(sum(joint))
        for g, value in zip(own, joint, strict=True):
            occupancy[g] += value / sum(joint)
            first[g] += value / sum(joint) * frame
            second[g] += value / sum(joint) * frame**2
    np.testing.assert_allclose(statistics.occupancy, occupancy, rtol=1e-10)
    np.testing.assert_allclose(statistics.first, first, rtol=1e-9)
    np.testing.assert_allclose(statistics.second, second, rtol=1e-9)
    np.testing.assert_allclose(statistics.log_likelihood, total, rtol=1e-12)
    np.testing.assert_allclose(
        statistics.pdf_occupancy(gmm.offsets), [(pdfs == 0).sum(), (pdfs == 1).sum()]
    )


def test_threads_change_nothing(problem):
    one, two = (accumulate(*problem, threads=n) for n in (1, 2))
    np.testing.assert_array_equal(one.occupancy, two.occupancy)
    np.testing.assert_array_equal(one.second, two.second)
    assert one.log_likelihood == two.log_likelihood


def test_em_never_loses_likelihood(problem):
    gmm, x, pdfs = problem
    values = []
    for _ in range(15):
        statistics = accumulate(gmm, x, pdfs)
        values.append(statistics.log_likelihood)
        gmm = update(gmm, statistics, np.full(3, 1e-9), NO_LIMITS)
    assert np.all(np.diff(values) > -1e-9 * abs(values[0]))
    assert values[-1] > values[0] + 50.0


def test_single_gaussian_becomes_mean_and_variance(problem):
    _, x, pdfs = problem
    gmm = DiagonalGmm.single(np.zeros((2, 3)), np.ones((2, 3)))
    trained = update(gmm, accumulate(gmm, x, pdfs), np.full(3, 1e-9), NO_LIMITS)
    for pdf in (0, 1):
        frames = x[pdfs == pdf].astype(np.float64)
        np.testing.assert_allclose(trained.means[pdf], frames.mean(axis=0), rtol=1e-10)
        np.testing.assert_allclose(trained.variances[pdf], frames.var(axis=0), rtol=1e-9)


def test_variances_are_floored(problem):
    gmm, x, pdfs = problem
    x = x.copy()
    x[:, 1] = 5.0
    floor = np.array([1e-9, 0.3, 1e-9])
    trained = update(gmm, accumulate(gmm, x, pdfs), floor, NO_LIMITS)
    np.testing.assert_array_equal(trained.variances[:, 1], 0.3)
    assert np.all(trained.variances[:, 0] > 1e-3)


def test_gaussians_without_frames_are_removed_but_never_all_of_a_pdf(problem):
    gmm, x, pdfs = problem
    means = gmm.means.copy()
    means[1] = 1e3
    far = DiagonalGmm(gmm.offsets, gmm.log_weights, means, gmm.variances)
    pdfs = np.where(pdfs == 1, -1, pdfs).astype(np.int32)
    trained = update(far, accumulate(far, x, pdfs), np.full(3, 1e-9), GmmTrainingConfig())
    assert trained.offsets.tolist() == [0, 2, 3]
    # pdf 1 had no frame: its heaviest Gaussian stays as it was.
    np.testing.assert_array_equal(trained.means[2], gmm.means[3])
    assert trained.log_weights[2] == 0.0


def test_split_gives_gaussians_by_power_of_occupancy():
    gmm = DiagonalGmm.single(np.zeros((3, 2)), np.ones((3, 2)))
    occupancy = np.array([10_000.0, 625.0, 16.0])
    grown = split(gmm, occupancy, 8, GmmTrainingConfig(), rng(1, "split"))
    # 10000^¼ = 10 and 625^¼ = 5: 5 and 2 of 7; the third has too few frames for a second one.
    assert np.diff(grown.offsets).tolist() == [5, 2, 1]


def test_split_keeps_the_mixture_nearly_as_it_was():
    generator = rng(1, "split")
    gmm = DiagonalGmm(
        np.array([0, 2], dtype=np.int64),
        np.log([0.7, 0.3]),
        generator.standard_normal((2, 4)),
        generator.uniform(0.5, 2.0, (2, 4)),
    )
    grown = split(gmm, np.array([1e4]), 3, GmmTrainingConfig(), generator)
    np.testing.assert_allclose(np.sort(np.exp(grown.log_weights)), [0.3, 0.35, 0.35])
    halves = np.flatnonzero(np.isclose(np.exp(grown.log_weights), 0.35))
    np.testing.assert_allclose(grown.means[halves].mean(axis=0), gmm.means[0])
    assert not np.array_equal(grown.means[halves[0]], grown.means[halves[1]])
    x = generator.standard_normal((50, 4)).astype(np.float32)
    np.testing.assert_allclose(grown.scores(x), gmm.scores(x), atol=0.01)


def test_split_stops_where_frames_do_not_suffice():
    gmm = DiagonalGmm.single(np.zeros((1, 2)), np.ones((1, 2)))
    grown = split(gmm, np.array([100.0]), 1000, GmmTrainingConfig(), rng(1, "split"))
    assert grown.num_gaussians == 5


def test_bad_input_is_refused(problem):
    gmm, x, pdfs = problem
    with pytest.raises(InputError, match="do not fit"):
        accumulate(gmm, x[:, :2], pdfs)
    with pytest.raises(InputError, match="do not fit"):
        accumulate(gmm, x, pdfs[:-1])
    with pytest.raises(InputError, match="pdf_ids"):
        accumulate(gmm, x, np.full(len(x), 2, dtype=np.int32))
    x = x.copy()
    x[np.flatnonzero(pdfs >= 0)[0], 0] = np.nan
    with pytest.raises(InputError, match="finite"):
        accumulate(gmm, x, pdfs)
