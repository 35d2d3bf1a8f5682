import pytest

from outergrad.errors import InputError
from outergrad.ps.staleness import StalenessConfig


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


def test_a_negative_bound_is_refused():
    with pytest.raises(InputError, match="bound"):
        StalenessConfig("drop", bound=-1)
