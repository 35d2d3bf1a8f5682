"""Which sequence criterion, what it sums over, and which frames reach the trainer."""

from dataclasses import dataclass
from enum import StrEnum

from outergrad.errors import InputError


class Kind(StrEnum):
    """The sequence criteria; all are maximised, and 0 is the largest value that each can have."""

    MMI = "mmi"
    """log of the transcript's share of the probability mass."""
    BMMI = "bmmi"
    """The same with competitors made likelier the more frames they get wrong."""
    SMBR = "smbr"
    """Minus the expected number of frames in a wrong state."""
    MPE = "mpe"
    """Minus the expected number of frames in a wrong phone."""

    @property
    def label(self) -> str:
        """The name as people write it."""
        return {"mmi": "MMI", "bmmi": "bMMI", "smbr": "sMBR", "mpe": "MPE"}[self.value]


class Sum(StrEnum):
    """Which alignments of a word string its weight sums over (docs/derivations/criteria.md)."""

    BEST_ALIGNMENT = "best-alignment"
    """One alignment, the best, per word string."""
    ALL_ALIGNMENTS = "all-alignments"
    """All of them."""


@dataclass(frozen=True, slots=True)
class CriterionConfig:
    """Which frames reach the trainer, and how each criterion counts errors."""

    rejection: float = 0.001
    """A frame is rejected when gamma_den(reference state) is below this (0 = never)."""
    cancellation: float = 0.01
    """A frame cancels when its row of the outer gradient has less absolute mass than this
    (0 = only without any)."""
    add_reference: bool = False
    """MMI, bMMI: when beam search lost the reference, add the numerator's mass to the denominator.
    The criterion is then at most 0, and frames are rejected only where the share of that mass
    is below `rejection`, as for any reference far worse than the best path."""
    boost: float = 0.1
    """bMMI: nats by which a wrong frame makes a competitor likelier."""
    silence_error: float = 0.0
    """bMMI: error of a frame of silence that the reference does not have, 0 ... 1."""
    one_silence_class: bool = True
    """sMBR, MPE: all states of all silences count as one; otherwise a silence is never right."""
    silence_weight: float = 1.0
    """Factor on the outer gradient of frames whose reference is silence (0 = they cancel)."""
    smoothing: float = 0.0
    """Share of CE towards the current numerator, per frame (F-smoothing); 1: the numerator
    alone, without any denominator, which is the paper's control."""

    def __post_init__(self) -> None:
        for name in ("rejection", "silence_error", "smoothing"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InputError(f"criterion: {name} is {getattr(self, name)}, must be in [0, 1]")
        if not 0.0 <= self.cancellation <= 2.0:
            raise InputError(f"criterion: cancellation is {self.cancellation}, must be in [0, 2]")
        for name in ("boost", "silence_weight"):
            if not 0.0 <= getattr(self, name) < float("inf"):
                raise InputError(f"criterion: {name} is {getattr(self, name)}, must be 0 or more")
