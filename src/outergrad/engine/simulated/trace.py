"""The trace of a run: its turns in order, the parameters that they need, and what it leaves out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from outergrad.arrays import Float32Array
from outergrad.engine.session import Session
from outergrad.errors import InputError, RunError
from outergrad.records import read_records
from outergrad.workers.config import AsyncConfig
from outergrad.workers.messages import Stamp

ROLES = {
    "utterance": "decoder",
    "outcome": "decoder",
    "take": "replica",
    "push": "replica",
    "evaluation": "evaluator",
}
"""Who does what a line of the trace says."""

RECOVERED = "recovered"
"""Between the last turn of workers that trained until a divergence and the first of new ones."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A line of a trace."""

    kind: str
    """What is done: a key of ROLES, "lost", or RECOVERED."""
    role: str
    """By whom, or who died."""
    worker: int
    """Which one."""
    time: float
    """Seconds since the stage started."""
    visit: int | None
    """Which visit it is about; None where it is about none."""
    stamps: tuple[Stamp, ...]
    """Parameters that it was computed at."""


def read_trace(path: Path) -> list[Turn]:
    """The turns of a trace.

    Raises:
        InputError: no trace, or one of a run that was not made in one piece.
    """
    turns = []
    for number, line in enumerate(read_records(path), start=1):
        if line["kind"] == "resumed":
            raise InputError(
                f"{path}:{number}: the run was interrupted and resumed: only a run in one piece "
                "can be replayed"
            )
        try:
            stamps = tuple(Stamp(tuple(v), t) for v, t in line.get("stamps", ()))
            kind, worker = line["kind"], line.get("worker", 0)
            role = "" if kind == RECOVERED else ROLES.get(kind) or line["role"]
            turns.append(Turn(kind, role, worker, line["time"], line.get("visit"), stamps))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}:{number}: not a line of a trace: {error!r}") from error
    if not turns:
        raise InputError(f"{path}: the trace is empty")
    return turns


def refuse_unrecorded(config: AsyncConfig) -> None:
    """Refuse what depends on more than the order that a trace has.

    Other measurements of gaps change nothing or, with the reaction "refresh", which parameters a
    decoder had, and those are in the trace.

    Raises:
        InputError: the learning rate followed measured gaps.
    """
    if config.gap.every and config.gap.reaction == "lower-rate":
        raise InputError(
            "the learning rate followed measured gaps (gap.reaction = lower-rate), and they are "
            "not in the trace"
        )


class History:
    """Versions of shards that workers will still pull, however old they are by then."""

    def __init__(self, session: Session, turns: Sequence[Turn]) -> None:
        self._server = session.server
        self._bounds = session.partition.bounds
        self._wanted: Counter[tuple[int, int]] = Counter()
        for turn in turns:
            for stamp in turn.stamps:
                self._wanted.update((k, int(v)) for k, v in enumerate(stamp.versions))
        self._kept: dict[tuple[int, int], Float32Array] = {}
        self.grow()

    def grow(self) -> None:
        """Keep what the shards hold now, if anybody will want it."""
        keys = enumerate(self._server.versions)
        new = [key for key in keys if self._wanted[key] and key not in self._kept]
        if not new:
            return
        values = self._server.values()
        for key in new:
            begin, end = self._bounds[key[0]], self._bounds[key[0] + 1]
            self._kept[key] = values[begin:end].copy()

    def has(self, stamp: Stamp) -> bool:
        """Whether the shards have got as far as these versions."""
        return all(now >= v for now, v in zip(self._server.versions, stamp.versions, strict=True))

    def copy(self, stamp: Stamp, out: Float32Array) -> None:
        """The parameters at these versions."""
        for shard, version in enumerate(stamp.versions):
            key = (shard, int(version))
            if key not in self._kept:
                raise RunError(f"replay: shard {shard} never was at version {version:g}")
            out[self._bounds[shard] : self._bounds[shard + 1]] = self._kept[key]

    def forget(self, turn: Turn) -> None:
        """A turn is over: what nobody will pull any more is dropped."""
        for stamp in turn.stamps:
            for shard, version in enumerate(stamp.versions):
                key = (shard, int(version))
                self._wanted[key] -= 1
                if not self._wanted[key]:
                    self._kept.pop(key, None)
