"""ONNX: the same acoustic scores as torch, in another runtime."""

import json
from pathlib import Path

import numpy as np
import pytest

from outergrad.export.onnx import write_onnx
from outergrad.features.extract import FrontEnd
from outergrad.nnet.acoustic import AcousticModel
from outergrad.nnet.dnn import DnnConfig, build
from outergrad.recognizer.model import Model

onnxruntime = pytest.importorskip("onnxruntime")


def with_layers(tones, activation: str, layers: int) -> Model:
    """The model of the tones with another network, of random weights."""
    made, _ = tones.tone_model()
    config = DnnConfig(
        input_dim=made.acoustic.module.config.input_dim,
        hidden_layers=layers,
        hidden_units=24,
        num_pdfs=made.acoustic.module.config.num_pdfs,
        activation=activation,  # type: ignore[arg-type]
        dropout=0.3,
    )
    priors = np.log(np.random.default_rng(1).dirichlet(np.ones(config.num_pdfs)))
    acoustic = AcousticModel(build(config, 5), priors.astype(np.float32), made.acoustic.attributes)
    return Model.of("x", acoustic, made.hmm, made.lexicon, made.graph, made.config)


@pytest.mark.parametrize(("activation", "layers"), [("relu", 3), ("sigmoid", 1), ("relu", 0)])
def test_onnxruntime_gives_the_scores_of_torch(
    tones, tmp_path: Path, activation: str, layers: int
) -> None:
    model = with_layers(tones, activation, layers)
    path = tmp_path / "net.onnx"
    write_onnx(model, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for frames in (1, 7, 600):
        x = np.random.default_rng(frames).standard_normal((frames, 40)).astype(np.float32)
        (scores,) = session.run(None, {"frames": x})
        # float32 sums in another order.
        np.testing.assert_allclose(scores, model.acoustic.scores(x), rtol=1e-4, atol=1e-4)
    about = session.get_modelmeta().custom_metadata_map
    front_end = FrontEnd.from_json(json.loads(about["front_end"]))
    assert front_end.config == model.front_end.config
