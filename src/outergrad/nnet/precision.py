"""Arithmetic of forward and backward passes."""

from typing import Literal, get_args

import torch

from outergrad.errors import InputError

Precision = Literal["float32", "bfloat16", "auto"]
"""float32, or matrix products of bfloat16 operands with float32 parameters and updates. auto:
bfloat16 where the processor has instructions for it."""


def autocast(precision: Precision) -> torch.autocast:
    """Context in which a network computes with the given precision.

    bfloat16 keeps 8 bits of mantissa; parameters, their gradients and the softmax stay float32.
    It is two to three times faster on processors with bfloat16 instructions, slower without.

    Raises:
        InputError: unknown precision.
    """
    if precision not in get_args(Precision):
        choices = ", ".join(get_args(Precision))
        raise InputError(f"unknown precision {precision!r}: choose one of {choices}")
    enabled = precision == "bfloat16" or (precision == "auto" and has_bfloat16())
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled)


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 natively; no, when torch does not tell."""
    names = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(bool(getattr(torch.cpu, name, bool)()) for name in names)
