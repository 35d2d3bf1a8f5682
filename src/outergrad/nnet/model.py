"""Model directories: ``description.json`` and ``weights.safetensors``. No pickle anywhere.

The description carries a format name and number, the topology, free attributes and the SHA-256 of
the weights file, so that truncated, mixed-up or newer directories are refused with a reason. A
directory is written beside its destination and renamed, so that readers never see half of one.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from outergrad.arrays import Float32Array
from outergrad.errors import InputError
from outergrad.nnet.dnn import DnnConfig, parameter_shapes

FORMAT = "outergrad-acoustic-model"
FORMAT_NUMBER = 1
DESCRIPTION = "description.json"
WEIGHTS = "weights.safetensors"
LOG_PRIORS = "log_priors"


@dataclass(frozen=True, slots=True)
class StoredModel:
    """What a model directory holds."""

    config: DnnConfig
    """Topology."""
    tensors: Mapping[str, Float32Array]
    """Parameters by name."""
    log_priors: Float32Array
    """float32 ``[num_pdfs]``."""
    attributes: Mapping[str, object]
    """Free JSON values."""


def write_model(
    directory: Path,
    config: DnnConfig,
    tensors: Mapping[str, Float32Array],
    log_priors: Float32Array,
    attributes: Mapping[str, object],
) -> None:
    """Write a model directory; an existing one is replaced whole."""
    contents = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    contents[LOG_PRIORS] = np.ascontiguousarray(log_priors, dtype=np.float32)
    weights = save(contents)
    description = {
        "format": FORMAT,
        "format_number": FORMAT_NUMBER,
        "network": asdict(config),
        "weights": {"file": WEIGHTS, "sha256": hashlib.sha256(weights).hexdigest()},
        "attributes": dict(attributes),
    }
    directory.parent.mkdir(parents=True, exist_ok=True)
    fresh = directory.with_name(f".{directory.name}.new-{os.getpid()}")
    stale = directory.with_name(f".{directory.name}.old-{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    (fresh / WEIGHTS).write_bytes(weights)
    (fresh / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    if directory.exists():
        directory.rename(stale)
    fresh.rename(directory)
    shutil.rmtree(stale, ignore_errors=True)


def read_model(directory: Path) -> StoredModel:
    """Read and check a model directory.

    Raises:
        InputError: not a model directory, written by a newer version, or damaged; says which.
    """
    description = _read_description(directory)
    path = directory / WEIGHTS
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"model {directory}: cannot read {WEIGHTS}: {error.strerror}") from error
    try:
        network = description["network"]
        attributes = description["attributes"]
        digest = description["weights"]["sha256"]
        unknown = set(network) - {field.name for field in fields(DnnConfig)}
        if unknown:
            raise InputError(f"model {directory}: unknown network settings {sorted(unknown)}")
        config = msgspec.convert(network, DnnConfig)
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise InputError(f"model {directory}: {DESCRIPTION} is incomplete: {error}") from error
    config.check()
    if hashlib.sha256(raw).hexdigest() != digest:
        raise InputError(
            f"model {directory}: {WEIGHTS} is truncated or does not belong to {DESCRIPTION} "
            f"(SHA-256 differs); copy the whole directory again"
        )
    try:
        tensors = load(raw)
    except (SafetensorError, ValueError) as error:
        raise InputError(f"model {directory}: {WEIGHTS} cannot be read: {error}") from error
    # The count first: shapes of an absurd number of layers must not be listed.
    if len(tensors) != 2 * (config.hidden_layers + 1) + 1:
        raise InputError(
            f"model {directory}: {len(tensors)} tensors do not make {config.hidden_layers} "
            "hidden layers, a softmax layer and priors"
        )
    expected = parameter_shapes(config)
    expected[LOG_PRIORS] = (config.num_pdfs,)
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if found != expected:
        odd = sorted(
            name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)
        )
        raise InputError(f"model {directory}: tensors do not fit the topology: {', '.join(odd)}")
    not_float = [name for name, tensor in tensors.items() if tensor.dtype != np.float32]
    if not_float:
        raise InputError(f"model {directory}: tensors must be float32: {', '.join(not_float)}")
    log_priors = tensors.pop(LOG_PRIORS)
    return StoredModel(config, tensors, log_priors, attributes)


def _read_description(directory: Path) -> dict[str, Any]:
    path = directory / DESCRIPTION
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{directory} is no model directory: {path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"model {directory}: {DESCRIPTION} is not valid JSON: {error}") from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise InputError(f"{path} does not describe an acoustic model (format {FORMAT!r} expected)")
    number = description.get("format_number")
    if not isinstance(number, int) or number > FORMAT_NUMBER:
        raise InputError(
            f"model {directory} has format number {number}, this version reads up to "
            f"{FORMAT_NUMBER}: install a newer outergrad"
        )
    return description
