import numpy as np
import pytest

from outergrad.bootstrap.contexts import ContextStatistics
from outergrad.bootstrap.gaussian import log_likelihood
from outergrad.bootstrap.questions import agglomerate, phone_questions
from outergrad.randomness import rng

TINY = np.full(2, 1e-12)


def moments_of(frames):
    return np.concatenate([[len(frames)], frames.sum(axis=0), (frames**2).sum(axis=0)])


def test_log_likelihood_of_the_best_gaussian(gaussian_oracle):
    frames = rng(1, "gaussian").normal(2.0, 3.0, (30, 2))
    wanted = gaussian_oracle.best_log_likelihood(frames.tolist())
    np.testing.assert_allclose(log_likelihood(moments_of(frames), TINY), wanted, rtol=1e-12)


def test_floored_variance_costs_likelihood(gaussian_oracle):
    frames = rng(1, "gaussian").normal(2.0, 0.1, (30, 2))
    floor = np.array([0.5, 2.0])
    mean = frames.mean(axis=0)
    wanted = sum(gaussian_oracle.log_density(x, mean, floor) for x in frames)
    np.testing.assert_allclose(log_likelihood(moments_of(frames), floor), wanted, rtol=1e-12)


def test_no_frames_no_likelihood():
    assert log_likelihood(np.zeros(5), TINY) == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_each_merge_loses_least(gaussian_oracle, seed):
    generator = rng(seed, "clusters")
    groups = [
        generator.normal(generator.normal(0, 1, 2), 1.0, (int(generator.integers(5, 20)), 2))
        for _ in range(9)
    ]
    found = agglomerate(np.stack([moments_of(g) for g in groups]), TINY)
    assert found[:9] == [frozenset({i}) for i in range(9)]
    left = {frozenset({i}): g.tolist() for i, g in enumerate(groups)}
    for cluster in found[9:]:
        names = list(left)
        _, (i, j) = gaussian_oracle.best_partition_loss(list(left.values()))
        assert cluster == names[i] | names[j]
        left[cluster] = left.pop(names[i]) + left.pop(names[j])
    assert len(left) == 2


def test_similar_phones_are_asked_for_together():
    generator = rng(3, "questions")
    centre = {1: -20.0, 2: 0.0, 3: 0.5, 4: 10.0, 5: 10.5}
    frames = {phone: generator.normal(c, 1.0, (50, 2)) for phone, c in centre.items()}
    windows = np.array([(0, phone, 0) for phone in frames], dtype=np.int32)
    statistics = ContextStatistics(
        windows,
        np.zeros(5, np.int32),
        np.full(5, 50.0),
        np.stack([f.sum(axis=0) for f in frames.values()]),
        np.stack([(f**2).sum(axis=0) for f in frames.values()]),
    )
    questions = phone_questions(statistics, TINY)
    assert {frozenset({2, 3}), frozenset({4, 5}), frozenset({0, 1})} <= set(questions)
    assert all(frozenset({phone}) in questions for phone in range(6))
    assert frozenset({3, 4}) not in questions
    assert len(set(questions)) == len(questions)
