"""A worker process: wires one role to its connection and the shared memory."""

import itertools
import os
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
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


class _ServerGone(BaseException):
    """The server has gone or wants us gone; not an Exception, for no role has an answer to it."""


@contextmanager
def _to_the_server() -> Iterator[None]:
    """Around what the connection does by itself.

    A role can meet the same exceptions in work of its own, with a file that is cut short for
    example, and has to tell about them.
    """
    try:
        yield
    except (EOFError, BrokenPipeError, ConnectionResetError) as error:
        raise _ServerGone from error


def main(connection_file: int, memory_file: int) -> None:
    """Life of a worker process; the server's end of the connection decides how long it is."""
    link = _Link(Connection(connection_file))
    try:
        _work(link, memory_file)
    except _ServerGone:
        # There is nothing here to save or to say, and exiting at once spares a traceback from
        # half-dead libraries.
        os._exit(1)


def _work(link: "_Link", memory_file: int) -> None:
    start: Start = link.receive()
    keep_freed_memory()
    building = True
    try:
        memory = SharedMemory(start.plan, memory_file)
        threading.Thread(target=_beat, args=(memory.beats, start.beat), daemon=True).start()
        source = start.factory.build()
        role = _role(start, source, memory, link)
        link.send(Plain.READY)
        building = False
        role.run()
    except Exception as error:
        text = "".join(traceback.format_exception(error))
        summary = traceback.format_exception_only(error)[0].strip()
        link.send(Failed(text, summary, building, isinstance(error, InputError)))


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

    def send(self, message: object) -> None:
        """Send a message.

        Raises:
            _ServerGone: nobody listens.
        """
        data = ForkingPickler.dumps(message)
        with _to_the_server():
            self._connection.send_bytes(data)

    def receive(self) -> Any:
        """Wait for a message.

        Raises:
            _ServerGone: there will be none.
        """
        with _to_the_server():
            data = self._connection.recv_bytes()
        return ForkingPickler.loads(data)

    def take(self) -> Any:
        """Ask for work and wait for it; None ends this worker."""
        self.send(Plain.TAKE)
        while True:
            answer = self.receive()
            if answer is not Plain.PUSHED:
                return answer
            self._mailboxes_in_use -= 1

    def put(self, result: Outcome | Evaluation) -> None:
        """Bring a result."""
        self.send(result)

    def wait_for_mailbox(self) -> None:
        """Wait until a mailbox is free. No answer can be under way: the role asks, then pushes."""
        while self._mailboxes_in_use == MAILBOXES or self._waits():
            self.receive()
            self._mailboxes_in_use -= 1

    def _waits(self) -> bool:
        """Whether a message waits."""
        with _to_the_server():
            return self._connection.poll()

    def announce(self, ready: PushReady) -> None:
        """Say that a mailbox is complete."""
        self.send(ready)
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
