"""The sources of sequence training with a meter: what each piece of work takes of the processor.

Processor time, not wall time, so that other programs on the machine hardly count. A source's own
work is timed by itself; what its process does between two pieces of work (messages, pulls, pushes)
is the rest.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outergrad.arrays import Float32Array
from outergrad.criteria.outcome import OuterGradient
from outergrad.errors import RunError
from outergrad.recipes.roles import DecoderSource, EvaluatorSource, ReplicaSource
from outergrad.records import RecordWriter, read_records
from outergrad.workers.messages import HeldOut
from outergrad.workers.program import Batch, Factory, Program

WARM_UP = 0.2
"""Share of the pieces of work, the first ones, that do not count: memory is touched, kernels are
loaded."""


class _Metered:
    """A source and what its process has taken so far."""

    def __init__(self, folder: str, role: str, source: Any) -> None:
        self._source = source
        self._records = RecordWriter(Path(folder) / f"{role}-{os.getpid()}.jsonl", "calibration")
        self._loading = 0.0

    def load(self, parameters: Float32Array) -> None:
        """Use these parameters from now on."""
        begin = time.thread_time()
        self._source.load(parameters)
        self._loading += time.thread_time() - begin

    def _done(self, begin: float, frames: int) -> None:
        """A piece of work, begun at thread time `begin`, is done."""
        self._records.write(
            "work",
            time.process_time(),
            seconds=time.thread_time() - begin,
            loading=self._loading,
            frames=frames,
        )
        self._loading = 0.0


class MeteredOuter(_Metered):
    """A decoder's source."""

    def __init__(self, folder: str, **arguments: Any) -> None:
        """Meter a `DecoderSource` made with `arguments`; records go to `folder`."""
        super().__init__(folder, "decoder", DecoderSource(**arguments))

    @property
    def kept(self) -> Any:
        """What it keeps for later utterances."""
        return self._source.kept

    @kept.setter
    def kept(self, kept: Any) -> None:
        self._source.kept = kept

    def seen(self, updates: int) -> None:
        """The parameters have seen so many updates."""
        self._source.seen(updates)

    def compute(self, utterance: str) -> OuterGradient:
        """Outer gradient of an utterance."""
        begin = time.thread_time()
        outer: OuterGradient = self._source.compute(utterance)
        self._done(begin, outer.num_frames)
        return outer


class MeteredInner(_Metered):
    """A replica's source."""

    def __init__(self, folder: str, **arguments: Any) -> None:
        """Meter a `ReplicaSource` made with `arguments`; records go to `folder`."""
        super().__init__(folder, "replica", ReplicaSource(**arguments))

    def gradient(self, batch: Batch) -> Float32Array:
        """Inner gradient of a batch."""
        begin = time.thread_time()
        gradient: Float32Array = self._source.gradient(batch)
        self._done(begin, len(batch.frames))
        return gradient


class MeteredEvaluation(_Metered):
    """The evaluator's source."""

    def __init__(self, folder: str, **arguments: Any) -> None:
        """Meter an `EvaluatorSource` made with `arguments`; records go to `folder`."""
        super().__init__(folder, "evaluator", EvaluatorSource(**arguments))

    def evaluate(self) -> HeldOut:
        """Statistics of held-out data."""
        begin = time.thread_time()
        held_out: HeldOut = self._source.evaluate()
        self._done(begin, 0)
        return held_out


def metered(program: Program, folder: Path, utterances: tuple[str, ...]) -> Program:
    """`program`, made by `sequence_program`, with meters, on some of its utterances."""

    def meter(kind: type[_Metered], factory: Factory) -> Factory:
        return Factory.of(kind, folder=str(folder), **factory.arguments)

    return Program(
        outer=meter(MeteredOuter, program.outer),
        inner=meter(MeteredInner, program.inner),
        evaluator=meter(MeteredEvaluation, program.evaluator),
        parameters=program.parameters,
        utterances=utterances,
        trained=program.trained,
    )


@dataclass(frozen=True, slots=True)
class Work:
    """One role's pieces of work; seconds of a core."""

    seconds: tuple[float, ...]
    """Of the source alone, per piece."""
    frames: tuple[int, ...]
    """Frames of each piece."""
    loading: float
    """Loading of parameters, mean per piece."""
    between: float
    """What else the process did, mean per piece."""

    @classmethod
    def read(cls, folder: Path, role: str) -> "Work":
        """What the one process of a role has written to `folder`.

        Raises:
            RunError: it has done too little, or died on the way, so that there were two.
        """
        paths = list(folder.glob(f"{role}-*.jsonl"))
        if len(paths) != 1:
            raise RunError(
                f"{len(paths)} processes of role {role} have measured what work costs, not one: "
                "some died (killed, or out of memory?); run it again"
            )
        return cls.of(list(read_records(paths[0])))

    @classmethod
    def of(cls, records: Sequence[dict[str, Any]]) -> "Work":
        """From records in the order of time."""
        first = int(WARM_UP * len(records))
        counted = records[first + 1 :]
        if not counted:
            raise RunError(
                f"too little was done to measure what it costs ({len(records)} pieces of work): "
                "take more speech, or speech that the CE model does not recognize so well"
            )
        total = counted[-1]["time"] - records[first]["time"]
        work = sum(record["seconds"] for record in counted)
        loading = sum(record["loading"] for record in counted)
        return cls(
            seconds=tuple(record["seconds"] for record in counted),
            frames=tuple(record["frames"] for record in counted),
            loading=loading / len(counted),
            between=max(0.0, total - work - loading) / len(counted),
        )
