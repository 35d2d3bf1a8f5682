"""The network as an ONNX graph that gives acoustic scores (extra `onnx`)."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from outergrad.errors import InputError, RunError
from outergrad.nnet.dnn import Dnn
from outergrad.recognizer.model import Model

OPSET = 17
IR_VERSION = 8
"""Old enough for every runtime of the last years; the graph needs nothing newer."""
INPUT, OUTPUT = "frames", "scores"


def write_onnx(model: Model, path: Path) -> None:
    """Write stacked frames → log posterior − log prior.

    The graph is written down node by node (Gemm, Relu or Sigmoid, LogSoftmax, Sub), so that it
    needs no tracing and holds nothing but the network.

    Args:
        model: what to export.
        path: file to write; appears when it is complete.

    Raises:
        InputError: the package onnx is missing.
        RunError: the file cannot be written.
    """
    try:
        import onnx
        from onnx import TensorProto, helper, numpy_helper
    except ImportError as error:
        raise InputError("ONNX needs the extra: pip install '.[onnx]' in the clone") from error
    module = model.acoustic.module
    config = module.config
    nodes: list[Any] = []
    tensors: list[Any] = []
    value = INPUT
    for number, (weight, bias) in enumerate(layers(module)):
        tensors.append(numpy_helper.from_array(weight, f"weight_{number}"))
        tensors.append(numpy_helper.from_array(bias, f"bias_{number}"))
        result = f"affine_{number}"
        inputs = [value, f"weight_{number}", f"bias_{number}"]
        nodes.append(helper.make_node("Gemm", inputs, [result], transB=1))
        value = result
        if number < config.hidden_layers:
            kind = {"relu": "Relu", "sigmoid": "Sigmoid"}[config.activation]
            nodes.append(helper.make_node(kind, [value], [f"hidden_{number}"]))
            value = f"hidden_{number}"
    tensors.append(numpy_helper.from_array(model.acoustic.log_priors, "log_priors"))
    nodes.append(helper.make_node("LogSoftmax", [value], ["log_posteriors"], axis=1))
    nodes.append(helper.make_node("Sub", ["log_posteriors", "log_priors"], [OUTPUT]))
    shapes = [(INPUT, config.input_dim), (OUTPUT, config.num_pdfs)]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["T", size]) for name, size in shapes
    ]
    graph = helper.make_graph(nodes, "acoustic-scores", ends[:1], ends[1:], tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    made.ir_version = IR_VERSION
    made.producer_name = "outergrad"
    helper.set_model_props(
        made,
        {
            "front_end": json.dumps(model.front_end.to_json()),
            "phones": json.dumps(list(model.hmm.phones.names)),
            "system": model.system,
        },
    )
    onnx.checker.check_model(made, full_check=True)
    temporary = path.with_name(path.name + ".partial")
    try:
        temporary.write_bytes(made.SerializeToString())
        temporary.replace(path)
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror}") from error


def layers(module: Dnn) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weight `[out, in]` and bias `[out]` of each layer, float32, input first."""
    found = dict(module.named_parameters())
    names = [f"hidden.{i}" for i in range(module.config.hidden_layers)] + ["output"]
    return [
        (
            np.ascontiguousarray(found[f"{name}.weight"].detach().numpy()),
            np.ascontiguousarray(found[f"{name}.bias"].detach().numpy()),
        )
        for name in names
    ]
