import hashlib
import json

import numpy as np
import pytest
import torch

from outergrad.errors import InputError, RunError
from outergrad.nnet.acoustic import CHUNK_FRAMES, AcousticModel
from outergrad.nnet.dnn import DnnConfig, build
from outergrad.nnet.model import DESCRIPTION, WEIGHTS
from outergrad.nnet.parameters import flatten, load_flat
from outergrad.randomness import rng

CONFIG = DnnConfig(input_dim=12, hidden_layers=1, hidden_units=8, num_pdfs=5)


@pytest.fixture
def model():
    priors = np.log(np.array([0.5, 0.2, 0.1, 0.1, 0.1], dtype=np.float32))
    return AcousticModel(build(CONFIG, seed=1), priors, {"left": 2, "right": 1})


def stacked_view(num_frames: int) -> np.ndarray:
    flat = rng(1, "frames").standard_normal((num_frames + 3, 3), dtype=np.float32)
    flat.flags.writeable = False
    return np.lib.stride_tricks.as_strided(
        flat, (num_frames, 12), (flat.strides[0], 4), writeable=False
    )


def test_scores_are_posteriors_over_priors_on_a_strided_view(model):
    x = stacked_view(2 * CHUNK_FRAMES + 7)
    scores = model.scores(x)
    assert scores.shape == (len(x), 5)
    assert scores.dtype == np.float32
    logits = model.module(torch.from_numpy(x.copy())).detach().numpy().astype(np.float64)
    posteriors = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = np.log(posteriors) - model.log_priors
    np.testing.assert_allclose(scores, expected, atol=1e-5)  # float32 against float64
    np.testing.assert_allclose(np.exp(scores) @ np.exp(model.log_priors), 1.0, atol=1e-5)


def test_scoring_is_without_dropout_and_leaves_the_mode(model):
    dropping = build(DnnConfig(12, 1, 8, 5, dropout=0.5), seed=1).train()
    x = stacked_view(20)
    scores = AcousticModel(dropping, model.log_priors).scores(x)
    np.testing.assert_array_equal(scores, model.scores(x))
    assert dropping.training


def test_unfit_features_and_priors_are_refused(model):
    with pytest.raises(InputError, match="left and right context"):
        model.scores(np.zeros((4, 11), np.float32))
    with pytest.raises(InputError, match="do not fit"):
        AcousticModel(model.module, np.zeros(4, np.float32))
    with pytest.raises(InputError, match="finite"):
        AcousticModel(model.module, np.full(5, -np.inf, np.float32))


def test_a_diverged_network_is_reported_instead_of_decoded(model):
    vector = flatten(model.module)
    vector[-1] = np.nan
    load_flat(model.module, vector)
    with pytest.raises(RunError, match="not finite"):
        model.scores(stacked_view(3))


def test_saved_models_come_back_bit_by_bit_and_replace_older_ones(model, tmp_path):
    place = tmp_path / "models" / "ce"
    AcousticModel(build(CONFIG, seed=9), model.log_priors).save(place)
    model.save(place)
    again = AcousticModel.load(place)
    np.testing.assert_array_equal(flatten(again.module), flatten(model.module))
    np.testing.assert_array_equal(again.log_priors, model.log_priors)
    assert again.module.config == CONFIG
    assert again.attributes == {"left": 2, "right": 1}
    assert [path.name for path in place.parent.iterdir()] == ["ce"], "nothing is left behind"
    assert sorted(path.name for path in place.iterdir()) == [DESCRIPTION, WEIGHTS]


def edit(place, **changes):
    path = place / DESCRIPTION
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def rewrite_weights(place, raw):
    (place / WEIGHTS).write_bytes(raw)
    edit(place, weights={"sha256": hashlib.sha256(raw).hexdigest()})


def truncate(place):
    raw = (place / WEIGHTS).read_bytes()
    (place / WEIGHTS).write_bytes(raw[:-100])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate, "truncated"),
        (lambda place: (place / WEIGHTS).unlink(), "cannot read weights"),
        (lambda place: (place / DESCRIPTION).unlink(), "no model directory"),
        (lambda place: (place / DESCRIPTION).write_text('{"format": '), "not valid JSON"),
        (lambda place: edit(place, format="other"), "does not describe an acoustic model"),
        (lambda place: edit(place, format_number=2), "install a newer outergrad"),
        (lambda place: edit(place, network={"input_dim": "12"}), "incomplete"),
        (lambda place: edit(place, network={"depth": 12}), "unknown network settings"),
        (
            lambda place: edit(place, network={"num_pdfs": 5, "hidden_layers": 10**9}),
            "tensors do not make",
        ),
        (
            lambda place: edit(
                place,
                network={"input_dim": 12, "hidden_layers": 1, "hidden_units": 8, "num_pdfs": 6},
            ),
            "do not fit the topology: log_priors, output.bias, output.weight",
        ),
        (lambda place: rewrite_weights(place, b"\x10" + bytes(7) + b"not a header"), "cannot be"),
    ],
)
def test_damaged_or_newer_directories_are_refused(model, tmp_path, damage, message):
    place = tmp_path / "model"
    model.save(place)
    damage(place)
    with pytest.raises(InputError, match=message):
        AcousticModel.load(place)
