import json

import numpy as np
import pytest

from outergrad.errors import InputError
from outergrad.features import Normalisation, Statistics, StatisticsAccumulator
from outergrad.features.normalisation import MIN_DEVIATION

A1 = np.array([[0.0, 5.0], [2.0, 5.0]], dtype=np.float32)
A2 = np.array([[4.0, 5.0]], dtype=np.float32)
B = np.array([[10.0, 5.0], [12.0, 5.0], [14.0, 5.0]], dtype=np.float32)


def statistics(normalisation: Normalisation) -> Statistics:
    sums = StatisticsAccumulator()
    for speaker, features in (("a", A1), ("b", B), ("a", A2)):
        sums.add(speaker, features)
    return sums.statistics(normalisation)


def test_by_hand_with_speaker_means() -> None:
    result = statistics(Normalisation(speaker_mean=True, global_variance=True))
    np.testing.assert_allclose(result.speakers["a"], [2.0, 5.0])
    np.testing.assert_allclose(result.speakers["b"], [12.0, 5.0])
    np.testing.assert_allclose(result.mean, [7.0, 5.0])
    # Deviations from the own mean: −2 0 2 and −2 0 2, so the variance is 16/6.
    np.testing.assert_allclose(result.deviation, [np.sqrt(16 / 6), MIN_DEVIATION])
    expected = np.array([[-2.0, 0.0], [0.0, 0.0]]) / np.sqrt(16 / 6)
    normalised = result.apply(A1, "a")
    assert normalised.dtype == np.float32
    np.testing.assert_allclose(normalised, expected, rtol=1e-6)


def test_by_hand_with_the_global_mean() -> None:
    result = statistics(Normalisation(speaker_mean=False, global_variance=True))
    # Deviations from 7: −7 −5 −3 3 5 7, so the variance is 166/6.
    np.testing.assert_allclose(result.deviation[0], np.sqrt(166 / 6))
    np.testing.assert_allclose(result.apply(B, "b")[:, 0], [3.0, 5.0, 7.0] / np.sqrt(166 / 6))


def test_mean_only_and_nothing() -> None:
    only_mean = statistics(Normalisation(speaker_mean=True, global_variance=False))
    np.testing.assert_allclose(only_mean.apply(B, "b")[:, 0], [-2.0, 0.0, 2.0])
    nothing = Normalisation(speaker_mean=False, global_variance=False)
    assert nothing.changes_nothing
    np.testing.assert_array_equal(statistics(nothing).apply(B, "b"), B)


@pytest.mark.parametrize("speaker", [None, "stranger"])
def test_an_unknown_speaker_is_normalised_by_the_own_mean(speaker: str | None) -> None:
    result = statistics(Normalisation())
    shifted = result.apply(B + np.float32(100.0), speaker)
    np.testing.assert_allclose(shifted.mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(shifted, result.apply(B, "b"), atol=1e-5)


def test_normalised_training_features_have_mean_0_and_variance_1() -> None:
    generator = np.random.default_rng(0)
    sums = StatisticsAccumulator()
    parts = {}
    for n in range(5):
        scale = np.array([1.0, 30.0, 0.1])
        parts[f"s{n}"] = (generator.normal(size=(200, 3)) * scale + 100 * n).astype(np.float32)
        sums.add(f"s{n}", parts[f"s{n}"])
    result = sums.statistics(Normalisation())
    everything = np.concatenate([result.apply(x, s) for s, x in parts.items()])
    # The third dimension has offsets 4000 times its deviation: float32 input limits it to 1e-3.
    np.testing.assert_allclose(everything.mean(axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(everything.std(axis=0), 1.0, atol=1e-3)


def test_json_gives_them_back() -> None:
    result = statistics(Normalisation(speaker_mean=True, global_variance=True))
    again = Statistics.from_json(json.loads(json.dumps(result.to_json())))
    assert again.normalisation == result.normalisation
    np.testing.assert_allclose(again.apply(A1, "a"), result.apply(A1, "a"), rtol=1e-6)
    assert set(again.speakers) == {"a", "b"}


@pytest.mark.parametrize(
    "change",
    [
        {"mean": None},
        {"mean": [1.0]},
        {"mean": [1.0, float("nan")]},
        {"deviation": [1.0, 0.0]},
        {"deviation": "x"},
        {"speakers": [1]},
        {"speakers": {"a": [1.0]}},
    ],
)
def test_damaged_json_is_refused(change: dict[str, object]) -> None:
    values = statistics(Normalisation()).to_json() | change
    with pytest.raises(InputError, match="damaged"):
        Statistics.from_json(values)
    with pytest.raises(InputError, match="damaged"):
        Statistics.from_json({})


def test_wrong_shapes_are_refused() -> None:
    result = statistics(Normalisation())
    for bad in (np.zeros((3, 3)), np.zeros((0, 2)), np.zeros(2)):
        with pytest.raises(InputError, match="cannot be applied"):
            result.apply(bad.astype(np.float32))
    with pytest.raises(InputError, match="no frames"):
        StatisticsAccumulator().statistics(Normalisation())
