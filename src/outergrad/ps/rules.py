"""Update rules: what a shard does with a pushed gradient.

Gradients are *ascent* directions, because criteria are maximised. Rules are pure and elementwise:
they allocate their results, keep nothing, and give the same bits on any cut of the vector.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.errors import InputError

RuleState = Mapping[str, Float32Array]
"""What a rule remembers: by name, one array per quantity, each as long as the slice."""


class UpdateRule(Protocol):
    """A pure pair `init`, `apply`."""

    def init(self, values: Float32Array) -> RuleState:
        """State before the first update of `values` float32 [n]."""
        ...

    def apply(
        self,
        values: Float32Array,
        gradient: Float32Array,
        state: RuleState,
        rate: float,
        step: int,
        out: Float32Array | None = None,
    ) -> tuple[Float32Array, RuleState]:
        """Parameters and state after one update.

        Args:
            values: float32 [n], parameters.
            gradient: float32 [n], ascent direction.
            state: what `init` or the last `apply` returned.
            rate: learning rate; the schedule is the coordinator's.
            step: number of this update, 1-based.
            out: float32 [n], where to put the new parameters; a new array by default.

        Returns:
            New float32 [n] parameters and new state; the other arguments stay as they are.
        """
        ...


@dataclass(frozen=True, slots=True)
class Sgd:
    """Stochastic gradient ascent: θ ← θ + η g."""

    def init(self, values: Float32Array) -> RuleState:
        """No state."""
        return {}

    def apply(
        self,
        values: Float32Array,
        gradient: Float32Array,
        state: RuleState,
        rate: float,
        step: int,
        out: Float32Array | None = None,
    ) -> tuple[Float32Array, RuleState]:
        """θ + η g."""
        moved = np.multiply(gradient, np.float32(rate), out=out)
        moved += values
        return moved, state


@dataclass(frozen=True, slots=True)
class Momentum:
    """Heavy-ball momentum: v ← μ v + g, θ ← θ + η v."""

    momentum: float = 0.9
    """μ, in [0, 1)."""

    def init(self, values: Float32Array) -> RuleState:
        """v = 0."""
        return {"velocity": np.zeros_like(values)}

    def apply(
        self,
        values: Float32Array,
        gradient: Float32Array,
        state: RuleState,
        rate: float,
        step: int,
        out: Float32Array | None = None,
    ) -> tuple[Float32Array, RuleState]:
        """θ + η (μ v + g)."""
        velocity = state["velocity"] * np.float32(self.momentum)
        velocity += gradient
        moved = np.multiply(velocity, np.float32(rate), out=out)
        moved += values
        return moved, {"velocity": velocity}


@dataclass(frozen=True, slots=True)
class Adagrad:
    """Adagrad, a ← a + g², θ ← θ + η g / (√a + ε): the rule in the shards of DistBelief.

    Source: Duchi et al. 2011; Dean et al. 2012.
    """

    epsilon: float = 1e-8
    """ε, keeps the first steps finite."""

    def init(self, values: Float32Array) -> RuleState:
        """a = 0."""
        return {"squares": np.zeros_like(values)}

    def apply(
        self,
        values: Float32Array,
        gradient: Float32Array,
        state: RuleState,
        rate: float,
        step: int,
        out: Float32Array | None = None,
    ) -> tuple[Float32Array, RuleState]:
        """θ + η g / (√a + ε) with the squares of this gradient in a."""
        squares = gradient * gradient
        squares += state["squares"]
        scale = np.sqrt(squares)
        scale += np.float32(self.epsilon)
        moved = np.divide(gradient, scale, out=out)
        moved *= np.float32(rate)
        moved += values
        return moved, {"squares": squares}


@dataclass(frozen=True, slots=True)
class Adam:
    """Adam with bias correction.

    m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g²,
    θ ← θ + η (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε). Source: Kingma and Ba 2015. t counts the
    updates of the shard, also those that touched only a part of it.
    """

    beta1: float = 0.9
    """β₁, in [0, 1)."""
    beta2: float = 0.999
    """β₂, in [0, 1)."""
    epsilon: float = 1e-8
    """ε."""

    def init(self, values: Float32Array) -> RuleState:
        """m = v = 0."""
        return {"mean": np.zeros_like(values), "squares": np.zeros_like(values)}

    def apply(
        self,
        values: Float32Array,
        gradient: Float32Array,
        state: RuleState,
        rate: float,
        step: int,
        out: Float32Array | None = None,
    ) -> tuple[Float32Array, RuleState]:
        """One Adam step."""
        mean = state["mean"] * np.float32(self.beta1) + gradient * np.float32(1 - self.beta1)
        squares = state["squares"] * np.float32(self.beta2)
        squares += gradient * gradient * np.float32(1 - self.beta2)
        scale = np.sqrt(squares * np.float32(1 / (1 - self.beta2**step)))
        scale += np.float32(self.epsilon)
        moved = np.divide(mean, scale, out=out)
        moved *= np.float32(rate / (1 - self.beta1**step))
        moved += values
        return moved, {"mean": mean, "squares": squares}


@dataclass(frozen=True, slots=True)
class RuleConfig:
    """Choice of the update rule and its constants."""

    kind: Literal["sgd", "momentum", "adagrad", "adam"] = "sgd"
    """Which rule."""
    momentum: float = 0.9
    """μ of `momentum`."""
    beta1: float = 0.9
    """β₁ of `adam`."""
    beta2: float = 0.999
    """β₂ of `adam`."""
    epsilon: float = 1e-8
    """ε of `adagrad` and `adam`."""

    def rule(self) -> UpdateRule:
        """The rule itself.

        Raises:
            InputError: a constant outside its range.
        """
        for name in ("momentum", "beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"update rule: {name} = {getattr(self, name)} must be in [0, 1)")
        if not self.epsilon > 0:
            raise InputError(f"update rule: epsilon = {self.epsilon} must be positive")
        match self.kind:
            case "sgd":
                return Sgd()
            case "momentum":
                return Momentum(self.momentum)
            case "adagrad":
                return Adagrad(self.epsilon)
            case "adam":
                return Adam(self.beta1, self.beta2, self.epsilon)
