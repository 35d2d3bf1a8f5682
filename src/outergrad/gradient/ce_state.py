"""State of frame training between epochs, kept on disk so that training can be resumed."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from outergrad.arrays import Float32Array
from outergrad.errors import InputError

STATE_FILE = "ce-state.safetensors"
FORMAT = "outergrad-ce-state"
FORMAT_NUMBER = 1


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One pass over the training frames."""

    epoch: int
    """1-based."""
    train_ce: float
    """Cross-entropy of the training frames during the pass, nats per frame (with dropout and
    label smoothing, if any)."""
    heldout_ce: float
    """Cross-entropy of the held-out frames after it, nats per frame."""
    heldout_frame_error: float
    """Frame error rate of the held-out frames after it, %."""
    rate: float
    """Learning rate of the pass."""


@dataclass(frozen=True, slots=True, eq=False)
class CeState:
    """Everything that the next epoch depends on."""

    epoch: int
    """Epochs done."""
    rate: float
    """Learning rate of the next epoch."""
    decays: int
    """How often the rate has decayed."""
    finished: bool
    """Whether training is over."""
    best_epoch: int
    """Epoch of the best parameters."""
    best_ce: float
    """Their held-out cross-entropy, nats per frame."""
    history: tuple[EpochRecord, ...]
    """One record per epoch done."""
    parameters: Float32Array
    """float32 ``[parameters]``: where the next epoch starts."""
    best: Float32Array
    """float32 ``[parameters]``: the best so far."""
    optimizer: Mapping[str, Float32Array]
    """State of the update rule: tensor number and name to value."""


def write_state(directory: Path, fingerprint: Mapping[str, object], state: CeState) -> None:
    """Replace the stored state in one step: a killed process leaves the old or the new one."""
    tensors = {f"optimizer.{name}": value for name, value in state.optimizer.items()}
    tensors |= {"parameters": state.parameters, "best": state.best}
    description = {
        "format": FORMAT,
        "format_number": FORMAT_NUMBER,
        "fingerprint": dict(fingerprint),
        "epoch": state.epoch,
        "rate": state.rate,
        "decays": state.decays,
        "finished": state.finished,
        "best_epoch": state.best_epoch,
        "best_ce": state.best_ce,
        "history": [asdict(record) for record in state.history],
    }
    directory.mkdir(parents=True, exist_ok=True)
    fresh = directory / f".{STATE_FILE}.{os.getpid()}"
    with fresh.open("wb") as stream:
        stream.write(save(tensors, metadata={"description": json.dumps(description)}))
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(directory / STATE_FILE)


def read_state(directory: Path, fingerprint: Mapping[str, object]) -> CeState | None:
    """The stored state, or None when there is none.

    Raises:
        InputError: it cannot be read, or belongs to a training with other settings or data.
    """
    path = directory / STATE_FILE
    if not path.exists():
        return None
    advice = "delete it to train from the start"
    try:
        raw = path.read_bytes()
        tensors = load(raw)
        described = _metadata(raw)
        if described["format"] != FORMAT or described["format_number"] != FORMAT_NUMBER:
            raise InputError(f"{path} is of another format: {advice}")
        stored = described["fingerprint"]
        if stored != dict(fingerprint):
            keys = [key for key in fingerprint if stored.get(key) != fingerprint[key]]
            raise InputError(
                f"{path} belongs to another training (different: {', '.join(keys)}): {advice}"
            )
        return CeState(
            epoch=described["epoch"],
            rate=described["rate"],
            decays=described["decays"],
            finished=described["finished"],
            best_epoch=described["best_epoch"],
            best_ce=described["best_ce"],
            history=tuple(EpochRecord(**record) for record in described["history"]),
            parameters=tensors.pop("parameters"),
            best=tensors.pop("best"),
            optimizer={
                name.removeprefix("optimizer."): np.asarray(value)
                for name, value in tensors.items()
            },
        )
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} cannot be read ({error}): {advice}") from error


def _metadata(raw: bytes) -> dict[str, Any]:
    """The description in a safetensors header: 8 bytes of length, then JSON."""
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    description = json.loads(header["__metadata__"]["description"])
    if not isinstance(description, dict):
        raise ValueError("no description")
    return description
