"""The network as one flat vector: what a parameter server stores, pulls and pushes."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import nn

from outergrad.arrays import Float32Array
from outergrad.errors import InputError


@dataclass(frozen=True, slots=True)
class ParameterLayout:
    """Which slice of the flat vector is which tensor of the network."""

    names: tuple[str, ...]
    """Tensor names in the vector's order, for example ``hidden.0.weight``."""
    shapes: tuple[tuple[int, ...], ...]
    """Their shapes."""
    offsets: tuple[int, ...]
    """Start of each tensor in the vector; one more entry, the vector's length, at the end."""

    @classmethod
    def of(cls, module: nn.Module) -> Self:
        """Layout of a module's parameters, in the order in which the module lists them."""
        names, shapes, offsets = [], [], [0]
        for name, tensor in module.named_parameters():
            names.append(name)
            shapes.append(tuple(tensor.shape))
            offsets.append(offsets[-1] + math.prod(tensor.shape))
        return cls(tuple(names), tuple(shapes), tuple(offsets))

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.offsets[-1]

    @property
    def layers(self) -> tuple[str, ...]:
        """Layer names from input to output: tensor names without ``.weight`` and ``.bias``."""
        return tuple(dict.fromkeys(name.rpartition(".")[0] for name in self.names))

    @property
    def last_layer(self) -> slice:
        """The softmax layer's part of the vector (for last-layer-only updates, Fig. 7)."""
        return self.layer_slice(self.layers[-1])

    def layer_slice(self, layer: str) -> slice:
        """The part of the vector that holds one layer, weights and biases."""
        members = [i for i, name in enumerate(self.names) if name.rpartition(".")[0] == layer]
        if not members:
            raise InputError(f"no layer {layer!r}; there are: {', '.join(self.layers)}")
        return slice(self.offsets[members[0]], self.offsets[members[-1] + 1])

    def views(self, vector: Float32Array) -> dict[str, Float32Array]:
        """The tensors as views into `vector`, by name."""
        self.check(vector)
        return {
            name: vector[self.offsets[i] : self.offsets[i + 1]].reshape(self.shapes[i])
            for i, name in enumerate(self.names)
        }

    def check(self, vector: Float32Array) -> None:
        """Raise InputError unless `vector` has this layout's length and type."""
        if vector.shape != (self.size,) or vector.dtype != np.float32:
            raise InputError(
                f"flat parameters must be float32 [{self.size}], "
                f"got {vector.dtype} {list(vector.shape)}"
            )


def flatten(module: nn.Module) -> Float32Array:
    """Copy a module's parameters into one float32 vector, in `ParameterLayout` order."""
    layout = ParameterLayout.of(module)
    vector = np.empty(layout.size, dtype=np.float32)
    for tensor, view in zip(module.parameters(), layout.views(vector).values(), strict=True):
        view[...] = tensor.detach().numpy()
    return vector


def load_flat(module: nn.Module, vector: Float32Array) -> None:
    """Copy a flat vector into a module's parameters.

    Args:
        module: network whose parameters are overwritten.
        vector: float32 ``[parameters]``, in `ParameterLayout` order.

    Raises:
        InputError: wrong length or type.
    """
    layout = ParameterLayout.of(module)
    views = layout.views(vector)
    with torch.no_grad():
        for tensor, view in zip(module.parameters(), views.values(), strict=True):
            if tensor.is_cuda:
                tensor.copy_(torch.from_numpy(np.array(view)))
                continue
            # Through numpy, because torch warns about tensors over read-only memory maps.
            np.copyto(tensor.detach().numpy(), view)
