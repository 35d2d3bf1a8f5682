"""The picture of a sequence training that is under way: state → rich renderable.

Nothing here prints: `Progress.board` decides whether there is a terminal to show it on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from rich.console import RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from outergrad.engine.events import Evaluated, Event, Statistics
from outergrad.engine.result import Staleness
from outergrad.engine.roster import Presence

SMOOTHING_SECONDS = 10.0
"""Rates are means over about so long."""
STEADY_SECONDS = 3.0
"""Nothing is said of the time that is left before visits have gone on for so long."""
FEW_QUEUES = 6
"""More queues than that are summed up."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Smoothed rates, per second of the person who waits."""

    utterances: float
    """Visits done."""
    updates: float
    """Server updates."""
    frames: float
    """Frames of speech taken up."""

    @classmethod
    def of(cls, now: Statistics) -> Self:
        """Rates as they are now."""
        return cls(now.utterances_per_second, now.updates_per_second, now.frames_per_second)

    def towards(self, now: Statistics, seconds: float) -> "Pace":
        """Exponentially smoothed, `seconds` after the last time."""
        share = min(1.0, max(0.0, seconds) / SMOOTHING_SECONDS)
        new = Pace.of(now)
        return Pace(
            self.utterances + share * (new.utterances - self.utterances),
            self.updates + share * (new.updates - self.updates),
            self.frames + share * (new.frames - self.frames),
        )


@dataclass(frozen=True, slots=True)
class Training:
    """What is known of a training; `after` an event it is another one."""

    title: str
    """What is trained, where."""
    utterances: int
    """Utterances in the training set."""
    frame_seconds: float = 0.01
    """Seconds from one frame to the next."""
    virtual: bool = False
    """Whether the engine's time, in which ages are told, is not that of the person who waits."""
    now: Statistics | None = None
    """The last report."""
    pace: Pace | None = None
    """Smoothed rates."""
    begin: Statistics | None = None
    """The first report after visits had begun."""
    evaluated: Evaluated | None = None
    """The last evaluation."""

    def after(self, event: Event) -> "Training":
        """The same once `event` has been heard."""
        match event:
            case Evaluated():
                return replace(self, evaluated=event)
            case Statistics():
                if self.begin is None and not event.visits:
                    return replace(self, now=event)
                if self.pace is None or self.now is None or self.begin is None:
                    return replace(self, now=event, pace=Pace.of(event), begin=event)
                pace = self.pace.towards(event, event.watched - self.now.watched)
                return replace(self, now=event, pace=pace)
            case _:
                return self

    @property
    def total(self) -> int:
        """Visits at most."""
        return 0 if self.now is None else self.now.epochs * self.utterances

    @property
    def seconds_left(self) -> float | None:
        """Until all epochs are done, at the mean speed so far; None when that is not known yet.

        Of the person who waits, whatever the engine's time is.
        """
        if self.now is None or self.begin is None:
            return None
        seconds = self.now.watched - self.begin.watched
        visits = self.now.visits - self.begin.visits
        if seconds < STEADY_SECONDS or visits <= 0:
            return None
        return (self.total - self.now.visits) * seconds / visits

    def __rich__(self) -> RenderableType:
        return training_panel(self)


def training_panel(training: Training) -> RenderableType:
    """The panel of a training: who works, how fast, how old gradients are, what came of it."""
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    now = training.now
    if now is None:
        table.add_row("workers", "starting")
    else:
        total = max(training.total, 1)
        table.add_row("progress", ProgressBar(total=total, completed=min(now.visits, total)))
        table.add_row("", _time(training, now))
        table.add_row("workers", _roster(now.roster))
        table.add_row("speed", _speed(training))
        table.add_row("queues", _queues(now.queues, now.queue))
        seconds = "virtual s" if training.virtual else "s"
        table.add_row("outer age", _ages(now.outer, seconds))
        table.add_row("inner age", _ages(now.inner, seconds))
        table.add_row("criterion", _criterion(now, training.evaluated))
        table.add_row("rate", f"{now.rate:g}, after {now.updates} updates")
    return Panel(table, title=Text(training.title), title_align="left", padding=(0, 1))


def _time(training: Training, now: Statistics) -> str:
    left = training.seconds_left
    # Real time goes on where a training was resumed, virtual time says nothing of how long it took.
    gone = now.watched if training.virtual else now.time
    return (
        f"epoch {now.epoch:.2f} of {now.epochs}, {now.visits} of {training.total} utterances, "
        f"{clock(gone)} gone, {'?' if left is None else clock(left)} left at most"
        + (f", {clock(now.time)} of virtual time" if training.virtual else "")
        + (f", {now.failed} failed" if now.failed else "")
    )


def clock(seconds: float) -> str:
    """A duration as minutes:seconds or hours:minutes:seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _roster(roster: Sequence[Presence]) -> Text:
    text = Text()
    for presence in roster:
        if text:
            text.append(", ")
        missing = presence.alive < presence.wanted
        count = f"{presence.alive} of {presence.wanted}" if missing else f"{presence.alive}"
        name = presence.role if presence.wanted == 1 else f"{presence.role}s"
        text.append(f"{count} {name}", style="yellow" if missing else "")
        if presence.restarts:
            text.append(f" ({presence.restarts} restarted)", style="yellow")
    return text


def _speed(training: Training) -> str:
    pace = training.pace
    if pace is None:
        return "nothing done yet"
    return (
        f"{pace.utterances:.1f} utterances/s, {pace.updates:.1f} updates/s, "
        f"{pace.frames * training.frame_seconds:.3g} × real time"
    )


def _queues(queues: Sequence[int], size: int) -> str:
    if len(queues) <= FEW_QUEUES:
        return ", ".join(f"{length} of {size}" for length in queues)
    mean, empty = sum(queues) / len(queues), sum(not length for length in queues)
    return f"{mean:.1f} of {size} on average, {empty} of {len(queues)} empty"


def _ages(ages: Staleness | None, unit: str) -> str:
    if ages is None:
        return "nothing pushed yet"
    updates, seconds = ages.updates, ages.seconds
    return (
        f"median {updates.median:.3g} updates, {seconds.median:.2g} {unit}; "
        f"95 % below {updates.p95:.3g} updates, {seconds.p95:.2g} {unit}"
    )


def _criterion(now: Statistics, evaluated: Evaluated | None) -> str:
    said = []
    if now.criterion is not None:
        said.append(f"in training {now.criterion:.5f}")
    if evaluated is not None:
        held_out, request = evaluated.evaluation.held_out, evaluated.evaluation.request
        best = ", the best" if evaluated.best else ""
        said.append(
            f"held out {held_out.criterion:.5f}, WER {held_out.wer:.1f} % "
            f"(update {request.updates}{best})"
        )
    return "; ".join(said) or "not known yet"
