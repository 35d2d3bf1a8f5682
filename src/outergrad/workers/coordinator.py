"""The coordinator role: hands out utterances, counts visits, asks for evaluations, judges them.

A state machine without I/O: engines call it when something happens and do what it says.
"""

import dataclasses
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outergrad.errors import InputError
from outergrad.workers.config import AsyncConfig
from outergrad.workers.decoding import Decoding
from outergrad.workers.messages import (
    Assignment,
    Evaluation,
    EvaluationRequest,
    Outcome,
    PushNote,
    Signal,
)
from outergrad.workers.program import Program
from outergrad.workers.schedule import Judgement, Schedule, Verdict
from outergrad.workers.visits import Visits


@dataclass(frozen=True, slots=True)
class _EvaluationPlan:
    """What the next evaluation follows."""

    number: int = 0
    """Evaluations opened so far."""
    updates: int = -1
    """Server updates at the last one."""
    epoch: int = -1
    """Epochs completed at the last one."""


class Coordinator:
    """Decides who does what next, until the run stops."""

    def __init__(self, program: Program, config: AsyncConfig) -> None:
        self._config = config
        self._queues: list[deque[Outcome]] = [deque() for _ in range(config.replicas)]
        self._decoding = Decoding()
        self._training: list[set[int]] = [set() for _ in range(config.replicas)]
        self._evaluating: EvaluationRequest | None = None
        self._plan = _EvaluationPlan()
        self._plan_before = self._plan
        self.updates = 0
        self.stop_reason: str | None = None
        self.diverged = False
        self.schedule = Schedule(config.schedule)
        self.visits = Visits(
            program.utterances, config.replicas, config.schedule.epochs, config.seed
        )

    # ---- decoders ----

    def next_utterance(self, decoder: int, now: float) -> Assignment | Signal:
        """Work for a decoder; LATER while its replica has enough on the way."""
        if self.stop_reason is not None or self.visits.finished:
            return Signal.END
        replica = decoder // self._config.decoders
        waiting = len(self._queues[replica]) + self._decoding.count(replica)
        if waiting < self._config.queue and self.joined(replica):
            assignment = self.visits.take(replica)
            if assignment is not None:
                self._decoding.hand(decoder, assignment, now)
                return assignment
        return self._overdue(decoder, now) or Signal.LATER

    def is_decoding(self, visit: int) -> bool:
        """Whether a visit is with a decoder that has not brought its result."""
        return self._decoding.holds(visit)

    def _overdue(self, decoder: int, now: float) -> Assignment | None:
        """An utterance that some decoder has held too long, of whichever replica."""
        if not self._config.backup_seconds:
            return None
        assignment = self._decoding.overdue(decoder, now - self._config.backup_seconds)
        self.visits.counts.backups += assignment is not None
        return assignment

    def joined(self, replica: int) -> bool:
        """Whether a replica takes part yet: all but the first wait out the warm start."""
        alone = self.updates < self._config.warm_start
        return replica == 0 or not alone or self.visits.exhausted(0)

    def decoded(self, outcome: Outcome) -> bool:
        """A decoder is done with its utterance; False when another one was faster."""
        visit = outcome.assignment.visit
        if not self._decoding.bring(outcome.decoder, visit):
            return False
        if outcome.outer.reason is not None:
            self.visits.fail(visit, outcome.outer.reason)
        elif len(outcome.outer.frames) == 0:
            self.visits.complete(visit)
        else:
            self._queues[outcome.assignment.replica].append(outcome)
        return True

    def gap_measured(self, per_frame: float) -> bool:
        """A gap was measured; True when the learning rate was lowered because of it."""
        gap = self._config.gap
        if gap.reaction != "lower-rate" or abs(per_frame) <= gap.limit:
            return False
        self.schedule.lower(gap.factor)
        return True

    def decoder_lost(self, decoder: int) -> Assignment | None:
        """A decoder died: its utterance, which goes to another, or None when nothing is lost."""
        assignment = self._decoding.lose(decoder)
        if assignment is not None:
            self.visits.lose(assignment.visit, suspect=True)
        return assignment

    # ---- replicas ----

    def next_outcome(self, replica: int) -> Outcome | Signal:
        """An outer gradient for a replica; END when it should use up what it has."""
        if self._queues[replica]:
            outcome = self._queues[replica].popleft()
            self._training[replica].add(outcome.assignment.visit)
            return outcome
        decoding = self._decoding.count(replica) > 0
        if self.stop_reason is None and (decoding or not self.visits.exhausted(replica)):
            return Signal.LATER
        return Signal.END

    def queue_lengths(self) -> tuple[int, ...]:
        """Outer gradients waiting, by replica."""
        return tuple(len(queue) for queue in self._queues)

    def pushed(self, note: PushNote, *, applied: bool) -> None:
        """A push reached the server, which applied it or, its being stale or bad, did not."""
        self.updates += applied
        for visit in note.finished:
            self._training[note.replica].discard(visit)
            self.visits.complete(visit)

    def replica_lost(self, replica: int) -> int:
        """A replica died: the visits in its slots are handed out again; returns how many."""
        lost = sorted(self._training[replica], reverse=True)
        for visit in lost:
            self.visits.lose(visit)
        self._training[replica].clear()
        return len(lost)

    def replica_busy(self, replica: int) -> bool:
        """Whether a replica has, or will have, something to do."""
        return self.visits.num_open(replica) > 0 or not self.visits.exhausted(replica)

    # ---- evaluations ----

    def open_evaluation(self, now: float) -> EvaluationRequest | None:
        """The request for an evaluation that has just become due, or None.

        The caller freezes the parameters for it at once, whether or not the evaluator has time.
        """
        if self._evaluating is not None or self.stop_reason is not None:
            return None
        if not self._evaluation_due():
            return None
        self._evaluating = EvaluationRequest(
            self._plan.number, self.updates, self.visits.epoch, self.schedule.rate, now
        )
        self._plan_before = self._plan
        self._plan = _EvaluationPlan(self._plan.number + 1, self.updates, int(self.visits.epoch))
        return self._evaluating

    def _evaluation_due(self) -> bool:
        if self._plan.number == 0:
            return True
        if self.updates == self._plan.updates:
            return False
        every = self._config.schedule.evaluate_every
        if self.visits.finished:
            return True
        if every:
            return self.updates >= self._plan.updates + every
        return int(self.visits.epoch) > self._plan.epoch

    def next_evaluation(self) -> EvaluationRequest | Signal:
        """Work for the evaluator: the open request, again if the evaluator died over it."""
        if self._evaluating is not None:
            return self._evaluating
        return Signal.LATER if self.stop_reason is None else Signal.END

    def evaluated(self, evaluation: Evaluation) -> Judgement:
        """An evaluation was made."""
        self._evaluating = None
        judgement = self.schedule.observe(evaluation.held_out)
        if judgement.verdict is Verdict.STOP:
            self.stop_reason = judgement.verdict.value
        elif judgement.verdict is Verdict.DIVERGED:
            self.stop_reason = judgement.verdict.value
            self.diverged = True
        return judgement

    def check_finished(self) -> bool:
        """Whether the run is over: stopped, or all visits done and the end evaluated."""
        over = self.visits.finished and self._evaluating is None and not self._evaluation_due()
        if self.stop_reason is None and over:
            self.stop_reason = f"all {self._config.schedule.epochs} epochs are done"
        return self.stop_reason is not None

    # ---- state ----

    def recover(self) -> None:
        """Go on after a divergence: all workers are gone, the best parameters are restored.

        Raises:
            RunError: the run diverged before.
        """
        self.schedule.retry()
        self.stop_reason = None
        self.diverged = False
        self._forget_work()
        self._plan = dataclasses.replace(self._plan, updates=self.updates)

    def _forget_work(self) -> None:
        self._decoding.clear()
        self._evaluating = None
        for queue, training in zip(self._queues, self._training, strict=True):
            queue.clear()
            training.clear()
        self.visits.lose_all()

    def state(self) -> dict[str, Any]:
        """JSON-able state; what is under way counts as lost in it."""
        # An open evaluation is due again after a resume.
        plan = self._plan if self._evaluating is None else self._plan_before
        return {
            "seed": self._config.seed,
            "updates": self.updates,
            "evaluations": dataclasses.asdict(plan),
            # Not that all epochs are done: there may be more of them next time.
            "flat": self.stop_reason == Verdict.STOP.value,
            "schedule": self.schedule.state(),
            "visits": self.visits.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`; the number of replicas may have changed.

        Raises:
            InputError: the state belongs to another job.
        """
        if state["seed"] != self._config.seed:
            raise InputError(
                f"the snapshot was made with seed {state['seed']}, not {self._config.seed}"
            )
        self.updates = state["updates"]
        self._plan = _EvaluationPlan(**state["evaluations"])
        if state["flat"]:
            self.stop_reason = Verdict.STOP.value
        self.schedule.restore(state["schedule"])
        self.visits.restore(state["visits"])
