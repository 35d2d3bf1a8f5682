import numpy as np
import pytest
import torch

from outergrad.criteria.outcome import Anchor
from outergrad.errors import InputError
from outergrad.gradient.inner import dense_rows, freeze_outputs, inner_gradient
from outergrad.nnet.dnn import DnnConfig, build
from outergrad.nnet.parameters import ParameterLayout, flatten, load_flat
from outergrad.randomness import rng

CONFIG = DnnConfig(input_dim=5, hidden_layers=2, hidden_units=6, num_pdfs=4, activation="sigmoid")
OFFSETS = np.array([0, 2, 5, 7], dtype=np.int64)
PDFS = np.array([0, 2, 1, 2, 3, 3, 0], dtype=np.int32)
VALUES = np.array([0.7, -0.7, -0.2, 0.5, -0.3, 1.0, -1.0], dtype=np.float32)


def inputs(num_frames=3, dim=5):
    return rng(4, "x").standard_normal((num_frames, dim), dtype=np.float32)


def auxiliary(layout, vector, x, outer):
    """F-hat of Eq. 3 in float64 numpy: sum of outer gradient times log posterior."""
    ends = zip(layout.names, layout.shapes, layout.offsets, layout.offsets[1:], strict=False)
    part = {name: vector[begin:end].reshape(shape) for name, shape, begin, end in ends}
    hidden = x.astype(np.float64)
    for index in range(CONFIG.hidden_layers):
        weight, bias = part[f"hidden.{index}.weight"], part[f"hidden.{index}.bias"]
        hidden = 1.0 / (1.0 + np.exp(-(hidden @ weight.T + bias)))
    logits = hidden @ part["output.weight"].T + part["output.bias"]
    log_posteriors = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return float((outer * log_posteriors).sum())


def finite_differences(layout, vector, x, outer, step=1e-6):
    gradient = np.empty(len(vector))
    for i in range(len(vector)):
        up, down = vector.copy(), vector.copy()
        up[i] += step
        down[i] -= step
        gradient[i] = auxiliary(layout, up, x, outer) - auxiliary(layout, down, x, outer)
    return gradient / (2 * step)


def test_inner_gradient_is_the_ascent_direction_of_the_auxiliary_function():
    module = build(CONFIG, seed=3)
    layout = ParameterLayout.of(module)
    x = inputs()
    gradient = inner_gradient(module, layout, x, OFFSETS, PDFS, VALUES)
    outer = dense_rows(OFFSETS, PDFS, VALUES, 4).astype(np.float64)
    expected = finite_differences(layout, flatten(module).astype(np.float64), x, outer)
    # float32 back-propagation against float64 differences good to about 1e-9.
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)
    assert np.abs(expected).max() > 0.1, "the comparison must be about something"


def test_inner_gradients_of_frames_add_up():
    module = build(CONFIG, seed=3)
    layout = ParameterLayout.of(module)
    x = inputs()
    whole = inner_gradient(module, layout, x, OFFSETS, PDFS, VALUES)
    parts = np.zeros_like(whole)
    for k in range(3):
        entries = slice(OFFSETS[k], OFFSETS[k + 1])
        offsets = np.array([0, OFFSETS[k + 1] - OFFSETS[k]])
        parts += inner_gradient(
            module, layout, x[k : k + 1], offsets, PDFS[entries], VALUES[entries]
        )
    np.testing.assert_allclose(parts, whole, rtol=1e-4, atol=1e-6)  # float32 sums reordered


def test_dropout_and_mode_do_not_matter():
    module = build(CONFIG, seed=3)
    dropping = build(DnnConfig(5, 2, 6, 4, "sigmoid", dropout=0.5), seed=3).train()
    layout = ParameterLayout.of(module)
    np.testing.assert_array_equal(
        inner_gradient(dropping, layout, inputs(), OFFSETS, PDFS, VALUES),
        inner_gradient(module, layout, inputs(), OFFSETS, PDFS, VALUES),
    )
    assert dropping.training
    assert all(parameter.grad is None for parameter in dropping.parameters())


def test_bfloat16_points_the_same_way():
    config = DnnConfig(input_dim=40, hidden_layers=2, hidden_units=64, num_pdfs=4)
    module = build(config, seed=3)
    layout = ParameterLayout.of(module)
    x = inputs(3, 40)
    exact = inner_gradient(module, layout, x, OFFSETS, PDFS, VALUES)
    rough = inner_gradient(module, layout, x, OFFSETS, PDFS, VALUES, precision="bfloat16")
    assert rough.dtype == np.float32
    cosine = exact @ rough / (np.linalg.norm(exact) * np.linalg.norm(rough))
    assert 0.999 < cosine <= 1.0 + 1e-6  # 8 bits of mantissa: errors of some 0.4 % per value


def test_rows_with_ce_in_them():
    """Rows that sum to h: the softmax takes h p away, which is the gradient of log posteriors."""
    module = build(CONFIG, seed=3)
    layout = ParameterLayout.of(module)
    values = VALUES.copy()
    values[[0, 2, 5]] += 0.25
    gradient = inner_gradient(module, layout, inputs(), OFFSETS, PDFS, values, mass=0.25)
    outer = np.zeros((3, 4))
    outer[np.repeat(np.arange(3), np.diff(OFFSETS)), PDFS] = values
    expected = finite_differences(layout, flatten(module).astype(np.float64), inputs(), outer)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)  # float32
    with pytest.raises(InputError, match=r"sums to 0\.25, not to zero"):
        inner_gradient(module, layout, inputs(), OFFSETS, PDFS, values)


@pytest.mark.parametrize("kind", ["proximal", "bounded"])
def test_other_auxiliary_functions_touch_the_tangential_one_at_their_anchor(kind):
    module = build(CONFIG, seed=3)
    layout = ParameterLayout.of(module)
    x = inputs()
    with torch.no_grad():
        log_posteriors = torch.log_softmax(module(torch.from_numpy(x)), dim=1).numpy()
    rows = np.repeat(np.arange(3), np.diff(OFFSETS))
    anchor = Anchor(
        log_posteriors=log_posteriors[rows, PDFS],
        denominator=np.maximum(-VALUES, 0.0),
        proximity=np.array([2.0, 0.5, 1.0], np.float32),
    )
    plain = inner_gradient(module, layout, x, OFFSETS, PDFS, VALUES)
    there = inner_gradient(module, layout, x, OFFSETS, PDFS, VALUES, auxiliary=kind, anchor=anchor)
    np.testing.assert_allclose(there, plain, rtol=1e-4, atol=1e-5)  # float32
    # And nowhere else.
    step = np.float32(0.3) * rng(4, "step").standard_normal(layout.size, dtype=np.float32)
    load_flat(module, flatten(module) + step)
    away = inner_gradient(module, layout, x, OFFSETS, PDFS, VALUES, auxiliary=kind, anchor=anchor)
    plain = inner_gradient(module, layout, x, OFFSETS, PDFS, VALUES)
    assert np.abs(away - plain).max() > 0.01  # rounding is a thousandth of that
    with pytest.raises(InputError, match="needs an anchor"):
        inner_gradient(module, layout, x, OFFSETS, PDFS, VALUES, auxiliary=kind)


def test_frozen_outputs_keep_their_parameters():
    module = build(CONFIG, seed=3)
    layout = ParameterLayout.of(module)
    whole = inner_gradient(module, layout, inputs(), OFFSETS, PDFS, VALUES)
    frozen = whole.copy()
    freeze_outputs(frozen, layout, np.array([1, 3], np.int32))
    before, after = layout.views(whole), layout.views(frozen)
    for name in before:
        kept = [0, 2] if name.startswith("output") else slice(None)
        np.testing.assert_array_equal(after[name][kept], before[name][kept])
    for name in ("output.weight", "output.bias"):
        assert np.abs(before[name][[1, 3]]).max() > 0.01
        assert not after[name][[1, 3]].any()


def test_dense_rows_by_hand():
    np.testing.assert_array_equal(
        dense_rows(OFFSETS, PDFS, VALUES, 4),
        np.array([[0.7, 0, -0.7, 0], [0, -0.2, 0.5, -0.3], [-1, 0, 0, 1]], dtype=np.float32),
    )


@pytest.mark.parametrize(
    ("position", "value", "message"),
    [(1, -0.6, "row 0 sums to 0.1"), (5, np.nan, "row 2 sums to nan"), (3, np.inf, "row 1")],
)
def test_rows_that_do_not_sum_to_zero_never_reach_the_network(position, value, message):
    values = VALUES.copy()
    values[position] = value
    with pytest.raises(InputError, match=message):
        dense_rows(OFFSETS, PDFS, values, 4)


@pytest.mark.parametrize(
    ("offsets", "pdfs", "message"),
    [
        (OFFSETS, PDFS + 1, "pdf_ids must be in"),
        (OFFSETS, PDFS - 1, "pdf_ids must be in"),
        (OFFSETS + 1, PDFS, "offsets"),
        (OFFSETS[::-1].copy(), PDFS, "offsets"),
        (OFFSETS[:-1], PDFS, "offsets"),
        (np.zeros(0, np.int64), PDFS, "offsets"),
    ],
)
def test_malformed_rows_are_refused(offsets, pdfs, message):
    with pytest.raises(InputError, match=message):
        dense_rows(offsets, pdfs, VALUES, 4)


def test_frames_may_be_a_read_only_view():
    module = build(CONFIG, seed=3)
    layout = ParameterLayout.of(module)
    view = np.asfortranarray(inputs())
    view.flags.writeable = False
    np.testing.assert_array_equal(
        inner_gradient(module, layout, view, OFFSETS, PDFS, VALUES),
        inner_gradient(module, layout, inputs(), OFFSETS, PDFS, VALUES),
    )


def test_inputs_must_fit_the_rows():
    module = build(CONFIG, seed=3)
    layout = ParameterLayout.of(module)
    with pytest.raises(InputError, match="3 rows of outer gradient for inputs"):
        inner_gradient(module, layout, inputs(2), OFFSETS, PDFS, VALUES)


def test_gradients_do_not_depend_on_torch_defaults_of_grad_mode():
    module = build(CONFIG, seed=3)
    layout = ParameterLayout.of(module)
    expected = inner_gradient(module, layout, inputs(), OFFSETS, PDFS, VALUES)
    with torch.no_grad():
        got = inner_gradient(module, layout, inputs(), OFFSETS, PDFS, VALUES)
    np.testing.assert_array_equal(got, expected)
