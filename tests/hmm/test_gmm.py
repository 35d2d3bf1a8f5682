import numpy as np
import pytest

from outergrad.errors import InputError
from outergrad.hmm.gmm import DiagonalGmm, gaussians_of
from outergrad.randomness import rng


def random_gmm(generator, sizes, dim):
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    weights = np.concatenate([generator.dirichlet(np.ones(size)) for size in sizes])
    num = int(offsets[-1])
    return DiagonalGmm(
        offsets,
        np.log(weights),
        generator.standard_normal((num, dim)),
        generator.uniform(0.3, 2.0, (num, dim)),
    )


@pytest.mark.parametrize("num_frames", [1, 3, 4, 9])
def test_scores_are_log_likelihoods(gaussian_oracle, num_frames):
    generator = rng(1, "gmm", num_frames)
    gmm = random_gmm(generator, [1, 4, 2, 7], 3)
    x = generator.standard_normal((num_frames, 3)).astype(np.float32)
    wanted = [
        [
            gaussian_oracle.mixture_log_likelihood(
                frame,
                np.exp(gmm.log_weights[begin:end]),
                gmm.means[begin:end],
                gmm.variances[begin:end],
            )
            for begin, end in zip(gmm.offsets[:-1], gmm.offsets[1:], strict=True)
        ]
        for frame in x.astype(np.float64)
    ]
    scores = gmm.scores(x)
    assert scores.dtype == np.float32
    # float32 arithmetic on terms of size 10.
    np.testing.assert_allclose(scores, wanted, atol=2e-5)


def test_only_the_wanted_pdfs(gaussian_oracle):
    generator = rng(2, "gmm")
    gmm = random_gmm(generator, [2, 3, 1, 2], 5)
    x = generator.standard_normal((6, 5)).astype(np.float32)
    some = gmm.scores(x, np.array([1, 3], dtype=np.int32))
    np.testing.assert_array_equal(some[:, [1, 3]], gmm.scores(x)[:, [1, 3]])
    assert np.all(np.isneginf(some[:, [0, 2]]))
    assert np.all(np.isneginf(gmm.scores(x, np.array([], dtype=np.int32))))
    assert gmm.scores(x[:0]).shape == (0, 4)


def test_far_frames_have_finite_scores():
    gmm = DiagonalGmm.single(np.zeros((1, 2)), np.ones((1, 2)))
    np.testing.assert_allclose(gmm.scores(np.full((1, 2), 1e3, np.float32)), -1e6, rtol=1e-4)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 4), np.float32), "want"),
        (np.zeros(2, np.float32), "want"),
        (np.full((1, 2), np.nan, np.float32), "finite"),
        (np.full((1, 2), np.inf, np.float32), "finite"),
    ],
)
def test_bad_features_are_refused(x, message):
    gmm = DiagonalGmm.single(np.zeros((1, 2)), np.ones((1, 2)))
    with pytest.raises(InputError, match=message):
        gmm.scores(x)
    for pdf in (-1, 1):
        with pytest.raises(InputError, match="pdf_ids"):
            gmm.scores(np.zeros((1, 2), np.float32), np.array([pdf], dtype=np.int32))


def test_bad_mixtures_are_refused():
    one = np.ones((1, 2))
    good = {"offsets": np.array([0, 1]), "log_weights": np.zeros(1), "means": one, "variances": one}
    DiagonalGmm(**good)
    for change, message in (
        ({"variances": -one}, "positive"),
        ({"variances": 0 * one}, "positive"),
        ({"means": np.nan * one}, "finite"),
        ({"log_weights": np.array([-np.inf])}, "finite"),
        ({"log_weights": np.array([-1.0])}, "sum to 1"),
        ({"offsets": np.array([0, 0, 1])}, "at least one"),
        ({"offsets": np.array([0, 2])}, "at least one"),
        ({"means": np.ones((2, 2))}, "same Gaussians"),
    ):
        with pytest.raises(InputError, match=message):
            DiagonalGmm(**(good | change))


def test_saved_and_loaded(tmp_path):
    gmm = random_gmm(rng(3, "gmm"), [2, 3], 4)
    gmm.save(tmp_path / "gmm.safetensors")
    loaded = DiagonalGmm.load(tmp_path / "gmm.safetensors")
    for name in ("offsets", "log_weights", "means", "variances"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(gmm, name))


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "gmm.safetensors"
    with pytest.raises(InputError, match="gmm"):
        DiagonalGmm.load(path)
    random_gmm(rng(3, "gmm"), [2, 3], 4).save(path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="gmm"):
        DiagonalGmm.load(path)


def test_gaussians_of_pdfs():
    offsets = np.array([0, 2, 3, 6], dtype=np.int64)
    assert gaussians_of(offsets, np.array([0, 2], dtype=np.int32)).tolist() == [0, 1, 3, 4, 5]
    assert gaussians_of(offsets, np.array([], dtype=np.int32)).tolist() == []
