"""Settings of asynchronous training."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from outergrad.errors import InputError
from outergrad.ps.rules import RuleConfig
from outergrad.ps.staleness import StalenessConfig
from outergrad.workers.messages import Stamp


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """When a decoder refreshes its parameters; it always does before its first utterance."""

    kind: Literal["utterance", "seconds", "updates", "synchronous", "never"] = "utterance"
    """utterance: before each one. seconds, updates: when `every` have passed since the last
    time. synchronous: all decoders together, each before its first utterance after the times
    `every`, 2 `every`, … of the run. never: it keeps the parameters that it started with."""
    every: float = 0.0
    """Seconds or server updates between refreshes."""

    def __post_init__(self) -> None:
        if self.kind in ("seconds", "updates", "synchronous") and not self.every > 0:
            raise InputError(f"fetch policy {self.kind}: every = {self.every} must be positive")

    def due(self, held: Stamp, versions: Sequence[float], now: float) -> bool:
        """Whether parameters `held` are to be refreshed, the server being at `versions`."""
        match self.kind:
            case "utterance":
                return True
            case "never":
                return False
            case "seconds":
                return held.age(versions, now).seconds >= self.every
            case "updates":
                return held.age(versions, now).updates >= self.every
            case "synchronous":
                return now // self.every > held.time // self.every


@dataclass(frozen=True, slots=True)
class ScheduleConfig:
    """Learning rate, evaluations, when to stop."""

    rate: float = 1e-3
    """Learning rate at the start, per frame of the batch: gradients are summed over frames."""
    epochs: int = 4
    """Visits of each utterance at most."""
    decay: float = 0.1
    """The rate is multiplied by this when the held-out criterion flattens."""
    patience: int = 1
    """Evaluations in a row without improvement that count as flat."""
    min_improvement: float = 0.01
    """Improvement that counts, as a part of the size of the best criterion so far."""
    max_decays: int = 2
    """A further plateau after so many decays stops the run."""
    select: Literal["wer", "criterion", "last"] = "wer"
    """What says which parameters are kept. criterion: the held-out criterion. wer: held-out word
    errors, but differences within one standard error do not count, and then the criterion decides:
    late in training it often gets worse (surer of what it gets wrong) while word errors still fall,
    and on little held-out speech word errors are mostly chance. last: those of the last evaluation,
    whatever it says."""
    evaluate_every: int = 0
    """Server updates between evaluations; 0: one at the end of each epoch."""
    divergence: float = 1.0
    """The run diverges when the criterion lies below its start by more than this part of the
    start's size: the best parameters are restored and the rate decays, once."""
    deletion_growth: float = 1.5
    """Warn when deletions exceed this factor of those at the start, plus 1 % of the words."""


@dataclass(frozen=True, slots=True)
class GapConfig:
    """How far auxiliary functions are from the criterion by the time they are used."""

    every: int = 0
    """A decoder measures one utterance in so many, against an outer gradient of its that is about
    as many utterances old; costs two searches. 0: never."""
    limit: float = 0.01
    """Gap per frame, in the criterion's unit, beyond which an outer gradient is too old. In
    trainings by MMI that went well the median was 1e-6 and hardly a gap above 1e-3; sMBR and MPE,
    which gain more per frame, had 1e-5 and single gaps up to 0.05: give them a higher limit."""
    reaction: Literal["none", "refresh", "lower-rate"] = "none"
    """What follows: nothing, the decoder's parameters are refreshed at once, or the learning rate
    is multiplied by `factor`."""
    factor: float = 0.5
    """lower-rate: factor on the learning rate."""

    def __post_init__(self) -> None:
        if self.every < 0 or not self.limit > 0.0 or not 0.0 < self.factor < 1.0:
            raise InputError(
                f"gap: every {self.every} must be 0 or more, limit {self.limit} positive, "
                f"factor {self.factor} between 0 and 1"
            )


@dataclass(frozen=True, slots=True)
class AsyncConfig:
    """Asynchronous training: who there is and how they exchange parameters."""

    replicas: int = 1
    """Model replicas, each with its own subset of the utterances."""
    decoders: int = 1
    """Speech decoders per replica."""
    shards: int = 4
    """Shards of the parameter vector."""
    slots: int = 32
    """Utterances open at a time in a replica, one frame of each per batch (Fig. 2)."""
    queue: int = 8
    """Outer gradients on their way to a replica, computed or being computed, at most."""
    fetch: FetchPolicy = field(default_factory=FetchPolicy)
    """When decoders refresh their parameters."""
    n_fetch: int = 1
    """A replica refreshes its parameters every so many batches."""
    n_push: int = 1
    """A replica pushes the sum of so many batches."""
    clip_norm: float = 0.0
    """Pushed gradients are scaled down to this Euclidean norm; 0: never."""
    rule: RuleConfig = field(default_factory=RuleConfig)
    """Update rule of the shards."""
    staleness: StalenessConfig = field(default_factory=StalenessConfig)
    """What shards do with old pushes; the age is that of the replica's parameters."""
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    """Learning rate, evaluations, when to stop."""
    gap: GapConfig = field(default_factory=GapConfig)
    """Whether outer gradients are too old, and what to do about it."""
    warm_start: int = 0
    """Server updates that the first replica makes alone."""
    snapshot_seconds: float = 60.0
    """Time between snapshots; killing everything costs at most this."""
    backup_seconds: float = 60.0
    """An utterance that a decoder has held for longer is given to an idle one too, and the first
    result counts; 0: never."""
    silent_seconds: float = 60.0
    """A worker process that shows no sign of life for longer is killed and replaced (engine
    `local`); 0: never. A busy worker is never silent, a stopped one is."""
    max_restarts: int = 5
    """Deaths in a row of one worker, without any work done between them, that stop the run."""
    seed: int = 0
    """Order of the utterances and their split among replicas."""

    def __post_init__(self) -> None:
        counts = ("replicas", "decoders", "shards", "slots", "queue", "n_fetch", "n_push")
        for name in counts:
            if getattr(self, name) < 1:
                raise InputError(f"asynchronous training: {name} must be at least 1")
        for name in ("backup_seconds", "silent_seconds", "warm_start", "clip_norm"):
            if getattr(self, name) < 0:
                raise InputError(f"asynchronous training: {name} must not be negative")
