"""Arithmetic of forward and backward passes."""

from typing import Literal, get_args

import torch

from outergrad.errors import InputError

Precision = Literal["float32", "bfloat16", "auto"]
"""float32, or matrix products of bfloat16 operands with float32 parameters and updates. auto:
bfloat16 where the processor has instructions for it."""


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
    if precision not in get_args(Precision):
        choices = ", ".join(get_args(Precision))
        raise InputError(f"unknown precision {precision!r}: choose one of {choices}")
    enabled = precision == "bfloat16" or (precision == "auto" and has_bfloat16(device))
    return torch.autocast(device, dtype=torch.bfloat16, enabled=enabled)


def has_bfloat16(device: Device = "cpu") -> bool:
    """Whether a device multiplies bfloat16 natively; no, when torch does not tell."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    names = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(bool(getattr(torch.cpu, name, bool)()) for name in names)
