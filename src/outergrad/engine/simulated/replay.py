"""Runs a program again in the order that a trace has recorded.

Each worker does its own work; what it takes, brings and pushes waits for its turn in the trace,
and what it pulls are the versions that the trace says it had. So a run whose order was left to
processes and their luck can be repeated, looked into, and checked bit for bit.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from outergrad.arrays import Float32Array
from outergrad.engine.frozen import FrozenClient
from outergrad.engine.memory import ParameterMemory, PrivateMemory
from outergrad.engine.session import Session
from outergrad.engine.simulated.config import SimulatedConfig
from outergrad.engine.simulated.cores import Cores
from outergrad.engine.simulated.sources import Shared, TimedEvaluation, TimedInner, TimedOuter
from outergrad.engine.simulated.trace import RECOVERED, History, Turn, read_trace, refuse_unrecorded
from outergrad.engine.simulated.world import DECODER, EVALUATOR, REPLICA, Fiber, World
from outergrad.errors import RunError
from outergrad.ps.partition import Partition, Selection
from outergrad.workers.config import AsyncConfig, FetchPolicy
from outergrad.workers.decoder import Decoder
from outergrad.workers.evaluator import Evaluator
from outergrad.workers.messages import (
    Assignment,
    Evaluation,
    EvaluationRequest,
    Outcome,
    PushNote,
    Signal,
    Stamp,
)
from outergrad.workers.program import Program
from outergrad.workers.replica import Replica


class ReplayEngine:
    """Engine `simulated` with the order of a trace in place of costs.

    Decoders measure no gaps: the records of a replay have none.
    """

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = turns
        self._next = 0
        self._time = 0.0

    @classmethod
    def of(cls, path: Path) -> Self:
        """The engine that repeats the trace at `path`."""
        return cls(read_trace(path))

    def now(self) -> float:
        """Time of the trace."""
        return self._time

    def memory(self, program: Program, config: AsyncConfig) -> ParameterMemory:
        """Ordinary memory.

        Raises:
            InputError: a trace says too little to repeat a training with such a configuration.
        """
        refuse_unrecorded(config)
        return PrivateMemory(Partition.even(program.parameters.size, config.shards))

    def run(self, session: Session) -> None:
        """Go on with the trace until it ends, or the workers' lives in it after a divergence."""
        if session.finished:
            return
        end = next(
            (k for k, turn in enumerate(self._turns) if k >= self._next and turn.kind == RECOVERED),
            len(self._turns),
        )
        stage = _Stage(session, self._turns[:end], self._next, self._tell)
        try:
            with _one_thread():
                stage.run()
        finally:
            stage.world.end()
            self._next = end + 1

    def _tell(self, time: float) -> None:
        self._time = time


class _Stage:
    """The workers of one session and whose turn it is."""

    def __init__(
        self, session: Session, turns: Sequence[Turn], begin: int, tell: Callable[[float], None]
    ) -> None:
        self.world = World()
        self.session = session
        self.turns = turns
        self.cursor = begin
        self._tell = tell
        self._waiting: dict[tuple[str, int], Fiber] = {}
        self._life: Counter[tuple[str, int]] = Counter()
        self.history = History(session, turns[begin:])
        program = session.program
        costs = SimulatedConfig()
        cores = Cores(self.world, 0)
        self._costs = (cores, costs)
        self._outer, self._inner = Shared(program.outer.build()), Shared(program.inner.build())
        self._evaluation = Shared(program.evaluator.build())

    def run(self) -> None:
        config = self.session.config
        self._hire("evaluator", 0)
        for index in range(config.replicas):
            self._hire("replica", index)
        for index in range(config.replicas * config.decoders):
            self._hire("decoder", index)
        self._tell(self.turns[self.cursor].time if self.cursor < len(self.turns) else 0.0)
        self.world.at(0.0, 0, self._settle)
        self.world.run()

    def _hire(self, role: str, index: int) -> None:
        session, program, config = self.session, self.session.program, self.session.config
        size, trained = program.parameters.size, program.trained
        cores, costs = self._costs
        desk = _Desk(self, role, index, self.cursor)
        run: Callable[[], None]
        match role:
            case "evaluator":
                timed = TimedEvaluation(self._evaluation, costs.evaluate, cores, costs)
                run = Evaluator(size, timed, FrozenClient(session), desk).run
            case "replica":
                inner = TimedInner(self._inner, costs.step, cores, costs)
                run = Replica(
                    index, size, trained, inner, config, desk, desk.outcomes, desk.clock
                ).run
            case _:
                outer = TimedOuter(self._outer, costs.decode, cores, costs)
                # Asked for each time; the trace knows which versions there are to be had.
                always = FetchPolicy("utterance")
                run = Decoder(
                    index, size, None, outer, always, desk, desk.utterances, desk, desk.clock
                ).run
        priority = {"evaluator": EVALUATOR, "replica": REPLICA}.get(role, DECODER)
        self.world.spawn(f"{role} {index}", priority, run)

    # ---- turns ----

    def wait_for_turn(self, kind: str, role: str, index: int, life: int) -> Turn:
        """Wait until the trace says that this worker does this now."""
        while True:
            self._stay_dead(role, index, life)
            if self.cursor < len(self.turns):
                turn = self.turns[self.cursor]
                if (turn.kind, turn.role, turn.worker) == (kind, role, index):
                    return turn
            self._waiting[role, index] = self.world.fiber
            self.world.wait()

    def life(self, role: str, index: int) -> int:
        """How often this worker has died so far."""
        return self._life[role, index]

    def done(self) -> None:
        """The turn is over: on with the next one."""
        self.history.grow()
        self.cursor += 1
        self._settle()

    def _settle(self) -> None:
        session = self.session
        # What arrived together with the message that ended the run was dealt with, too.
        finished = session.finished
        session.tick()
        while self.cursor < len(self.turns) and self.turns[self.cursor].kind == "lost":
            turn = self.turns[self.cursor]
            self._tell(turn.time)
            session.worker_lost(turn.role, turn.worker, "as recorded")
            self._life[turn.role, turn.worker] += 1
            self._waiting.pop((turn.role, turn.worker), None)
            self.cursor += 1
            self._hire(turn.role, turn.worker)
        if self.cursor == len(self.turns):
            if not finished:
                session.coordinator.stop_reason = "the recorded run ended here"
            self.world.stop()
        turn = self.turns[self.cursor]
        self._tell(turn.time)
        # Whoever waits for its turn, or for parameters that have just come to be.
        for key in list(self._waiting):
            self.world.wake(self._waiting.pop(key))

    def _stay_dead(self, role: str, index: int, life: int) -> None:
        """Go no further when the recorded worker died here; nobody wakes this fiber again."""
        while self._life[role, index] != life:
            self.world.wait()

    def wait_for_change(self, role: str, index: int, life: int) -> None:
        """Wait for the next turn, whoever's it is."""
        self._stay_dead(role, index, life)
        self._waiting[role, index] = self.world.fiber
        self.world.wait()


class _Desk:
    """All ports of one worker."""

    def __init__(self, stage: _Stage, role: str, index: int, begin: int) -> None:
        self._stage = stage
        self._role = role
        self._index = index
        self._life = stage.life(role, index)
        self.utterances = _Taker(self._utterance)
        self.outcomes = _Taker(self._outcome)
        kind = "outcome" if role == "decoder" else "push"
        mine = (
            turn
            for turn in stage.turns[begin:]
            if (turn.kind, turn.role, turn.worker) == (kind, role, index)
        )
        self._stamps = [stamp for turn in mine for stamp in turn.stamps]
        self._pulled = 0

    def _turn(self, kind: str) -> Turn:
        return self._stage.wait_for_turn(kind, self._role, self._index, self._life)

    def _check(self, turn: Turn, visit: int | None) -> None:
        if turn.visit != visit:
            raise RunError(
                f"replay: turn {self._stage.cursor + 1} is about visit {turn.visit}, not {visit}: "
                "was the trace made with this program and configuration?"
            )

    def _utterance(self) -> Assignment | None:
        turn = self._turn("utterance")
        answer = self._stage.session.next_utterance(self._index)
        self._check(turn, None if isinstance(answer, Signal) else answer.visit)
        self._stage.done()
        return None if isinstance(answer, Signal) else answer

    def _outcome(self) -> Outcome | None:
        turn = self._turn("take")
        answer = self._stage.session.next_outcome(self._index)
        self._check(turn, None if isinstance(answer, Signal) else answer.assignment.visit)
        self._stage.done()
        return None if isinstance(answer, Signal) else answer

    def take(self) -> EvaluationRequest | None:
        """A request for the evaluator."""
        while True:
            answer = self._stage.session.next_evaluation()
            if isinstance(answer, EvaluationRequest):
                return answer
            if answer is Signal.END:
                return None
            self._stage.wait_for_change(self._role, self._index, self._life)

    def put(self, result: Outcome | Evaluation) -> None:
        """What a decoder or the evaluator has made."""
        if isinstance(result, Evaluation):
            self._turn("evaluation")
            self._stage.session.evaluated(result)
        else:
            turn = self._turn("outcome")
            self._check(turn, result.assignment.visit)
            self._stage.session.decoded(result)
            self._stage.history.forget(turn)
        self._stage.done()

    def versions(self) -> tuple[int, ...]:
        """Of no use here: everything is pulled as recorded."""
        return self._stage.session.server.versions

    def clock(self) -> float:
        """When the recorded worker pulled what is pulled next."""
        stamp = self._next_stamp()
        return self._stage.session.now() if stamp is None else stamp.time

    def pull(self, out: Float32Array, parts: Selection | None = None) -> tuple[int, ...]:
        """The versions that the recorded worker had, when there are such."""
        stage = self._stage
        while (stamp := self._next_stamp()) is None or not stage.history.has(stamp):
            # Without a stamp it died before it brought anything; it waits for that.
            stage.wait_for_change(self._role, self._index, self._life)
        stage.history.copy(stamp, out)
        if self._role == "replica":
            self._pulled += stage.session.config.n_fetch
        else:
            self._pulled += 1
        return tuple(int(version) for version in stamp.versions)

    def _next_stamp(self) -> Stamp | None:
        return self._stamps[self._pulled] if self._pulled < len(self._stamps) else None

    def push(self, gradient: Float32Array, note: PushNote) -> None:
        """An inner gradient, applied when it is its turn."""
        turn = self._turn("push")
        if turn.stamps != note.stamps:
            note = replace(note, stamps=turn.stamps)
        self._stage.session.push(gradient, note)
        self._stage.history.forget(turn)
        self._stage.done()


class _Taker:
    """A port that has nothing but `take`."""

    def __init__(self, take: Callable[[], Any]) -> None:
        self.take = take


@contextmanager
def _one_thread() -> Iterator[None]:
    """Have torch compute with one thread, as in the workers: sums depend on their order."""
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch is not None else 1
    if torch is not None:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if torch is not None:
            torch.set_num_threads(threads)
