"""Augmentation of stacked filterbank frames: other vocal tract lengths."""

import numpy as np
import torch

from outergrad.arrays import Float32Array


def warp_matrix(num_channels: int, factor: float) -> Float32Array:
    """Linear interpolation that stretches the channel axis.

    y[c] = x[factor (c + 1/2) - 1/2], between channels interpolated, beyond the ends the end value.

    On a mel axis, which is close to logarithmic above 1 kHz and linear below, this moves formants
    much as a vocal tract of another length does (Jaitly & Hinton 2013 warp the Hertz axis instead).

    Args:
        num_channels: filterbank channels.
        factor: 1 changes nothing; 1.1 takes each value from a channel 10 % further up.

    Returns:
        float32 ``[channels to, channels from]``; rows sum to 1.
    """
    place = np.clip(factor * (np.arange(num_channels) + 0.5) - 0.5, 0.0, num_channels - 1.0)
    below = np.minimum(place.astype(np.int64), max(num_channels - 2, 0))
    above = np.minimum(below + 1, num_channels - 1)
    matrix = np.zeros((num_channels, num_channels), dtype=np.float32)
    rows = np.arange(num_channels)
    np.add.at(matrix, (rows, below), (1.0 - (place - below)).astype(np.float32))
    np.add.at(matrix, (rows, above), (place - below).astype(np.float32))
    return matrix


def warp(x: torch.Tensor, num_channels: int, factor: float) -> torch.Tensor:
    """Stacked frames as another vocal tract would have spoken them.

    Args:
        x: float32 ``[frames, stacked x channels]``.
        num_channels: filterbank channels.
        factor: see `warp_matrix`.
    """
    matrix = torch.from_numpy(warp_matrix(num_channels, factor))
    return (x.view(-1, num_channels) @ matrix.T).view(x.shape)
