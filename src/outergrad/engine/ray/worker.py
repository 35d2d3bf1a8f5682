"""A worker actor as the coordinator sees it."""

import pickle
import sys
import time
from collections.abc import Sequence
from typing import Any

from outergrad.engine.ray.child import WorkerActor
from outergrad.engine.ray.cluster import Cluster, Handle, Reference, kill
from outergrad.engine.ray.protocol import Start
from outergrad.errors import InputError


class Worker:
    """One actor, and the call that it answers when it has something to say."""

    def __init__(
        self, cluster: Cluster, start: Start, shards: Sequence[Handle], cpus: float
    ) -> None:
        """Start the actor; it works once the cluster has room for it.

        Raises:
            InputError: the factory's arguments cannot be pickled.
        """
        self.role = start.role
        self.index = start.index
        self.place = "no node yet"
        """Process and node, for people."""
        self.waiting = False
        """Whether it has asked for work and got no answer yet."""
        self.dismissed = False
        """Whether it was told that there is no more work."""
        self.homeless_since: float | None = time.monotonic()
        """Since when it has been waiting for a place; None when it has one, or a person knows."""
        self._actor = cluster.actor(
            WorkerActor, list(sys.path), _pickled(start), list(shards), cpus=cpus, concurrency=2
        )
        self.listening: Reference
        """The answer to come: a list of messages."""
        self.listen()

    @property
    def name(self) -> str:
        """For people, e.g. "decoder 0"."""
        return f"{self.role.value} {self.index}"

    def listen(self) -> None:
        """Wait for messages again."""
        self.listening = self._actor.listen.remote()

    def send(self, message: Any) -> None:
        """Send a message without waiting for the worker to read it."""
        self._actor.tell.remote(message)

    def end(self) -> None:
        """Kill the actor. Workers hold nothing that is worth saving, so there is no gentle way."""
        kill(self._actor)


def _pickled(start: Start) -> bytes:
    # By ourselves, because the modules that it names are not on the actor's path until it has
    # been told so.
    try:
        return pickle.dumps(start)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise InputError(
            f"{start.role.value}: the arguments of {start.factory.function} cannot be sent to "
            f"another process: {error}"
        ) from error
