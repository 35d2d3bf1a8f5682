import numpy as np
import pytest

from outergrad.errors import InputError
from outergrad.ps.staleness import DelayCompensation, StalenessConfig


@pytest.mark.parametrize(
    ("kind", "weights"),
    [
        ("accept", {0: 1, 2: 1, 100: 1}),
        ("scale", {0: 1, 1: 1 / 2, 3: 1 / 4}),
        ("drop", {0: 1, 2: 1, 3: 0}),
        ("bounded", {0: 1, 2: 1, 3: 3 / 4, 5: 1 / 2}),
    ],
)
def test_weights_by_age(kind, weights):
    policy = StalenessConfig(kind, bound=2)
    assert {age: policy.weight(age) for age in weights} == weights


def test_compensation_follows_the_gradient_of_a_quadratic():
    """For log N(x; θ, 1/c) the gradient at θ is c (x - θ): exact when λ g² is the curvature c."""
    x, curvature, then, now = 3.0, 0.5, np.float32([1.0]), np.float32([1.25])
    gradient = np.float32([curvature * (x - then[0])])
    exact = curvature * (x - now[0])
    compensation = DelayCompensation(float(curvature / gradient[0] ** 2))
    assert compensation.apply(gradient, now, then) == pytest.approx([exact])
    assert compensation.apply(gradient, then, then) == gradient
    assert StalenessConfig().delay_compensation() is None
    with pytest.raises(InputError, match="compensation"):
        StalenessConfig(compensation=-1.0)


def test_a_negative_bound_is_refused():
    with pytest.raises(InputError, match="bound"):
        StalenessConfig("drop", bound=-1)
