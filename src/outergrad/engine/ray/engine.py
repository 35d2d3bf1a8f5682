"""Engine `ray`: starts worker actors, carries their messages, replaces those that die."""

import time

from outergrad.engine.ray.cluster import GONE, get, put, wait
from outergrad.engine.ray.config import RayConfig
from outergrad.engine.ray.memory import ClusterMemory
from outergrad.engine.ray.protocol import (
    Begin,
    Failed,
    Plain,
    Pushed,
    Ready,
    Role,
    ShardsMissing,
    Start,
    Task,
)
from outergrad.engine.ray.worker import Worker
from outergrad.engine.session import Session
from outergrad.errors import InputError, RunError
from outergrad.ps.partition import Partition
from outergrad.workers.config import AsyncConfig
from outergrad.workers.messages import Evaluation, EvaluationRequest, Outcome, Signal
from outergrad.workers.program import Program

POLL_SECONDS = 0.2
"""Longest silence after which snapshots, statistics and Ctrl-C are looked after."""

HOMELESS_SECONDS = 30.0
"""A worker that has found no place on the cluster for so long is told to a person."""


class RayEngine:
    """Shards and workers are actors; the coordinator lives in the calling thread."""

    def __init__(self, settings: RayConfig | None = None) -> None:
        self._settings = settings or RayConfig()

    def now(self) -> float:
        """Seconds of this machine's monotonic clock; workers are told the time."""
        return time.monotonic()

    def memory(self, program: Program, config: AsyncConfig) -> ClusterMemory:
        """Shards that are started on the cluster when they are first filled."""
        partition = Partition.even(program.parameters.size, config.shards)
        self._memory = ClusterMemory(partition, config, self._settings)
        return self._memory

    def run(self, session: Session) -> None:
        """Work until the session is finished; no worker outlives this call."""
        run = _Run(session, self._memory)
        try:
            run.start()
            while not session.finished:
                run.handle_messages()
                run.hand_out()
                run.look_after_shards()
                session.tick()
        finally:
            run.end()
        self._memory.server.settle()


class _Run:
    """The workers of one session."""

    def __init__(self, session: Session, memory: ClusterMemory) -> None:
        self._session = session
        self._memory = memory
        self._server = memory.server
        self._workers: list[Worker] = []
        self._deaths: dict[str, int] = {}

    def start(self) -> None:
        config = self._session.config
        self._server.set_rate(self._session.coordinator.schedule.rate)
        for index in range(config.replicas):
            self._start(Role.REPLICA, index)
        for index in range(config.replicas * config.decoders):
            self._start(Role.DECODER, index)
        self._start(Role.EVALUATOR, 0)

    def _start(self, role: Role, index: int) -> None:
        session, memory = self._session, self._memory
        program, partition = session.program, session.partition
        factories = {
            Role.DECODER: program.outer,
            Role.REPLICA: program.inner,
            Role.EVALUATOR: program.evaluator,
        }
        trained = program.trained or partition.whole
        start = Start(role, index, factories[role], session.config, partition, trained)
        self._workers.append(Worker(memory.cluster, start, memory.shards, memory.cpus(role)))

    def end(self) -> None:
        while self._workers:
            self._workers.pop().end()

    def handle_messages(self) -> None:
        """Handle what has come; wait for something at most `POLL_SECONDS`."""
        listening = {worker.listening: worker for worker in self._workers}
        for reference in wait(list(listening), POLL_SECONDS):
            worker = listening[reference]
            try:
                (messages,) = get([reference])
            except GONE as error:
                self._ended(worker, f"{worker.place}: {_in_a_line(error)}")
                continue
            worker.listen()
            for message in messages:
                self._handle(worker, message)
        self._server.set_rate(self._session.coordinator.schedule.rate)

    def _handle(self, worker: Worker, message: object) -> None:
        session = self._session
        match message:
            case Ready(place):
                worker.place, worker.homeless_since = place, None
                worker.send(Begin(session.now()))
            case Plain.TAKE:
                worker.waiting = True
            case Pushed(note, replies):
                outcomes, versions = self._server.heard(replies, note.inner.versions)
                session.heard(note, outcomes, versions)
                self._deaths.pop(worker.name, None)
            case Outcome():
                session.decoded(message)
                self._deaths.pop(worker.name, None)
            case Evaluation():
                session.evaluated(message)
                self._deaths.pop(worker.name, None)
            case ShardsMissing(shards):
                self._server.missed(shards)
            case Failed():
                worker.failure = message
                self._failed(worker, message)
            case Plain.FINISHED:
                self._ended(worker, "it went home too early")

    def hand_out(self) -> None:
        """Answer those who wait and for whom there is something."""
        for worker in self._workers:
            if not worker.waiting:
                continue
            answer = self._answer(worker)
            if answer is Signal.LATER:
                continue
            worker.waiting = False
            if answer is Signal.END:
                # A replica still uses up its slots, and may ask again while it does.
                worker.dismissed = worker.role is not Role.REPLICA
                answer = None
            elif isinstance(answer, EvaluationRequest):
                answer = Task(answer, [put(self._memory.frozen)])
            worker.send(answer)
        idle = all(worker.waiting for worker in self._workers if not worker.dismissed)
        if idle and not self._session.finished:
            raise RunError("all workers wait, but visits are open: please report this")

    def _answer(self, worker: Worker) -> object:
        match worker.role:
            case Role.DECODER:
                return self._session.next_utterance(worker.index)
            case Role.REPLICA:
                return self._session.next_outcome(worker.index)
            case Role.EVALUATOR:
                return self._session.next_evaluation()

    def look_after_shards(self) -> None:
        """Restored shards are recorded, and the copy that they are restored from is renewed."""
        session, server = self._session, self._server
        server.check()
        while server.restored:
            restored = server.restored.pop()
            why = f"its parameters are those of {restored.age:.1f} s ago"
            session.worker_lost("shard", restored.shard, why)
        # Without a place for snapshots the session takes none.
        if server.copy_age >= session.config.snapshot_seconds:
            server.state()
        self._look_after_homeless()

    def _look_after_homeless(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            since = worker.homeless_since
            if since is not None and now - since > HOMELESS_SECONDS:
                worker.homeless_since = None
                cpus = self._memory.cpus(worker.role)
                self._session.notice(
                    f"{worker.name} has not started for {HOMELESS_SECONDS:.0f} s; the others go "
                    f"on. It asks the cluster for {cpus:g} CPUs: add a node, or set "
                    f"ray.{worker.role.value}_cpus lower"
                )

    def _ended(self, worker: Worker, why: str) -> None:
        """A worker has ended: as it should, or replace it."""
        coordinator = self._session.coordinator
        done = worker.role is Role.REPLICA and not coordinator.replica_busy(worker.index)
        if worker.dismissed or done:
            self._workers.remove(worker)
            worker.end()
        else:
            self._lost(worker, why)

    def _failed(self, worker: Worker, failure: Failed) -> None:
        if failure.building and failure.bad_input:
            raise InputError(f"{worker.name} cannot start: {failure.summary}")
        if failure.building:
            raise RunError(f"{worker.name} cannot start: {failure.text}")
        self._lost(worker, f"{failure.summary}\n{failure.text}")

    def _lost(self, worker: Worker, why: str) -> None:
        """A worker has died: replace it, on whatever node has room."""
        self._workers.remove(worker)
        worker.end()
        deaths = self._deaths[worker.name] = self._deaths.get(worker.name, 0) + 1
        if deaths > self._session.config.max_restarts:
            raise RunError(f"{worker.name} died {deaths} times in a row; the last time: {why}")
        self._session.worker_lost(worker.role.value, worker.index, why)
        self._start(worker.role, worker.index)


def _in_a_line(error: BaseException) -> str:
    return " ".join(str(error).split())
