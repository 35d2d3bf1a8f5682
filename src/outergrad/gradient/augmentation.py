"""Augmentation of stacked filterbank frames: other vocal tracts, other rates, masked parts."""

from dataclasses import dataclass

import numpy as np
import torch

from outergrad.arrays import BoolArray, Float32Array
from outergrad.errors import InputError


@dataclass(frozen=True, slots=True)
class AugmentationConfig:
    """What frame training does to its inputs; all of it off changes nothing."""

    warp: float = 0.0
    """Largest relative stretch of the frequency axis, drawn per update (small corpora: 0.1)."""
    stretch: float = 0.0
    """Largest relative stretch of the time axis around the frame, drawn per update."""
    masked_channels: int = 0
    """Widest band of channels set to their mean, drawn per frame (SpecAugment)."""
    masked_frames: int = 0
    """Most neighbours in a row set to their mean, drawn per frame; never the frame itself."""

    def __post_init__(self) -> None:
        for name in ("warp", "stretch"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise InputError(
                    f"augmentation: {name} is {getattr(self, name)}, must be in [0, 1)"
                )
        for name in ("masked_channels", "masked_frames"):
            if getattr(self, name) < 0:
                raise InputError(f"augmentation: {name} must not be negative")


@dataclass(frozen=True, slots=True)
class Window:
    """How a stacked frame is laid out."""

    frames: int
    """Frames in it."""
    channels: int
    """Values of each."""
    centre: int
    """Which of its frames is the one that it stands for."""


def augment(
    x: torch.Tensor, window: Window, config: AugmentationConfig, stream: np.random.Generator
) -> torch.Tensor:
    """Stacked frames as they might have been spoken by somebody else, elsewhere.

    Args:
        x: float32 ``[frames, input_dim]``, normalised so that zero is the mean.
        window: layout of each row.
        config: how much of what.
        stream: where draws come from.

    Source: vocal tract length perturbation, Jaitly & Hinton 2013 (warp); speed perturbation, Ko et
    al. 2015 (stretch, here of the window alone, so that targets stay); SpecAugment, Park et al.
    2019 (masks).
    """
    if config.warp:
        matrix = warp_matrix(window.channels, 1.0 + config.warp * stream.uniform(-1.0, 1.0))
        x = (x.view(-1, window.channels) @ torch.from_numpy(matrix).T).view(x.shape)
    if config.stretch:
        factor = 1.0 + config.stretch * stream.uniform(-1.0, 1.0)
        matrix = stretch_matrix(window.frames, window.centre, factor)
        shape = (-1, window.frames, window.channels)
        x = (torch.from_numpy(matrix) @ x.view(shape)).view(x.shape)
    if config.masked_channels or config.masked_frames:
        keep = _kept(len(x), window, config, stream)
        x = x * torch.from_numpy(keep.reshape(x.shape))
    return x


def _kept(
    num_rows: int, window: Window, config: AugmentationConfig, stream: np.random.Generator
) -> Float32Array:
    """float32 ``[rows, frames, channels]``, 0 where a value is masked, 1 elsewhere."""
    bands = _spans(num_rows, window.channels, config.masked_channels, stream)
    times = _spans(num_rows, window.frames, config.masked_frames, stream)
    times[:, window.centre] = False
    masked = times[:, :, None] | bands[:, None, :]
    keep: Float32Array = (~masked).astype(np.float32)
    return keep


def _spans(num_rows: int, size: int, longest: int, stream: np.random.Generator) -> BoolArray:
    """bool ``[rows, size]``: per row one span of 0 to `longest` places, anywhere."""
    length = stream.integers(0, min(longest, size) + 1, size=(num_rows, 1))
    begin = stream.integers(0, size - length + 1)
    place = np.arange(size)
    spans: BoolArray = (place >= begin) & (place < begin + length)
    return spans


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
    return _interpolation(num_channels, factor, 0.5 * factor - 0.5)


def stretch_matrix(num_frames: int, centre: int, factor: float) -> Float32Array:
    """Linear interpolation that stretches the time axis around frame `centre`.

    y[t] = x[centre + factor (t - centre)], beyond the ends the end value.

    Args:
        num_frames: frames of the window.
        centre: the frame that stays where it is.
        factor: 1 changes nothing; 1.1 sounds 10 % faster.

    Returns:
        float32 ``[frames to, frames from]``; rows sum to 1.
    """
    return _interpolation(num_frames, factor, centre - factor * centre)


def _interpolation(size: int, slope: float, begin: float) -> Float32Array:
    """Row i takes its value from place `slope` i + `begin` of the same axis."""
    place = np.clip(slope * np.arange(size) + begin, 0.0, size - 1.0)
    below = np.minimum(place.astype(np.int64), max(size - 2, 0))
    above = np.minimum(below + 1, size - 1)
    matrix = np.zeros((size, size), dtype=np.float32)
    rows = np.arange(size)
    np.add.at(matrix, (rows, below), (1.0 - (place - below)).astype(np.float32))
    np.add.at(matrix, (rows, above), (place - below).astype(np.float32))
    return matrix
