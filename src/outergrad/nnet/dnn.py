"""The acoustic model's network: stacked filterbank frames in, one logit per tied state out."""

import itertools
import math
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import torch
from torch import nn

from outergrad.errors import InputError
from outergrad.randomness import rng

Activation = Literal["relu", "sigmoid"]
ACTIVATIONS: tuple[Activation, ...] = ("relu", "sigmoid")


@dataclass(frozen=True, slots=True)
class DnnConfig:
    """Topology of the DNN; the defaults are the paper's (section 6), 26 x 40 inputs."""

    input_dim: int = 1040
    """Values per stacked frame: (left + 1 + right) x filterbank channels."""
    hidden_layers: int = 4
    """Number of hidden layers."""
    hidden_units: int = 1024
    """Units per hidden layer."""
    num_pdfs: int = 0
    """Softmax outputs, one per tied state; 0 = not known yet (the state tying decides)."""
    activation: Activation = "relu"
    """Non-linearity of the hidden layers: "relu" or "sigmoid"."""
    dropout: float = 0.0
    """Probability that a hidden unit is silenced in a training step (small corpora: 0.2)."""

    def check(self) -> None:
        """Raise InputError unless a network can be built from this."""
        for name in ("input_dim", "hidden_units", "num_pdfs"):
            if getattr(self, name) < 1:
                raise InputError(f"DNN: {name} is {getattr(self, name)}, must be at least 1")
        if self.hidden_layers < 0:
            raise InputError(f"DNN: hidden_layers is {self.hidden_layers}, must not be negative")
        if self.activation not in ACTIVATIONS:
            known = ", ".join(ACTIVATIONS)
            raise InputError(f"DNN: unknown activation {self.activation!r}, choose one of {known}")
        if not 0.0 <= self.dropout < 1.0:
            raise InputError(f"DNN: dropout is {self.dropout}, must be in [0, 1)")


def parameter_shapes(config: DnnConfig) -> dict[str, tuple[int, ...]]:
    """Tensor names and shapes of the network that `config` describes, in the vector's order."""
    shapes: dict[str, tuple[int, ...]] = {}
    fan_in = config.input_dim
    for index in range(config.hidden_layers):
        shapes[f"hidden.{index}.weight"] = (config.hidden_units, fan_in)
        shapes[f"hidden.{index}.bias"] = (config.hidden_units,)
        fan_in = config.hidden_units
    shapes["output.weight"] = (config.num_pdfs, fan_in)
    shapes["output.bias"] = (config.num_pdfs,)
    return shapes


class Dnn(nn.Module):
    """Feed-forward network without its softmax.

    Parameters are named ``hidden.<i>.weight``, ``hidden.<i>.bias``, ``output.weight`` and
    ``output.bias``, in this order; the flat parameter vector follows it.
    """

    def __init__(self, config: DnnConfig):
        """Lay the layers out; parameters are left as torch allocates them, see `build`."""
        super().__init__()
        config.check()
        self.config = config
        dims = [config.input_dim] + [config.hidden_units] * config.hidden_layers
        self.hidden = nn.ModuleList(_empty_layer(*pair) for pair in itertools.pairwise(dims))
        self.output = _empty_layer(dims[-1], config.num_pdfs)
        # Dropout draws from this named stream; only training steps with dropout need it.
        self.dropout_stream: np.random.Generator | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of stacked frames.

        Args:
            x: float32 ``[frames, input_dim]``, normalised features.

        Returns:
            Logits ``[frames, num_pdfs]`` (the softmax is left to who needs it).
        """
        dropping = self.training and self.config.dropout > 0.0
        for layer in self.hidden:
            x = layer(x)
            x = torch.relu(x) if self.config.activation == "relu" else torch.sigmoid(x)
            if dropping:
                x = x * self._dropout_mask(x)
        return cast(torch.Tensor, self.output(x))

    def _dropout_mask(self, x: torch.Tensor) -> torch.Tensor:
        if self.dropout_stream is None:
            raise InputError("DNN: training with dropout needs a random stream: set dropout_stream")
        # 16-bit draws: the rate is exact to 1.5e-5 and the draw costs half of a float's.
        levels = 1 << 16
        dropped = round(self.config.dropout * levels)
        draws = self.dropout_stream.integers(0, levels, size=tuple(x.shape), dtype=np.uint16)
        scale = levels / (levels - dropped)
        return torch.from_numpy((draws >= dropped).astype(np.float32)).mul_(scale).to(x.dtype)


def _empty_layer(fan_in: int, fan_out: int) -> nn.Linear:
    """A layer without values: torch's own initialisation draws from its global random state."""
    return nn.Linear(fan_in, fan_out, device="meta").to_empty(device="cpu")


def build(config: DnnConfig, seed: int) -> Dnn:
    """A freshly initialised network: He initialisation, softmax layer near zero.

    Hidden weights are normal with variance 2 / fan-in for ReLU (He et al. 2015) and 1 / fan-in
    for sigmoid, so that activations keep their variance from layer to layer; output weights are a
    tenth of that, so that training starts at nearly equal posteriors. Biases are zero. Equal
    seeds give equal bits on every machine.

    Raises:
        InputError: the configuration describes no network.
    """
    module = Dnn(config)
    gain = 2.0 if config.activation == "relu" else 1.0
    with torch.no_grad():
        for index, layer in enumerate(module.hidden):
            _initialise(cast(nn.Linear, layer), gain, rng(seed, "dnn-init", index))
        initialise_output(module, seed)
    return module


def initialise_output(module: Dnn, seed: int) -> None:
    """Give the softmax layer fresh near-zero weights (0.1 / sqrt(fan-in)) and zero biases."""
    with torch.no_grad():
        _initialise(module.output, 0.01, rng(seed, "dnn-init", "output"))


def _initialise(layer: nn.Linear, gain: float, stream: np.random.Generator) -> None:
    deviation = math.sqrt(gain / layer.in_features)
    draws = stream.standard_normal(size=tuple(layer.weight.shape), dtype=np.float32)
    layer.weight.copy_(torch.from_numpy(draws).mul_(deviation))
    layer.bias.zero_()
