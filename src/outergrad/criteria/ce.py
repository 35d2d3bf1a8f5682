"""Cross-entropy: the frame criterion against a fixed alignment."""

from dataclasses import dataclass

import numpy as np

from outergrad.arrays import Float32Array, Int32Array
from outergrad.errors import InputError


@dataclass(frozen=True, slots=True)
class FrameScore:
    """Frame criterion and frame errors; add up over utterances, then divide by frames."""

    value: float = 0.0
    """Sum over frames of log p(target state | x), natural log."""
    errors: int = 0
    """Frames whose most likely state is not the target."""
    frames: int = 0
    """Frames."""

    def __add__(self, other: "FrameScore") -> "FrameScore":
        """Scores of both."""
        return FrameScore(
            self.value + other.value, self.errors + other.errors, self.frames + other.frames
        )

    @property
    def cross_entropy(self) -> float:
        """Mean of -log p(target state | x) per frame, nats."""
        return -self.value / self.frames if self.frames else float("nan")

    @property
    def error_rate(self) -> float:
        """Frame error rate, %."""
        return 100.0 * self.errors / self.frames if self.frames else float("nan")


def cross_entropy(log_posteriors: Float32Array, targets: Int32Array) -> FrameScore:
    """F_CE of one utterance, not divided by its frames: sum_t log p_theta(s_t|x_t) (Eq. 1).

    Args:
        log_posteriors: float32 ``[frames, pdfs]``, natural log, each frame normalised.
        targets: int32 ``[frames]``, pdf_ids of the alignment.

    Raises:
        InputError: lengths differ or a target is no pdf_id.
    """
    num_frames, num_pdfs = log_posteriors.shape
    if targets.shape != (num_frames,):
        raise InputError(f"CE: {num_frames} frames, but {len(targets)} targets")
    if num_frames and not 0 <= int(targets.min()) <= int(targets.max()) < num_pdfs:
        raise InputError(f"CE: targets must be pdf_ids in [0, {num_pdfs})")
    chosen = log_posteriors[np.arange(num_frames), targets]
    errors = np.count_nonzero(log_posteriors.argmax(axis=1) != targets)
    return FrameScore(float(chosen.sum(dtype=np.float64)), int(errors), num_frames)
