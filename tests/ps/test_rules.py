import numpy as np
import pytest

from outergrad.errors import InputError
from outergrad.ps.rules import Adagrad, Adam, Momentum, RuleConfig, Sgd

VALUES = np.array([1.0, -2.0], np.float32)
GRADIENTS = [np.array([2.0, 1.0], np.float32), np.array([-1.0, 3.0], np.float32)]

# Two steps at rate 0.5, worked out by hand from the formula of each rule.
BY_HAND = {
    Sgd(): [1 + 0.5 * 2 - 0.5 * 1, -2 + 0.5 * 1 + 0.5 * 3],
    # v = [2, 1], then 0.5 v + g = [0, 3.5].
    Momentum(0.5): [1 + 0.5 * 2 + 0.5 * 0, -2 + 0.5 * 1 + 0.5 * 3.5],
    # a = [4, 1], then [5, 10].
    Adagrad(0.0): [
        1 + 0.5 * 2 / 2 - 0.5 * 1 / 5**0.5,
        -2 + 0.5 * 1 / 1 + 0.5 * 3 / 10**0.5,
    ],
    # m = [1, 0.5], then [0, 1.75], corrected by 0.5, then 0.75;
    # v = [1, 0.25], then [1, 2.4375], corrected by 0.25, then 0.4375.
    Adam(0.5, 0.75, 0.0): [
        1 + 0.5 * (1 / 0.5) / 2 + 0.0,
        -2 + 0.5 * (0.5 / 0.5) / 1 + 0.5 * (1.75 / 0.75) / (2.4375 / 0.4375) ** 0.5,
    ],
}


@pytest.mark.parametrize("rule", BY_HAND, ids=lambda rule: type(rule).__name__)
def test_two_steps_as_worked_out_by_hand(rule):
    values, state = VALUES, rule.init(VALUES)
    for step, gradient in enumerate(GRADIENTS, start=1):
        values, state = rule.apply(values, gradient, state, 0.5, step)
    # float32 arithmetic against float64.
    np.testing.assert_allclose(values, BY_HAND[rule], rtol=1e-6)
    assert values.dtype == np.float32
    assert all(array.dtype == np.float32 for array in state.values())


@pytest.mark.parametrize("rule", BY_HAND, ids=lambda rule: type(rule).__name__)
def test_rules_leave_their_arguments_alone(rule):
    values, gradient = VALUES.copy(), GRADIENTS[0].copy()
    state = rule.init(values)
    before = {name: array.copy() for name, array in state.items()}
    out = np.empty_like(values)
    moved, _ = rule.apply(values, gradient, state, 0.5, 1, out=out)
    assert moved is out
    assert np.array_equal(out, rule.apply(values, gradient, state, 0.5, 1)[0])
    assert np.array_equal(values, VALUES)
    assert np.array_equal(gradient, GRADIENTS[0])
    assert all(np.array_equal(state[name], before[name]) for name in before)


@pytest.mark.parametrize("rule", BY_HAND, ids=lambda rule: type(rule).__name__)
def test_gradients_are_ascent_directions(rule):
    moved, _ = rule.apply(VALUES, GRADIENTS[0], rule.init(VALUES), 0.1, 1)
    assert (moved > VALUES).all()


def test_config_names_the_rule():
    assert RuleConfig("momentum", momentum=0.5).rule() == Momentum(0.5)
    assert RuleConfig("adam", beta1=0.5).rule() == Adam(beta1=0.5)


@pytest.mark.parametrize("bad", [{"momentum": 1.0}, {"beta2": -0.1}, {"epsilon": 0.0}])
def test_constants_out_of_range_are_refused(bad):
    with pytest.raises(InputError, match=next(iter(bad))):
        RuleConfig("adam", **bad).rule()
