"""What a session writes down: its records, by kind and field, and the trace of their order."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from outergrad.gradient.gap import Gap
from outergrad.ps.shard import PushOutcome
from outergrad.records import RecordSink, RewindableSink
from outergrad.workers.messages import Age, Evaluation, Outcome, PushNote, Stamp


class Recorder:
    """Turns what happens into lines; without sinks it does nothing. Times are the session's."""

    def __init__(self, records: RecordSink | None, trace: RecordSink | None) -> None:
        self._records = records
        self._trace = trace

    # ---- the trace ----

    def follow(
        self, kind: str, time: float, *, stamps: Sequence[Stamp] | None = None, **fields: Any
    ) -> None:
        """A turn of a worker, or what ends its turns, and the parameters that it came from."""
        if self._trace is None:
            return
        if stamps is not None:
            fields["stamps"] = [[list(stamp.versions), stamp.time] for stamp in stamps]
        self._trace.write(kind, time, **fields)

    # ---- records ----

    def _write(self, kind: str, time: float, **fields: Any) -> None:
        if self._records is not None:
            self._records.write(kind, time, **fields)

    def outer(self, time: float, outcome: Outcome, age: Age) -> None:
        """An outer gradient is used, at that age, or was found to be of no use."""
        outer, counts = outcome.outer, outcome.outer.counts
        self._write(
            "outer",
            time,
            utterance=outer.utterance,
            frames=counts.frames,
            kept=counts.kept,
            cancelled=counts.cancelled,
            rejected=counts.rejected,
            value=outer.value,
            reason=outer.reason,
            outer_age_updates=age.updates,
            outer_age_seconds=age.seconds,
            decoder=outcome.decoder,
        )

    def gap(self, time: float, gap: Gap, decoder: int) -> None:
        """A decoder has measured how far an auxiliary function is from the criterion."""
        self._write(
            "gap",
            time,
            utterance=gap.utterance,
            frames=gap.frames,
            before=gap.before,
            criterion=gap.value,
            auxiliary=gap.auxiliary,
            gap=gap.per_frame,
            outer_age_updates=gap.age,
            decoder=decoder,
        )

    def push(
        self,
        time: float,
        note: PushNote,
        results: Sequence[PushOutcome],
        outer: Age,
        inner: Age,
        updates: int,
    ) -> None:
        """Shards have had a push, the parameters have seen so many updates with it."""
        refused = [result.value for result in results if result is not PushOutcome.APPLIED]
        self._write(
            "push",
            time,
            replica=note.replica,
            frames=note.frames,
            outer_age_updates=outer.updates,
            outer_age_seconds=outer.seconds,
            inner_age_updates=inner.updates,
            inner_age_seconds=inner.seconds,
            updates=updates,
            norm=note.norm,
            clipped=note.clipped,
            **({"refused": refused} if refused else {}),
        )

    def evaluation(self, evaluation: Evaluation) -> None:
        """Held-out data was measured, under the time when the parameters were current."""
        request, held_out = evaluation.request, evaluation.held_out
        self._write(
            "evaluation",
            request.time,
            updates=request.updates,
            epoch=request.epoch,
            criterion=held_out.criterion,
            wer=held_out.wer,
            sub=held_out.substitutions,
            ins=held_out.insertions,
            words=held_out.words,
            frame_error=held_out.frame_error,
            failed=held_out.failed,
            rate=request.rate,
            **{"del": held_out.deletions},
        )

    def restart(self, time: float, role: str, index: int, why: str) -> None:
        """A worker died."""
        self._write("restart", time, role=role, index=index, why=why.splitlines()[0])

    def resumed(self, time: float, updates: int) -> None:
        """The run goes on from a snapshot; in records and trace."""
        self.follow("resumed", time, updates=updates)
        self._write("resumed", time, updates=updates)

    # ---- snapshots ----

    def lengths(self) -> dict[str, int]:
        """By name, how much there is of what can be cut back."""
        return {name: sink.length for name, sink in self._files()}

    def cut(self, lengths: Mapping[str, int]) -> None:
        """Cut back to `lengths`; what came after them will happen again."""
        for name, sink in self._files():
            if name in lengths:
                sink.cut(lengths[name])

    def _files(self) -> Iterator[tuple[str, RewindableSink]]:
        for name, sink in (("records", self._records), ("trace", self._trace)):
            if isinstance(sink, RewindableSink):
                yield name, sink
