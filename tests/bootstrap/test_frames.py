import numpy as np
import pytest

from outergrad.bootstrap.frames import GmmFrames
from outergrad.errors import InputError
from outergrad.features.store import FeatureStore
from outergrad.randomness import rng


@pytest.fixture
def mfcc():
    generator = rng(1, "mfcc")
    return {
        name: generator.normal(5.0, 2.0, (length, 13)).astype(np.float32)
        for name, length in (("a", 20), ("b", 7), ("c", 31))
    }


SPEAKERS = {"a": "x", "b": "y", "c": "x"}


def test_each_speaker_has_mean_zero(mfcc):
    frames = GmmFrames.of(mfcc, SPEAKERS)
    assert frames.ids == ("a", "b", "c")
    assert frames.x.shape == (58, 39)
    by_name = dict(frames)
    assert [len(x) for x in by_name.values()] == [20, 7, 31]
    of_x = np.concatenate([by_name["a"], by_name["c"]])[:, :13]
    np.testing.assert_allclose(of_x.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(by_name["b"][:, :13].mean(axis=0), 0.0, atol=1e-5)
    assert np.abs(by_name["a"][:, :13].mean(axis=0)).max() > 0.01
    # The first derivative is the regression slope over two frames on either side.
    c = by_name["c"][:, :13].astype(np.float64)
    slope = (c[12] - c[10] + 2 * (c[13] - c[9])) / 10.0
    np.testing.assert_allclose(by_name["c"][11, 13:26], slope, atol=1e-5)


def test_a_constant_added_to_a_speaker_changes_nothing(mfcc):
    moved = {name: x + 3.0 if SPEAKERS[name] == "x" else x for name, x in mfcc.items()}
    np.testing.assert_allclose(
        GmmFrames.of(moved, SPEAKERS).x, GmmFrames.of(mfcc, SPEAKERS).x, atol=1e-5
    )


def test_from_a_store(mfcc, tmp_path):
    store = FeatureStore.create(tmp_path / "mfcc", mfcc.items())
    found = GmmFrames.of(store, SPEAKERS, ids=("c", "b"))
    assert found.ids == ("c", "b")
    np.testing.assert_array_equal(found.x, GmmFrames.of(mfcc, SPEAKERS, ids=("c", "b")).x)


def test_moments(mfcc):
    frames = GmmFrames.of(mfcc, SPEAKERS)
    mean, variance = frames.moments()
    np.testing.assert_allclose(mean, frames.x.astype(np.float64).mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(variance, frames.x.astype(np.float64).var(axis=0), rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, 7.3])
def test_a_dimension_that_never_varies_is_named(mfcc, value):
    for x in mfcc.values():
        x[:, 4] = value
    with pytest.raises(InputError, match=r"dimension 4 of .* in all 58 frames, 3 dimensions"):
        GmmFrames.of(mfcc, SPEAKERS).moments()


def test_an_utterance_without_speaker_is_named(mfcc):
    with pytest.raises(InputError, match="utterance c has no speaker"):
        GmmFrames.of(mfcc, {"a": "x", "b": "y"}, ids=("a", "c"))


def test_nothing_to_do_is_an_error(mfcc):
    with pytest.raises(InputError, match="no utterances"):
        GmmFrames.of(mfcc, {})
    with pytest.raises(InputError, match="utterance a has no frames"):
        GmmFrames.of(mfcc | {"a": np.zeros((0, 13), np.float32)}, SPEAKERS)
