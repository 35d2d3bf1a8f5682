"""How far an auxiliary function is from the criterion once the parameters have moved on."""

from collections.abc import Sequence
from dataclasses import dataclass

from outergrad.criteria.outcome import OuterGradient


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """An outer gradient of all frames, none cancelled or rejected, to be compared with later."""

    words: Sequence[str]
    """Reference transcript."""
    outer: OuterGradient
    """Outer gradient and value at theta', anchored there."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Criterion and auxiliary function of one utterance at theta; sums over its frames."""

    utterance: str
    """Utterance id."""
    frames: int
    """Its frames."""
    before: float
    """F(theta')."""
    value: float
    """F(theta)."""
    auxiliary: float
    """The auxiliary function at theta that touches F at theta'."""
    age: float = 0.0
    """Server updates between theta' and theta."""

    @property
    def per_frame(self) -> float:
        """(auxiliary function - criterion) per frame; negative where it is a lower bound."""
        return (self.auxiliary - self.value) / max(self.frames, 1)
