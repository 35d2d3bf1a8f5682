"""What roles say to one another: frozen, picklable, stamped with versions and time."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from outergrad.criteria.outcome import OuterGradient
from outergrad.gradient.gap import Gap


class Signal(Enum):
    """Answer to a request that cannot be answered with work."""

    LATER = "later"
    """Nothing now; ask again when something has happened."""
    END = "end"
    """Nothing any more."""


@dataclass(frozen=True, slots=True)
class Age:
    """How old parameters are at the moment when something computed from them is used."""

    updates: float
    """Server updates since, mean over shards."""
    seconds: float
    """Time since, in seconds."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which parameters something was computed at."""

    versions: tuple[float, ...]
    """Per shard: its version; not whole where it is a mean over frames."""
    time: float
    """When they were pulled, in seconds since the stage started."""

    def age(self, versions: Sequence[float], now: float) -> Age:
        """Age at server versions `versions` and time `now`; never less than zero.

        A shard restored from an older snapshot than its siblings may be behind what workers hold.
        """
        behind = sum(versions) - sum(self.versions)
        return Age(max(0.0, behind / len(self.versions)), max(0.0, now - self.time))

    @classmethod
    def mean(cls, stamps: Sequence["Stamp"], weights: Sequence[float]) -> "Stamp":
        """Weighted mean of stamps, for what was computed from several of them."""
        total = sum(weights)
        versions = tuple(
            sum(w * v for w, v in zip(weights, shard, strict=True)) / total
            for shard in zip(*(stamp.versions for stamp in stamps), strict=True)
        )
        time = sum(w * s.time for w, s in zip(weights, stamps, strict=True)) / total
        return cls(versions, time)


@dataclass(frozen=True, slots=True)
class Assignment:
    """An utterance handed to a decoder."""

    visit: int
    """Names this visit of the utterance; a second hand-out has a number of its own."""
    utterance: str
    """Utterance id."""
    replica: int
    """Replica whose subset it belongs to."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a decoder made of an utterance."""

    assignment: Assignment
    """What it had been given."""
    outer: OuterGradient
    """Outer gradient, or the reason why there is none."""
    stamp: Stamp
    """Parameters it was computed at."""
    decoder: int
    """Who computed it."""
    gap: Gap | None = None
    """How far another, older outer gradient is from the criterion, when that was measured."""


@dataclass(frozen=True, slots=True)
class PushNote:
    """What goes with a pushed inner gradient."""

    replica: int
    """Who computed it."""
    inner: Stamp
    """Parameters the replica held (the oldest, when several steps were added up)."""
    outer: Stamp
    """Parameters the decoders had, mean over the frames of the batch."""
    frames: int
    """Frames that the gradient sums over."""
    finished: tuple[int, ...]
    """Visits all of whose frames have been used with this push."""
    stamps: tuple[Stamp, ...] = ()
    """Parameters the replica held at each of the batches, in order."""
    norm: float | None = None
    """Euclidean norm of the gradient before it was clipped; None: nobody clips, so nobody asked."""
    clipped: bool = False
    """Whether the gradient was scaled down to the largest norm allowed."""


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """Asks the evaluator to measure the parameters frozen for it."""

    number: int
    """Counts evaluations, the one before the first update is 0."""
    updates: int
    """Server updates when they were frozen."""
    epoch: float
    """Visits completed by then, divided by the number of utterances."""
    rate: float
    """Learning rate then."""
    time: float
    """When they were frozen, in seconds since the stage started."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Statistics of held-out data at one parameter vector."""

    criterion: float
    """Criterion per frame, natural log; larger is better."""
    substitutions: int = 0
    """Word errors with the weak language model."""
    insertions: int = 0
    """Words too many."""
    deletions: int = 0
    """Words missing."""
    words: int = 0
    """Words of the references."""
    frame_error: float = float("nan")
    """Frames whose best pdf is not the aligned one, in %."""
    failed: int = 0
    """Utterances that the criterion does not cover: they could not be searched or aligned."""
    without_reference: int = 0
    """Utterances that the criterion cannot cover at any parameters: words without pronunciation or
    language model probability, no alignment from the bootstrap. Their word errors count."""

    @property
    def errors(self) -> int:
        """Word errors of all three kinds."""
        return self.substitutions + self.insertions + self.deletions

    @property
    def wer(self) -> float:
        """Word error rate in %; nan without words."""
        return 100.0 * self.errors / self.words if self.words else float("nan")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluator's answer."""

    request: EvaluationRequest
    """What was asked."""
    held_out: HeldOut
    """What was measured."""
