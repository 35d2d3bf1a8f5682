"""Arithmetic of forward and backward passes."""

from typing import Literal

import torch

from outergrad.errors import InputError

Precision = Literal["float32", "bfloat16"]
"""float32, or matrix products of bfloat16 operands with float32 parameters and updates."""


Device = Literal["cpu", "cuda"]
"""Where a network computes."""


def check_device(device: Device) -> None:
    """Raise InputError unless this machine has the device."""
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "device cuda: torch sees no GPU here: use device cpu, or install a torch with CUDA "
            "on a machine that has one"
        )


def autocast(precision: Precision, device: Device = "cpu") -> torch.autocast:
    """Context in which a network computes with the given precision.

    bfloat16 keeps 8 bits of mantissa; parameters, their gradients and the softmax stay float32.
    It is two to three times faster on processors with bfloat16 instructions, slower without.

    Raises:
        InputError: unknown precision.
    """
    if precision not in ("float32", "bfloat16"):
        raise InputError(f"unknown precision {precision!r}: choose float32 or bfloat16")
    return torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bfloat16")
