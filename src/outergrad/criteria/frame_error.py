"""Frame error: how often the DNN's most probable state is not the aligned one."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from outergrad.errors import InputError


@dataclass(frozen=True, slots=True)
class FrameErrors:
    """Frame error counts of one utterance or of many: they add up.

    Args:
        errors: frames whose most probable pdf_id is not the aligned one.
        frames: all frames.
    """

    errors: int = 0
    frames: int = 0

    @property
    def rate(self) -> float:
        """Frame error rate in %; nan without frames."""
        return 100.0 * self.errors / self.frames if self.frames else math.nan

    def __add__(self, other: "FrameErrors") -> "FrameErrors":
        return FrameErrors(self.errors + other.errors, self.frames + other.frames)


def frame_errors(
    log_posteriors: npt.NDArray[np.floating[Any]], pdfs: npt.NDArray[np.integer[Any]]
) -> FrameErrors:
    """Count the frames of an utterance that the DNN alone gets wrong.

    error(t) = [argmax_s log p(s|x_t) ≠ s_t]; the first of equally probable states is taken.

    Args:
        log_posteriors: float [T, P], log p(s|x_t) or logits, priors *not* subtracted: frame error
            is about the DNN's own decision.
        pdfs: int [T], the pdf_id of each frame in the alignment.

    Returns:
        The counts.

    Raises:
        InputError: if the shapes disagree, a pdf_id is out of range or a posterior is nan or +inf.
    """
    if log_posteriors.ndim != 2 or pdfs.shape != log_posteriors.shape[:1]:
        raise InputError(
            "frame error needs posteriors [T, P] and one pdf_id a frame [T], got "
            f"{log_posteriors.shape} and {pdfs.shape}"
        )
    frames, num_pdfs = log_posteriors.shape
    if frames == 0:
        return FrameErrors()
    if pdfs.min() < 0 or pdfs.max() >= num_pdfs:
        raise InputError(f"pdf_id out of range 0…{num_pdfs - 1}: {pdfs.min()}…{pdfs.max()}")
    if np.isnan(log_posteriors).any() or np.isposinf(log_posteriors).any():
        raise InputError("posteriors hold nan or +inf")
    wrong = np.argmax(log_posteriors, axis=1) != pdfs
    return FrameErrors(int(np.count_nonzero(wrong)), frames)
