"""What a sequence criterion says about one utterance: value, outer gradient, counts."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from outergrad.arrays import Float32Array, Int32Array, Int64Array


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """What became of an utterance's frames; kept + cancelled + rejected = frames on success."""

    frames: int = 0
    """All frames."""
    kept: int = 0
    """Frames whose outer gradient goes to the trainer."""
    cancelled: int = 0
    """Frames dropped because numerator and denominator agree."""
    rejected: int = 0
    """Frames dropped because the denominator gives (almost) no mass to the reference state."""

    def __add__(self, other: "FrameCounts") -> "FrameCounts":
        """Counts of both."""
        return FrameCounts(
            self.frames + other.frames,
            self.kept + other.kept,
            self.cancelled + other.cancelled,
            self.rejected + other.rejected,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Anchor:
    """The parameters theta' behind an outer gradient, as far as its entries need them."""

    log_posteriors: Float32Array
    """float32 ``[entries]``: log p_theta'(s|x_t) of each entry's state."""
    denominator: Float32Array
    """float32 ``[entries]``: gamma_den of each entry, or minus its value where that is negative
    when the criterion has no denominator (sMBR, MPE)."""
    proximity: Float32Array
    """float32 ``[kept]``: D_t / kappa of each row, weight of the proximal term; 0 without one."""


@dataclass(frozen=True, slots=True, eq=False)
class OuterGradient:
    """Outer gradient of one utterance, sparse: only kept frames, only states with mass.

    Row k belongs to frame ``frames[k]`` and has the entries ``offsets[k]:offsets[k + 1]`` of `pdfs`
    and `values`. Values are the criterion's derivative in the scaled scores (gamma_num - gamma_den
    for MMI), not multiplied by the acoustic scale; each row sums to `mass`, which is zero for
    every sequence criterion by itself. On failure `reason` says why and there are no rows.
    """

    utterance: str
    """Utterance id."""
    num_frames: int
    """Frames of the utterance."""
    frames: Int32Array
    """int32 ``[kept]``, increasing: frames that are kept."""
    offsets: Int64Array
    """int64 ``[kept + 1]``: row k's entries."""
    pdfs: Int32Array
    """int32 ``[entries]``: pdf_ids."""
    values: Float32Array
    """float32 ``[entries]``: derivative of the criterion, gamma_num - gamma_den for MMI."""
    counts: FrameCounts
    """What became of the frames."""
    value: float
    """Criterion summed over frames: log Z_num - log Z_den for MMI (natural log), minus the
    expected number of wrong frames for sMBR and MPE."""
    reference_missing: bool = False
    """True when beam search lost the reference: the lattice does not say its words, or not with
    its mass (log Z_den < log Z_num). Unless the reference was added to the denominator, the value
    of MMI can then be positive."""
    reason: str | None = None
    """Short code of the failure, None on success."""
    mass: float = 0.0
    """What each row sums to: the share of CE in it (F-smoothing)."""
    anchor: Anchor | None = None
    """What auxiliary functions other than the tangential contact need to know."""

    @property
    def failed(self) -> bool:
        """Whether the utterance gave no outer gradient."""
        return self.reason is not None

    @classmethod
    def failure(cls, utterance: str, num_frames: int, reason: str) -> Self:
        """The outcome of an utterance that could not be aligned, decoded or differentiated."""
        return cls(
            utterance=utterance,
            num_frames=num_frames,
            frames=np.empty(0, dtype=np.int32),
            offsets=np.zeros(1, dtype=np.int64),
            pdfs=np.empty(0, dtype=np.int32),
            values=np.empty(0, dtype=np.float32),
            counts=FrameCounts(frames=num_frames),
            value=float("nan"),
            reason=reason,
        )
