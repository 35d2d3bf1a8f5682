"""What to do with a gradient computed at old parameters."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.errors import InputError


@dataclass(frozen=True, slots=True)
class DelayCompensation:
    """Carries a gradient over to the parameters of now: g + first-order change since it was made.

    For a log-likelihood the Hessian is about minus the outer product of gradients, of which the
    diagonal is cheap: g' = g - λ g² (θ_now - θ_then) for ascent directions g. Stateless.

    Source: DC-ASGD-c, Zheng et al. 2017 (Eq. 10), there for descent.
    """

    strength: float
    """λ; larger for smaller gradients, since g² stands for the Hessian."""

    def apply(self, gradient: Float32Array, now: Float32Array, then: Float32Array) -> Float32Array:
        """The compensated gradient, float32 [n].

        Args:
            gradient: float32 [n], ascent direction made at `then`.
            now: float32 [n], parameters that it will be added to.
            then: float32 [n], parameters that it was made at.
        """
        correction = now - then
        correction *= gradient
        correction *= gradient
        correction *= np.float32(-self.strength)
        correction += gradient
        return correction


@dataclass(frozen=True, slots=True)
class StalenessConfig:
    """Staleness policy: how much a push counts, given its age in updates of the shard."""

    kind: Literal["accept", "scale", "drop", "bounded"] = "accept"
    """accept: always in full. scale: by 1 / (1 + age). drop: not at all beyond `bound`.
    bounded: in full up to `bound`, by (1 + bound) / (1 + age) beyond."""
    bound: int = 100
    """Largest age in updates that `drop` and `bounded` take in full."""
    compensation: float = 0.0
    """λ of delay compensation; 0: none."""
    remembered: int = 32
    """Versions of each shard that delay compensation can look back to, each a copy of the
    parameters; gradients made at older ones are used as they are."""

    def __post_init__(self) -> None:
        if self.compensation < 0 or self.remembered < 1:
            raise InputError(
                f"staleness: compensation = {self.compensation} must not be negative, and "
                f"remembered = {self.remembered} must be positive"
            )
        if self.bound < 0:
            raise InputError(f"staleness: bound = {self.bound} must not be negative")

    def weight(self, age: int) -> float:
        """Factor of the learning rate, in [0, 1]; 0 means the push is dropped.

        Source: scaling by the age as in staleness-aware ASGD, Zhang et al. 2016.
        """
        match self.kind:
            case "accept":
                return 1.0
            case "scale":
                return 1.0 / (1 + age)
            case "drop":
                return 1.0 if age <= self.bound else 0.0
            case "bounded":
                return min(1.0, (1 + self.bound) / (1 + age))

    def delay_compensation(self) -> DelayCompensation | None:
        """How gradients are carried over to the parameters of now; None: they are not."""
        return DelayCompensation(self.compensation) if self.compensation else None
