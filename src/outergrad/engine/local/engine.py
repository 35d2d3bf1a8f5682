"""Engine `local`: starts worker processes, carries their messages, replaces those that die."""

import queue
import time

from outergrad.engine.local.memory import MemoryPlan, SharedMemory
from outergrad.engine.local.protocol import Failed, Plain, PushReady, Role, Start
from outergrad.engine.local.worker import Gone, Inbox, Worker, describe_exit
from outergrad.engine.session import Session
from outergrad.errors import InputError, RunError
from outergrad.ps.partition import Partition
from outergrad.workers.config import AsyncConfig
from outergrad.workers.messages import Evaluation, Outcome, Signal
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
    """The workers of one session."""

    def __init__(self, session: Session, memory: SharedMemory) -> None:
        self._session = session
        self._memory = memory
        self._inbox: Inbox = queue.SimpleQueue()
        self._workers: list[Worker] = []
        self._deaths: dict[str, int] = {}
        self._beats: dict[int, tuple[int, float]] = {}
        self._origin = time.monotonic() - session.now()

    def start(self) -> None:
        config = self._session.config
        for index in range(config.replicas):
            self._start(Role.REPLICA, index)
        for index in range(config.replicas * config.decoders):
            self._start(Role.DECODER, index)
        self._start(Role.EVALUATOR, 0)

    def _start(self, role: Role, index: int) -> None:
        program, config = self._session.program, self._session.config
        factories = {
            Role.DECODER: program.outer,
            Role.REPLICA: program.inner,
            Role.EVALUATOR: program.evaluator,
        }
        first = {
            Role.REPLICA: 0,
            Role.DECODER: config.replicas,
            Role.EVALUATOR: len(self._memory.beats) - 1,
        }
        beat = first[role] + index
        plan = self._memory.plan
        start = Start(role, index, factories[role], config, plan, self._origin, beat)
        self._workers.append(Worker(start, self._memory.file, self._inbox))
        self._beats[beat] = (int(self._memory.beats[beat]), time.monotonic())

    def end(self) -> None:
        while self._workers:
            self._workers.pop().end()

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
        for worker in self._workers:
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
            case Plain.TAKE:
                worker.waiting = True
            case PushReady(mailbox, note):
                self._session.push(self._memory.mailboxes[worker.index, mailbox], note)
                worker.send(Plain.PUSHED)
                self._deaths.pop(worker.name, None)
            case Outcome():
                self._session.decoded(message)
                self._deaths.pop(worker.name, None)
            case Evaluation():
                self._session.evaluated(message)
                self._deaths.pop(worker.name, None)
            case Failed():
                worker.failure = message
            case Gone():
                self._gone(worker)

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
            worker.send(answer)
        idle = all(worker.waiting for worker in self._workers if not worker.dismissed)
        if idle and self._inbox.empty() and not self._session.finished:
            raise RunError("all workers wait, but visits are open: please report this")

    def _answer(self, worker: Worker) -> object:
        match worker.role:
            case Role.DECODER:
                return self._session.next_utterance(worker.index)
            case Role.REPLICA:
                return self._session.next_outcome(worker.index)
            case Role.EVALUATOR:
                return self._session.next_evaluation()

    def _gone(self, worker: Worker) -> None:
        """A process has ended: as it should, or replace it."""
        self._workers.remove(worker)
        coordinator = self._session.coordinator
        done = worker.role is Role.REPLICA and not coordinator.replica_busy(worker.index)
        if worker.failure is None and (worker.dismissed or done):
            worker.end()
            return
        status = worker.end(EXIT_SECONDS)
        why = describe_exit(status)
        if worker.silent:
            why = f"no sign of life for {self._session.config.silent_seconds:g} s, {why}"
        if worker.failure is not None:
            why = f"{worker.failure.summary}\n{worker.failure.text}"
            if worker.failure.building:
                self._refuse(worker, worker.failure)
        deaths = self._deaths[worker.name] = self._deaths.get(worker.name, 0) + 1
        if deaths > self._session.config.max_restarts:
            raise RunError(f"{worker.name} died {deaths} times in a row; the last time: {why}")
        self._session.worker_lost(worker.role.value, worker.index, why)
        self._start(worker.role, worker.index)

    def _refuse(self, worker: Worker, failure: Failed) -> None:
        if failure.bad_input:
            raise InputError(f"{worker.name} cannot start: {failure.summary}")
        raise RunError(f"{worker.name} cannot start: {failure.text}")
