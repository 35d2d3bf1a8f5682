"""A worker as an actor: a role in a thread of its own, wired to the coordinator and the shards."""

import os
import pickle
import queue
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Sequence
from typing import Any

from outergrad.arrays import Float32Array
from outergrad.engine.heap import keep_freed_memory
from outergrad.engine.local.worker import THREAD_VARIABLES
from outergrad.engine.protocol import Failed, Role
from outergrad.engine.ray.client import ShardClient
from outergrad.engine.ray.cluster import Handle, Reference, get, place
from outergrad.engine.ray.protocol import (
    Begin,
    Plain,
    Pushed,
    Ready,
    ShardsMissing,
    Start,
    Task,
)
from outergrad.errors import InputError
from outergrad.ps.partition import Selection
from outergrad.workers.decoder import Decoder
from outergrad.workers.evaluator import Evaluator
from outergrad.workers.messages import Evaluation, EvaluationRequest, Outcome, PushNote
from outergrad.workers.replica import Replica

PUSHES_UNDER_WAY = 2
"""Per replica: one push can be applied while the next one is computed."""


class WorkerActor:
    """Takes two calls at a time: one that listens, for as long as it takes, and one that tells."""

    def __init__(self, paths: Sequence[str], start: bytes, shards: Sequence[Handle]) -> None:
        """Start to live as the pickled `Start` says, with modules found on `paths` too."""
        sys.path.extend(path for path in paths if path not in sys.path)
        # Before torch is imported. A runtime environment of Ray's would do it too, and take a
        # second per actor.
        os.environ.update({f"{name}_NUM_THREADS": "1" for name in THREAD_VARIABLES})
        keep_freed_memory()
        self._link = _Link()
        threading.Thread(target=self._live, args=(start, shards), daemon=True).start()

    def listen(self) -> list[Any]:
        """Messages since the last call, at least one."""
        return self._link.messages()

    def tell(self, answer: object) -> None:
        """What the worker has asked for."""
        self._link.answers.put(answer)

    def _live(self, pickled: bytes, shards: Sequence[Handle]) -> None:
        building = True
        try:
            start: Start = pickle.loads(pickled)
            source = start.factory.build()
            self._link.send(Ready(place()))
            begin: Begin = self._link.answers.get()
            building = False
            _role(start, source, shards, self._link, begin).run()
            self._link.drain()
            self._link.send(Plain.FINISHED)
        except Exception as error:
            text = "".join(traceback.format_exception(error))
            summary = traceback.format_exception_only(error)[0].strip()
            self._link.send(Failed(text, summary, building, isinstance(error, InputError)))


class _Link:
    """The coordinator as the ports where work comes from and results go."""

    def __init__(self) -> None:
        self.answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.pushes: _Pushes | None = None
        self._outbox: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def send(self, message: object) -> None:
        self._outbox.put(message)

    def messages(self) -> list[Any]:
        messages = [self._outbox.get()]
        while not self._outbox.empty():
            messages.append(self._outbox.get())
        return messages

    def drain(self) -> None:
        """See all pushes home."""
        if self.pushes is not None:
            self.pushes.drain()

    def take(self) -> Any:
        """Ask for work and wait for it; None ends this worker."""
        # The coordinator takes a worker that waits for one that has nothing under way.
        self.drain()
        self.send(Plain.TAKE)
        return self.answers.get()

    def put(self, result: Outcome | Evaluation) -> None:
        """Bring a result."""
        self.send(result)

    def missing(self, shards: list[int]) -> None:
        """Say that shards do not answer."""
        self.send(ShardsMissing(tuple(shards)))


class _Pushes:
    """The shards, as a replica sees them; reports to the coordinator what they did."""

    def __init__(self, shards: ShardClient, link: _Link, trained: Selection) -> None:
        self._shards = shards
        self._link = link
        self._trained = trained
        self._under_way: deque[tuple[PushNote, dict[int, Reference]]] = deque()
        self.versions, self.pull = shards.versions, shards.pull

    def push(self, gradient: Float32Array, note: PushNote) -> None:
        while len(self._under_way) >= PUSHES_UNDER_WAY:
            self._see_home()
        replies = self._shards.push(gradient, note.inner.versions, self._trained)
        self._under_way.append((note, replies))

    def drain(self) -> None:
        while self._under_way:
            self._see_home()

    def _see_home(self) -> None:
        note, references = self._under_way.popleft()
        self._link.send(Pushed(note, self._shards.replies(references)))


class _EvaluatorDesk:
    """Where the evaluator gets requests, with parameters, and puts answers."""

    def __init__(self, link: _Link, shards: ShardClient) -> None:
        self._link = link
        self.versions = shards.versions
        self.put = link.put
        self._parameters: list[Reference] = []

    def take(self) -> EvaluationRequest | None:
        task: Task | None = self._link.take()
        if task is None:
            return None
        self._parameters = task.parameters
        return task.request

    def pull(self, out: Float32Array, parts: Selection | None = None) -> tuple[int, ...]:
        out[:] = get(self._parameters)[0]
        return self.versions()


def _role(
    start: Start, source: Any, handles: Sequence[Handle], link: _Link, begin: Begin
) -> Decoder | Replica | Evaluator:
    size, config = start.partition.num_parameters, start.config
    shards = ShardClient(handles, start.partition, link.missing)
    origin = time.monotonic() - begin.now

    def clock() -> float:
        return time.monotonic() - origin

    match start.role:
        case Role.DECODER:
            trained, fetch, gap = start.trained, config.fetch, config.gap
            return Decoder(
                start.index, size, trained, source, fetch, shards, link, link, clock, gap
            )
        case Role.REPLICA:
            link.pushes = _Pushes(shards, link, start.trained)
            return Replica(
                start.index, size, start.trained, source, config, link.pushes, link, clock
            )
        case Role.EVALUATOR:
            desk = _EvaluatorDesk(link, shards)
            return Evaluator(size, source, desk, desk)
