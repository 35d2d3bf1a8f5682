"""Engine `ray`: starts worker actors, carries their messages, replaces those that die."""

import time

from outergrad.engine.crew import Crew, refuse_unbuilt
from outergrad.engine.protocol import Failed, Role
from outergrad.engine.ray.cluster import GONE, get, put, wait
from outergrad.engine.ray.config import RayConfig
from outergrad.engine.ray.memory import ClusterMemory
from outergrad.engine.ray.protocol import (
    Begin,
    Plain,
    Pushed,
    Ready,
    ShardsMissing,
    Start,
    Task,
)
from outergrad.engine.ray.worker import Worker
from outergrad.engine.roster import SHARD
from outergrad.engine.session import Session
from outergrad.ps.partition import Partition
from outergrad.workers.config import AsyncConfig
from outergrad.workers.messages import Evaluation, EvaluationRequest, Outcome
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
    """The worker actors of one session."""

    def __init__(self, session: Session, memory: ClusterMemory) -> None:
        self._session = session
        self._memory = memory
        self._server = memory.server
        self._crew = Crew(session, self._actor, self._packed)
        self.end = self._crew.end

    def start(self) -> None:
        self._server.set_rate(self._session.coordinator.schedule.rate)
        self._crew.start()

    def _actor(self, role: Role, index: int) -> Worker:
        """Start a worker."""
        session, memory = self._session, self._memory
        program, partition = session.program, session.partition
        trained = program.trained or partition.whole
        start = Start(role, index, role.factory(program), session.config, partition, trained)
        return Worker(memory.cluster, start, memory.shards, memory.cpus(role))

    def _packed(self, answer: object) -> object:
        """An answer with what the worker cannot fetch by itself."""
        if isinstance(answer, EvaluationRequest):
            return Task(answer, [put(self._memory.frozen)])
        return answer

    def handle_messages(self) -> None:
        """Handle what has come; wait for something at most `POLL_SECONDS`."""
        listening = {worker.listening: worker for worker in self._crew.members}
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
        session, crew = self._session, self._crew
        match message:
            case Ready(place):
                worker.place, worker.homeless_since = place, None
                worker.send(Begin(session.now()))
                crew.ready(worker)
            case Plain.TAKE:
                worker.waiting = True
            case Pushed(note, replies):
                outcomes, versions = self._server.heard(replies, note.inner.versions)
                session.heard(note, outcomes, versions)
                crew.worked(worker)
            case Outcome() | Evaluation():
                crew.brought(worker, message)
            case ShardsMissing(shards):
                self._server.missed(shards)
            case Failed():
                refuse_unbuilt(worker.name, message)
                worker.end()
                crew.died(worker, f"{message.summary}\n{message.text}")
            case Plain.FINISHED:
                self._ended(worker, "it went home too early")

    def hand_out(self) -> None:
        """Answer those who wait and for whom there is something."""
        # A worker that waits has nothing under way.
        self._crew.hand_out(quiet=True)

    def look_after_shards(self) -> None:
        """Restored shards are recorded, and the copy that they are restored from is renewed."""
        session, server = self._session, self._server
        server.check()
        session.roster.misses(SHARD, server.missing)
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
        for worker in self._crew.members:
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
        """A worker has ended: as it should, or replace it, on whatever node has room."""
        worker.end()
        if self._crew.may_go(worker):
            self._crew.left(worker)
        else:
            self._crew.died(worker, why)


def _in_a_line(error: BaseException) -> str:
    return " ".join(str(error).split())
