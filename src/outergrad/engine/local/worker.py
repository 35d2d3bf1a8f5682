"""A worker process as the server sees it: start, messages both ways, end."""

import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

from outergrad.engine.local.protocol import Start
from outergrad.engine.protocol import Failed
from outergrad.errors import InputError

THREAD_VARIABLES = ("OMP", "MKL", "OPENBLAS", "NUMBA")
BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[3]); "
    "from outergrad.engine.local.child import main; main(int(sys.argv[1]), int(sys.argv[2]))"
)


class Gone:
    """What the inbox gets when a worker's connection has closed."""


Inbox = queue.SimpleQueue[tuple["Worker", Any]]
"""Messages from all workers; (worker, message)."""


class Worker:
    """One process, its pipe, and a thread for each direction.

    The threads only move bytes. A worker that is stopped in the midst of a message holds up its
    own two threads and nobody else.
    """

    def __init__(self, start: Start, memory_file: int, inbox: Inbox) -> None:
        """Start the process.

        Raises:
            InputError: the factory's arguments cannot be pickled.
        """
        self.role = start.role
        self.index = start.index
        self.beat = start.beat
        """Which entry of the memory's `beats` is its own."""
        self.starting = True
        """Whether it has shown no sign of life yet."""
        self.silent = False
        """Whether it was killed because it showed no sign of life."""
        self.waiting = False
        """Whether it has asked for work and got no answer yet."""
        self.dismissed = False
        """Whether it was told that there is no more work."""
        self.failure: Failed | None = None
        """The exception that ended it."""
        self._inbox = inbox
        first = self._pickled_start(start)
        self._connection, theirs = Pipe()
        with theirs:
            self.process = _spawn(theirs.fileno(), memory_file)
        self._outbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._outbox.put(first)
        threads = (self._read, self._write)
        self._threads = [threading.Thread(target=thread, daemon=True) for thread in threads]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _pickled_start(start: Start) -> Any:
        try:
            return ForkingPickler.dumps(start)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise InputError(
                f"{start.role.value}: the arguments of {start.factory.function} cannot be sent to "
                f"another process: {error}"
            ) from error

    @property
    def name(self) -> str:
        """For people, e.g. "decoder 0"."""
        return f"{self.role.value} {self.index}"

    def send(self, message: Any) -> None:
        """Send a message without waiting for the worker to read it."""
        self._outbox.put(ForkingPickler.dumps(message))

    def _read(self) -> None:
        connection: Connection[Any, Any] = self._connection
        try:
            while True:
                self._inbox.put((self, connection.recv()))
        except Exception:
            # The end of the file, or a message that cannot be read: either way it is lost.
            self._inbox.put((self, Gone()))

    def _write(self) -> None:
        try:
            while (data := self._outbox.get()) is not None:
                self._connection.send_bytes(data)
        except OSError:
            # It has died; the reading thread tells.
            return

    def end(self, patience: float = 0.0) -> int:
        """Kill the process unless it ends within `patience` seconds; returns its exit status.

        Workers hold nothing that is worth saving, so there is no gentle way.
        """
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
        status = self.process.wait()
        self._outbox.put(None)
        for thread in self._threads:
            thread.join()
        self._connection.close()
        return status


def _spawn(connection_file: int, memory_file: int) -> "subprocess.Popen[bytes]":
    """A fresh interpreter: forking would copy threads and locks of torch in whatever state."""
    environment = dict(os.environ)
    environment.update({f"{name}_NUM_THREADS": "1" for name in THREAD_VARIABLES})
    files = [str(connection_file), str(memory_file)]
    return subprocess.Popen(
        [sys.executable, "-P", "-c", BOOT, *files, json.dumps(sys.path)],
        env=environment,
        stdin=subprocess.DEVNULL,
        pass_fds=(connection_file, memory_file),
        # Out of reach of the terminal's Ctrl-C, which is for the server to handle.
        process_group=0,
    )


def describe_exit(status: int) -> str:
    """Exit status in words."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
