"""A worker process: wires one role to its connection and the shared memory."""

import itertools
import os
import threading
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

from outergrad.arrays import Float32Array, Int64Array
from outergrad.engine.heap import keep_freed_memory
from outergrad.engine.local.memory import MAILBOXES, SharedMemory
from outergrad.engine.local.protocol import Plain, PushReady, Start
from outergrad.engine.protocol import Failed, Role
from outergrad.errors import InputError
from outergrad.ps.partition import Selection
from outergrad.workers.decoder import Decoder
from outergrad.workers.evaluator import Evaluator
from outergrad.workers.messages import Evaluation, Outcome, PushNote
from outergrad.workers.replica import Replica

BEAT_SECONDS = 0.5
"""Time between signs of life."""


def main(connection_file: int, memory_file: int) -> None:
    """Life of a worker process; the server's end of the connection decides how long it is."""
    connection = Connection(connection_file)
    try:
        _work(connection, memory_file)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        # The server has gone or wants us gone. There is nothing here to save or to say, and
        # exiting at once spares a traceback from half-dead libraries.
        os._exit(1)


def _work(connection: "Connection[Any, Any]", memory_file: int) -> None:
    start: Start = connection.recv()
    keep_freed_memory()
    building = True
    try:
        memory = SharedMemory(start.plan, memory_file)
        threading.Thread(target=_beat, args=(memory.beats, start.beat), daemon=True).start()
        source = start.factory.build()
        role = _role(start, source, memory, _Link(connection))
        connection.send(Plain.READY)
        building = False
        role.run()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:
        text = "".join(traceback.format_exception(error))
        summary = traceback.format_exception_only(error)[0].strip()
        connection.send(Failed(text, summary, building, isinstance(error, InputError)))


def _beat(beats: Int64Array, place: int) -> None:
    """Show that this process gets to run, however long its work takes."""
    while True:
        beats[place] += 1
        time.sleep(BEAT_SECONDS)


def _role(
    start: Start, source: Any, memory: SharedMemory, link: "_Link"
) -> Decoder | Replica | Evaluator:
    size = start.plan.partition.num_parameters
    config, origin = start.config, start.origin

    def clock() -> float:
        return time.monotonic() - origin

    match start.role:
        case Role.DECODER:
            trained, fetch, gap = start.plan.trained, config.fetch, config.gap
            return Decoder(
                start.index, size, trained, source, fetch, memory, link, link, clock, gap
            )
        case Role.REPLICA:
            client = _MailboxClient(start.index, memory, link)
            trained = start.plan.trained
            return Replica(start.index, size, trained, source, config, client, link, clock)
        case Role.EVALUATOR:
            return Evaluator(size, source, _FrozenClient(memory), link)


class _Link:
    """The connection to the server as the ports where work comes from and results go."""

    def __init__(self, connection: "Connection[Any, Any]") -> None:
        self._connection = connection
        self._mailboxes_in_use = 0

    def take(self) -> Any:
        """Ask for work and wait for it; None ends this worker."""
        self._connection.send(Plain.TAKE)
        while True:
            answer = self._connection.recv()
            if answer is not Plain.PUSHED:
                return answer
            self._mailboxes_in_use -= 1

    def put(self, result: Outcome | Evaluation) -> None:
        """Bring a result."""
        self._connection.send(result)

    def wait_for_mailbox(self) -> None:
        """Wait until a mailbox is free. No answer can be under way: the role asks, then pushes."""
        while self._mailboxes_in_use == MAILBOXES or self._connection.poll():
            self._connection.recv()
            self._mailboxes_in_use -= 1

    def announce(self, ready: PushReady) -> None:
        """Say that a mailbox is complete."""
        self._connection.send(ready)
        self._mailboxes_in_use += 1


class _MailboxClient:
    """The parameter server, as a replica process sees it."""

    def __init__(self, replica: int, memory: SharedMemory, link: _Link) -> None:
        self._memory = memory
        self._mailboxes = memory.mailboxes[replica]
        self._link = link
        self._turn = itertools.cycle(range(MAILBOXES))

    def versions(self) -> tuple[int, ...]:
        return self._memory.versions()

    def pull(self, out: Float32Array, parts: Selection | None = None) -> tuple[int, ...]:
        return self._memory.pull(out, parts)

    def push(self, gradient: Float32Array, note: PushNote) -> None:
        self._link.wait_for_mailbox()
        mailbox = next(self._turn)
        self._mailboxes[mailbox][:] = gradient
        # Only now does the server learn of it: a worker killed before has pushed nothing.
        self._link.announce(PushReady(mailbox, note))


class _FrozenClient:
    """The parameters frozen for the evaluator."""

    def __init__(self, memory: SharedMemory) -> None:
        self._memory = memory

    def versions(self) -> tuple[int, ...]:
        return self._memory.versions()

    def pull(self, out: Float32Array, parts: Selection | None = None) -> tuple[int, ...]:
        out[:] = self._memory.frozen
        return self._memory.versions()
