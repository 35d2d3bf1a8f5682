"""The server's side of a training run, the same for every engine: shards, coordinator, records.

An engine moves messages between its workers and the methods here, all called from one thread.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from outergrad.arrays import Float32Array
from outergrad.engine.events import Evaluated, Listener, Notice
from outergrad.engine.interrupt import Interrupt
from outergrad.engine.memory import ParameterMemory
from outergrad.engine.meter import Meter
from outergrad.engine.push import Push
from outergrad.engine.recorder import Recorder
from outergrad.engine.result import Staleness, Totals, TrainingResult
from outergrad.engine.roster import Roster
from outergrad.engine.snapshots import Snapshot, SnapshotStore
from outergrad.errors import InputError
from outergrad.gradient.gap import Gap
from outergrad.ps.partition import Partition
from outergrad.ps.server import ServerState
from outergrad.ps.shard import PushOutcome
from outergrad.records import RecordSink
from outergrad.workers.config import AsyncConfig
from outergrad.workers.coordinator import Coordinator
from outergrad.workers.messages import (
    Age,
    Assignment,
    Evaluation,
    EvaluationRequest,
    HeldOut,
    Outcome,
    PushNote,
    Signal,
)
from outergrad.workers.ports import Clock
from outergrad.workers.program import Program
from outergrad.workers.schedule import Verdict

STATISTICS_SECONDS = 1.0
"""Time between reports to the listener."""


class Session:
    """Shards, coordinator, records, snapshots and listener of one run."""

    def __init__(
        self,
        program: Program,
        config: AsyncConfig,
        memory: ParameterMemory,
        clock: Clock,
        *,
        listener: Listener | None = None,
        records: RecordSink | None = None,
        trace: RecordSink | None = None,
        store: SnapshotStore | None = None,
        interrupt: Interrupt | None = None,
        watch: Clock | None = None,
    ) -> None:
        """A session whose time is told by `clock`.

        Snapshots and reports to the listener follow `watch`, the time of the person who waits,
        where that is another one.
        """
        self.program = program
        self.config = config
        self.memory = memory
        self.partition = Partition.even(program.parameters.size, config.shards)
        self.coordinator = Coordinator(program, config)
        self.totals = Totals()
        self._clock = clock
        self._elapsed = 0.0
        self._latest = 0.0
        self._listener = listener
        self._recorder = Recorder(records, trace)
        self._store = store
        self._interrupt = interrupt
        self._watch = watch or self.now
        self._best: Float32Array | None = None
        self._best_evaluation: Evaluation | None = None
        self._evaluations: list[Evaluation] = []
        self._begin = self._last_snapshot = self._last_look = self._watch()
        self.roster = Roster(config)
        self._meter = Meter()
        self._meter.begin(0.0, self.coordinator)
        rule = config.rule.rule()
        self._serve(
            ServerState(
                program.parameters,
                rule.init(program.parameters),
                self.partition,
                (0,) * config.shards,
            )
        )

    def _serve(self, state: ServerState) -> None:
        """Fill the shards; no worker is running.

        They start at the schedule's present rate. On a cluster a push of a worker that has just
        been killed can still be under way, and must not meet the rate that a run diverged at.
        """
        schedule = dataclasses.replace(self.config.schedule, rate=self.coordinator.schedule.rate)
        config = dataclasses.replace(self.config, schedule=schedule)
        self.server = self.memory.serve(state, self.partition, config)
        self.memory.publish(self.server.versions)

    def now(self) -> float:
        """Seconds since the stage started, earlier parts of a resumed run included.

        They never run backwards, whatever the clock does.
        """
        self._latest = max(self._latest, self._elapsed + self._clock())
        return self._latest

    @property
    def finished(self) -> bool:
        """Whether workers can go home."""
        return self.coordinator.check_finished()

    # ---- what workers ask for and bring ----

    def next_utterance(self, decoder: int) -> Assignment | Signal:
        """Work for a decoder."""
        now = self.now()
        answer = self.coordinator.next_utterance(decoder, now)
        if isinstance(answer, Assignment):
            self._recorder.follow("utterance", now, worker=decoder, visit=answer.visit)
        return answer

    def decoded(self, outcome: Outcome) -> None:
        """A decoder brings its result; a failed one is recorded here, others when they are used."""
        self._recorder.follow(
            "outcome",
            self.now(),
            worker=outcome.decoder,
            visit=outcome.assignment.visit,
            stamps=[outcome.stamp],
        )
        if not self.coordinator.decoded(outcome):
            return
        self.totals.count(outcome)
        if outcome.gap is not None:
            self._measured(outcome.gap, outcome.decoder)
        if not len(outcome.outer.frames):
            self._record_outer(outcome)
            self._freeze_if_due()

    def _measured(self, gap: Gap, decoder: int) -> None:
        """A decoder has measured how far an auxiliary function is from the criterion."""
        lowered = self.coordinator.gap_measured(gap.per_frame)
        self._recorder.gap(self.now(), gap, decoder)
        if lowered:
            self.notice(
                f"the outer gradients are too old (gap {gap.per_frame:.3g} per frame): "
                f"learning rate {self.coordinator.schedule.rate:g}"
            )

    def next_outcome(self, replica: int) -> Outcome | Signal:
        """An outer gradient for a slot of a replica."""
        answer = self.coordinator.next_outcome(replica)
        if answer is Signal.LATER:
            return answer
        visit = answer.assignment.visit if isinstance(answer, Outcome) else None
        self._recorder.follow("take", self.now(), worker=replica, visit=visit)
        if isinstance(answer, Outcome):
            self._record_outer(answer)
        return answer

    def _record_outer(self, outcome: Outcome) -> None:
        self._meter.used(outcome)
        now = self.now()
        age = outcome.stamp.age(self.server.versions, now)
        self._recorder.outer(now, outcome, age)

    def push(self, gradient: Float32Array, note: PushNote) -> None:
        """Apply a replica's gradient, float32 of the trained parameters."""
        push = self.arriving(gradient, note)
        push.apply()
        self.pushed(push)

    def arriving(self, gradient: Float32Array, note: PushNote) -> Push:
        """A push that the caller applies shard by shard and then gives to `pushed`."""
        return Push(self, gradient, note)

    def heard(
        self, note: PushNote, results: Sequence[PushOutcome], versions: Sequence[int]
    ) -> None:
        """Shards that live elsewhere, at `versions` before, have had their parts of a push."""
        now = self.now()
        self._pushed(note, results, note.outer.age(versions, now), note.inner.age(versions, now))

    def pushed(self, push: Push) -> None:
        """All shards have had their part of a push."""
        self._pushed(push.note, push.results, push.outer, push.inner)

    def _pushed(
        self, note: PushNote, results: Sequence[PushOutcome], outer: Age, inner: Age
    ) -> None:
        now = self.now()
        self._recorder.follow(
            "push",
            now,
            worker=note.replica,
            stamps=note.stamps,
        )
        applied = PushOutcome.APPLIED in results
        self.coordinator.pushed(note, applied=applied)
        self.totals.outer.add(outer)
        self.totals.inner.add(inner)
        self._meter.pushed(outer, inner)
        if PushOutcome.REJECTED in results:
            self.notice(
                f"replica {note.replica} pushed a gradient that is not finite; it was refused"
            )
        self._recorder.push(now, note, results, outer, inner, self.coordinator.updates)
        self._freeze_if_due()

    def start(self) -> None:
        """To be called before workers start: the parameters they start from are evaluated first."""
        self._freeze_if_due()

    def _freeze_if_due(self) -> None:
        if self.coordinator.open_evaluation(self.now()) is not None:
            self.server.pull(self.memory.frozen)

    def next_evaluation(self) -> EvaluationRequest | Signal:
        """Work for the evaluator; the parameters to evaluate are frozen."""
        return self.coordinator.next_evaluation()

    def evaluated(self, evaluation: Evaluation) -> None:
        """The evaluator brings its result."""
        self._recorder.follow("evaluation", self.now(), worker=0)
        judgement = self.coordinator.evaluated(evaluation)
        self._evaluations.append(evaluation)
        if judgement.best:
            self._best = self.memory.frozen.copy()
            self._best_evaluation = evaluation
        self._freeze_if_due()
        self._recorder.evaluation(evaluation)
        if self._listener is not None:
            self._listener(Evaluated(evaluation, judgement.best))
        for warning in judgement.warnings:
            self.notice(warning)
        if judgement.verdict is not Verdict.GO_ON:
            rate = self.coordinator.schedule.rate
            self.notice(
                f"{judgement.verdict.value} (criterion {evaluation.held_out.criterion:.4g}, "
                f"learning rate {rate:g})"
            )

    def worker_lost(self, role: str, index: int, why: str) -> None:
        """A worker died; what it had in hand is handed out again."""
        self._recorder.follow("lost", self.now(), role=role, worker=index)
        self.totals.restarts += 1
        self.roster.restarted(role)
        again = ""
        if role == "decoder":
            assignment = self.coordinator.decoder_lost(index)
            if assignment is not None:
                again = f"; utterance {assignment.utterance} is handed out again"
        elif role == "replica":
            lost = self.coordinator.replica_lost(index)
            again = f"; {lost} utterances are handed out again" if lost else ""
        self._recorder.restart(self.now(), role, index, why)
        self.notice(f"{role} {index} died and is restarted{again}: {why}")
        # A visit given up because of this death may have been the last one of an epoch.
        self._freeze_if_due()

    # ---- what happens beside ----

    def notice(self, text: str) -> None:
        """Tell the person who watches."""
        if self._listener is not None:
            self._listener(Notice(text))

    def tick(self) -> None:
        """To be called often, between messages: snapshots, statistics, interruption.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed; nothing is half done.
        """
        if self._interrupt is not None:
            self._interrupt.check()
        watch = self._watch()
        if watch - self._last_snapshot >= self.config.snapshot_seconds:
            self.save()
        if self._listener is not None and watch - self._last_look >= STATISTICS_SECONDS:
            statistics = self._meter.statistics(
                self.now(), watch - self._begin, self.coordinator, self.config, self.roster
            )
            self._listener(statistics)
            self._last_look = self._watch()

    # ---- beginnings and ends ----

    def save(self) -> None:
        """Write a snapshot, when there is a place for it."""
        self._last_snapshot = self._watch()
        if self._store is None:
            return
        best = self._best_evaluation
        # First the state: the counts of shards that live elsewhere are as old as their last copy.
        state = self.server.state()
        run = {
            "time": self.now(),
            "coordinator": self.coordinator.state(),
            "best": None if best is None else dataclasses.asdict(best),
            **self.totals.state(self.server.counts()),
            "lengths": self._recorder.lengths(),
        }
        self._store.save(self.coordinator.updates, Snapshot(state, self._best, run))

    def resume(self) -> bool:
        """Go on from the newest snapshot; False when there is none. No worker is running.

        What was recorded after the snapshot will happen again, and is cut off.
        """
        snapshot = self._store.load(self.notice) if self._store is not None else None
        if snapshot is None:
            return False
        if snapshot.server.values.size != self.program.parameters.size:
            raise InputError(
                f"the snapshot has {snapshot.server.values.size} parameters, "
                f"the model has {self.program.parameters.size}: start again or use its model"
            )
        run = snapshot.run
        self.coordinator.restore(run["coordinator"])
        self._serve(snapshot.server)
        self._best = snapshot.best
        self._best_evaluation = None if run["best"] is None else _evaluation(run["best"])
        self.totals.restore(run)
        self._elapsed = run["time"] - self._clock()
        self._begin = self._last_snapshot = self._last_look = self._watch()
        self._recorder.cut(run.get("lengths", {}))  # older snapshots have none
        self._recorder.resumed(self.now(), self.coordinator.updates)
        self._meter.begin(0.0, self.coordinator)
        return True

    def recover(self) -> None:
        """After a divergence, all workers being gone: best parameters, fresh rule state.

        Raises:
            RunError: the run diverged before.
        """
        self.coordinator.recover()
        self._recorder.follow("recovered", self.now())
        best = self.program.parameters if self._best is None else self._best
        versions = tuple(version + 1 for version in self.server.versions)
        state = self.config.rule.rule().init(best)
        self.totals.pushes += self.server.counts()
        self._serve(ServerState(best, state, self.partition, versions))
        self.notice(
            f"the best parameters are restored, learning rate {self.coordinator.schedule.rate:g}"
        )

    def result(self) -> TrainingResult:
        """What the run gave; to be called once it is finished."""
        if self._best is None or self._best_evaluation is None:
            raise InputError("a run has no result before its first evaluation")
        coordinator = self.coordinator
        return TrainingResult(
            parameters=self._best,
            best=self._best_evaluation,
            last=self.server.values(),
            evaluations=tuple(self._evaluations),
            stop_reason=coordinator.stop_reason or "",
            updates=coordinator.updates,
            seconds=self.now(),
            visits=coordinator.visits.counts,
            frames=self.totals.frames,
            reference_missing=self.totals.reference_missing,
            pushes=self.totals.pushes + self.server.counts(),
            outer=Staleness.of(self.totals.outer),
            inner=Staleness.of(self.totals.inner),
            restarts=self.totals.restarts,
        )


def _evaluation(table: Mapping[str, Any]) -> Evaluation:
    return Evaluation(EvaluationRequest(**table["request"]), HeldOut(**table["held_out"]))
