"""Engine `local`: starts worker processes, carries their messages, replaces those that die."""

import queue
import time

from outergrad.engine.crew import Crew, refuse_unbuilt
from outergrad.engine.local.memory import MemoryPlan, SharedMemory
from outergrad.engine.local.protocol import Plain, PushReady, Start
from outergrad.engine.local.worker import Gone, Inbox, Worker, describe_exit
from outergrad.engine.protocol import Failed, Role
from outergrad.engine.session import Session
from outergrad.ps.partition import Partition
from outergrad.workers.config import AsyncConfig
from outergrad.workers.messages import Evaluation, Outcome
from outergrad.workers.program import Program

POLL_SECONDS = 0.2
"""Longest silence after which snapshots, statistics and Ctrl-C are looked after."""

EXIT_SECONDS = 2.0
"""How long a process whose connection has closed may take to have an exit status."""


START_SECONDS = 120.0
"""How much longer than a silent one a worker may take to start Python and open its memory."""


class LocalEngine:
    """One process per worker; the shards live in the calling thread, behind shared memory."""

    def now(self) -> float:
        """Seconds of the system's monotonic clock."""
        return time.monotonic()

    def memory(self, program: Program, config: AsyncConfig) -> SharedMemory:
        """Memory that workers will inherit."""
        partition = Partition.even(program.parameters.size, config.shards)
        trained = program.trained or partition.whole
        workers = config.replicas * (1 + config.decoders) + 1
        self._memory = SharedMemory(MemoryPlan(partition, config.replicas, trained, workers))
        return self._memory

    def run(self, session: Session) -> None:
        """Work until the session is finished; no process outlives this call."""
        run = _Run(session, self._memory)
        try:
            run.start()
            while not session.finished:
                run.handle_messages()
                run.end_the_silent()
                run.hand_out()
                session.tick()
        finally:
            run.end()


class _Run:
    """The worker processes of one session."""

    def __init__(self, session: Session, memory: SharedMemory) -> None:
        self._session = session
        self._memory = memory
        self._inbox: Inbox = queue.SimpleQueue()
        self._crew = Crew(session, self._process)
        self._beats: dict[int, tuple[int, float]] = {}
        self._origin = time.monotonic() - session.now()
        self.start, self.end = self._crew.start, self._crew.end

    def _process(self, role: Role, index: int) -> Worker:
        """Start a worker."""
        program, config = self._session.program, self._session.config
        first = {
            Role.REPLICA: 0,
            Role.DECODER: config.replicas,
            Role.EVALUATOR: len(self._memory.beats) - 1,
        }
        beat = first[role] + index
        plan = self._memory.plan
        start = Start(role, index, role.factory(program), config, plan, self._origin, beat)
        self._beats[beat] = (int(self._memory.beats[beat]), time.monotonic())
        return Worker(start, self._memory.file, self._inbox)

    def handle_messages(self) -> None:
        """Handle what has come; wait for something at most `POLL_SECONDS`."""
        try:
            worker, message = self._inbox.get(timeout=POLL_SECONDS)
            while True:
                self._handle(worker, message)
                worker, message = self._inbox.get_nowait()
        except queue.Empty:
            return

    def end_the_silent(self) -> None:
        """Kill workers that were stopped or hang in the system; others take over their work."""
        limit, now = self._session.config.silent_seconds, time.monotonic()
        if not limit:
            return
        for worker in self._crew.members:
            beat = int(self._memory.beats[worker.beat])
            last, since = self._beats[worker.beat]
            if beat != last:
                worker.starting = False
                self._beats[worker.beat] = (beat, now)
            elif now - since > limit + (START_SECONDS if worker.starting else 0) and not (
                worker.silent
            ):
                worker.silent = True
                worker.process.kill()  # the rest happens when its connection closes

    def _handle(self, worker: Worker, message: object) -> None:
        match message:
            case Plain.READY:
                self._crew.ready(worker)
            case Plain.TAKE:
                worker.waiting = True
            case PushReady(mailbox, note):
                self._session.push(self._memory.mailboxes[worker.index, mailbox], note)
                worker.send(Plain.PUSHED)
                self._crew.worked(worker)
            case Outcome() | Evaluation():
                self._crew.brought(worker, message)
            case Failed():
                worker.failure = message
            case Gone():
                self._gone(worker)

    def hand_out(self) -> None:
        """Answer those who wait and for whom there is something."""
        self._crew.hand_out(quiet=self._inbox.empty())

    def _gone(self, worker: Worker) -> None:
        """A process has ended: as it should, or replace it."""
        failure = worker.failure
        if failure is None and self._crew.may_go(worker):
            self._crew.left(worker)
            worker.end()
            return
        why = describe_exit(worker.end(EXIT_SECONDS))
        if worker.silent:
            why = f"no sign of life for {self._session.config.silent_seconds:g} s, {why}"
        if failure is not None:
            why = f"{failure.summary}\n{failure.text}"
            refuse_unbuilt(worker.name, failure)
        self._crew.died(worker, why)
