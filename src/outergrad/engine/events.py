"""What a training run tells whoever watches it."""

from collections.abc import Callable
from dataclasses import dataclass

from outergrad.engine.result import Staleness
from outergrad.engine.roster import Presence
from outergrad.workers.messages import Evaluation


@dataclass(frozen=True, slots=True)
class Statistics:
    """How the run is doing; sent about once a second."""

    time: float
    """Seconds since the stage started, virtual ones where the engine's are."""
    watched: float
    """Seconds since the training was started or resumed, of the person who waits; rates are per
    second of these."""
    updates: int
    """Server updates."""
    epoch: float
    """Visits done, divided by the number of utterances."""
    epochs: int
    """Visits of each utterance at most."""
    visits: int
    """Visits done, failed ones among them."""
    failed: int
    """Visits without an outer gradient."""
    rate: float
    """Learning rate."""
    queues: tuple[int, ...]
    """Outer gradients waiting, by replica."""
    queue: int
    """As many may be waiting or in the making, for each replica."""
    updates_per_second: float
    """Since the last report."""
    utterances_per_second: float
    """Since the last report."""
    frames_per_second: float
    """Frames of speech, kept or not, that replicas took up since the last report."""
    outer: Staleness | None
    """Ages of outer gradients, over recent pushes; None before the first."""
    inner: Staleness | None
    """Ages of the replicas' parameters, over recent pushes; None before the first."""
    criterion: float | None
    """Criterion per frame of the utterances last used in training; None before the first."""
    best: float
    """Largest held-out criterion per frame so far; -inf before the first evaluation."""
    roster: tuple[Presence, ...]
    """Who is at work, by role."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Held-out data were evaluated."""

    evaluation: Evaluation
    """Request and result."""
    best: bool
    """Whether these are the best parameters so far."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know."""

    text: str
    """One or several lines."""


Event = Statistics | Evaluated | Notice
Listener = Callable[[Event], None]
"""Called in the thread that called `train`; must return soon."""
