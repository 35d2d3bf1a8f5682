"""What to do with a gradient computed at old parameters."""

from dataclasses import dataclass
from typing import Literal

from outergrad.errors import InputError


@dataclass(frozen=True, slots=True)
class StalenessConfig:
    """Staleness policy: how much a push counts, given its age in updates of the shard."""

    kind: Literal["accept", "scale", "drop", "bounded"] = "accept"
    """accept: always in full. scale: by 1 / (1 + age). drop: not at all beyond `bound`.
    bounded: in full up to `bound`, by (1 + bound) / (1 + age) beyond."""
    bound: int = 100
    """Largest age in updates that `drop` and `bounded` take in full."""

    def __post_init__(self) -> None:
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
