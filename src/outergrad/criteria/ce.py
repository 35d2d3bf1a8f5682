"""Cross-entropy: the frame criterion against a fixed alignment."""

from dataclasses import dataclass, field

import numpy as np

from outergrad.arrays import Float32Array, Int32Array
from outergrad.criteria.frame_error import FrameErrors, frame_errors


@dataclass(frozen=True, slots=True)
class FrameScore:
    """Frame criterion and frame errors; add up over utterances, then divide by frames."""

    value: float = 0.0
    """Sum over frames of log p(target state | x), natural log."""
    errors: FrameErrors = field(default_factory=FrameErrors)
    """Frames, and those whose most likely state is not the target."""

    def __add__(self, other: "FrameScore") -> "FrameScore":
        """Scores of both."""
        return FrameScore(self.value + other.value, self.errors + other.errors)

    @property
    def cross_entropy(self) -> float:
        """Mean of -log p(target state | x) per frame, nats; nan without frames."""
        return -self.value / self.errors.frames if self.errors.frames else float("nan")


def cross_entropy(log_posteriors: Float32Array, targets: Int32Array) -> FrameScore:
    """F_CE of one utterance, not divided by its frames: sum_t log p_theta(s_t|x_t) (Eq. 1).

    Args:
        log_posteriors: float32 ``[frames, pdfs]``, natural log, each frame normalised.
        targets: int32 ``[frames]``, pdf_ids of the alignment.

    Raises:
        InputError: lengths differ, a target is no pdf_id, or a posterior is nan or +inf.
    """
    errors = frame_errors(log_posteriors, targets)
    chosen = log_posteriors[np.arange(len(targets)), targets]
    return FrameScore(float(chosen.sum(dtype=np.float64)), errors)
