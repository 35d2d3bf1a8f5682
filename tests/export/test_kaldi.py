"""Kaldi's nnet1 text: read back by a reader of its own, it is the network."""

from pathlib import Path

import numpy as np
import pytest
import torch

from outergrad.export.kaldi import write_kaldi
from outergrad.nnet.acoustic import AcousticModel
from outergrad.nnet.dnn import DnnConfig, build
from outergrad.recognizer.model import Model


def vectors(tokens: list[str]) -> tuple[list[np.ndarray], list[str]]:
    """Bracketed numbers at the front of `tokens`, in order, and the tokens after them."""
    found = []
    while tokens and tokens[0] == "[":
        end = tokens.index("]")
        found.append(np.array([float(token) for token in tokens[1:end]]))
        tokens = tokens[end + 1 :]
    return found, tokens


def forward(text: str, x: np.ndarray) -> np.ndarray:
    """Posteriors as Kaldi's nnet1 components define them, float64."""
    tokens = text.split()
    assert tokens[0] == "<Nnet>"
    assert tokens[-1] == "</Nnet>"
    tokens = tokens[1:-1]
    while tokens:
        kind, outputs, inputs = tokens[0], int(tokens[1]), int(tokens[2])
        tokens = tokens[3:]
        while tokens[0] not in ("[", "<!EndOfComponent>"):
            tokens = tokens[2:]  # an option and its value
        numbers, tokens = vectors(tokens)
        assert tokens[0] == "<!EndOfComponent>"
        tokens = tokens[1:]
        if kind == "<AffineTransform>":
            weight, bias = numbers
            x = x @ weight.reshape(outputs, inputs).T + bias
        elif kind == "<ParametricRelu>":
            alpha, beta = numbers
            x = np.where(x > 0, alpha * x, beta * x)
        elif kind == "<Sigmoid>":
            x = 1 / (1 + np.exp(-x))
        elif kind == "<Softmax>":
            x = np.exp(x - x.max(axis=1, keepdims=True))
            x /= x.sum(axis=1, keepdims=True)
        else:
            raise AssertionError(kind)
    return x


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_the_network_and_its_priors_are_read_back(tones, tmp_path: Path, activation: str) -> None:
    made, _ = tones.tone_model()
    old = made.acoustic.module.config
    config = DnnConfig(old.input_dim, 2, 16, old.num_pdfs, activation)  # type: ignore[arg-type]
    priors = np.log(np.array([0.4, 0.3, 0.2, 0.05, 0.05], dtype=np.float32))
    acoustic = AcousticModel(build(config, 3), priors, made.acoustic.attributes)
    model = Model.of("x", acoustic, made.hmm, made.lexicon, made.graph, made.config)
    write_kaldi(model, tmp_path / "k")
    x = np.random.default_rng(0).standard_normal((5, config.input_dim)).astype(np.float32)
    posteriors = forward((tmp_path / "k/final.nnet").read_text(), x.astype(np.float64))
    with torch.inference_mode():
        wanted = torch.softmax(acoustic.module(torch.from_numpy(x)), dim=1).numpy()
    # float32 against float64.
    np.testing.assert_allclose(posteriors, wanted, rtol=1e-4, atol=1e-6)
    counts = (tmp_path / "k/prior.counts").read_text().split()
    assert (counts[0], counts[-1]) == ("[", "]")
    found = np.array([float(count) for count in counts[1:-1]])
    np.testing.assert_allclose(found / found.sum(), np.exp(priors), rtol=1e-6)
    assert "40 values every 10 ms" in (tmp_path / "k/README").read_text()
