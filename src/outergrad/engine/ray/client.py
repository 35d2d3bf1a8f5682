"""The shards as a worker sees them: direct calls, patient while one of them is being restored."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from outergrad.arrays import Float32Array
from outergrad.engine.ray.cluster import GONE, Handle, Reference, get
from outergrad.engine.ray.protocol import PushReply
from outergrad.errors import RunError
from outergrad.ps.partition import Partition, Span

RETRY_SECONDS = 0.2
"""Between questions to a shard that does not answer."""

PATIENCE_SECONDS = 120.0
"""A shard that was lost with its node has to be missed by Ray, placed anew, started and filled."""


class ShardClient:
    """Calls all shards at a time."""

    def __init__(
        self, shards: Sequence[Handle], partition: Partition, missing: Callable[[list[int]], None]
    ) -> None:
        """A client of `shards`; `missing` is told which of them do not answer, again and again."""
        self._shards = shards
        self._partition = partition
        self._missing = missing

    def versions(self) -> tuple[int, ...]:
        """Version of each shard now."""
        return tuple(self._ask("version", lambda answer: answer))

    def pull(self, out: Float32Array) -> tuple[int, ...]:
        """Copy the parameters to `out` float32 [n]; returns the version of each shard.

        The versions are not older than the call.

        Raises:
            RunError: a shard has been missing for too long.
        """
        bounds = self._partition.bounds
        versions = []
        for index, (version, values) in enumerate(self._ask("pull", _fetched)):
            out[bounds[index] : bounds[index + 1]] = values
            versions.append(version)
        return tuple(versions)

    def states(self) -> list[Any]:
        """`ShardState` of each shard."""
        return self._ask("state", lambda answer: answer)

    def push(
        self, gradient: Float32Array, computed_at: Sequence[float], span: Span
    ) -> dict[int, Reference]:
        """Send an ascent direction float32 [size of span]; returns the replies to come, by shard.

        A push is sent once. One that its shard does not survive is lost with it: sending it again
        might apply it twice.
        """
        replies = {}
        for index, part in self._partition.overlaps(span):
            replies[index] = self._shards[index].push.remote(
                gradient[part.start - span.start : part.stop - span.start],
                int(computed_at[index]),
                part.start - self._partition.bounds[index],
            )
        return replies

    def replies(self, references: dict[int, Reference]) -> dict[int, PushReply | None]:
        """Wait for what became of a push; None where the shard has died."""
        found = dict(zip(references, answers(list(references.values())), strict=True))
        lost = [index for index, answer in found.items() if answer is None]
        if lost:
            self._missing(lost)
        return found

    def _ask(self, method: str, finish: Callable[[Any], Any]) -> list[Any]:
        """Answers of all shards; those that have none are asked again until they have."""
        found: list[Any] = [None] * len(self._shards)
        waiting = list(range(len(self._shards)))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            asked = [getattr(self._shards[index], method).remote() for index in waiting]
            for index, answer in zip(waiting, answers(asked), strict=True):
                found[index] = None if answer is None else _survived(finish, answer)
            waiting = [index for index in waiting if found[index] is None]
            if not waiting:
                return found
            if time.monotonic() > deadline:
                raise RunError(
                    f"shards {waiting} of the parameters have not answered for "
                    f"{PATIENCE_SECONDS:.0f} s: is there a node with room for them?"
                )
            self._missing(waiting)
            threading.Event().wait(RETRY_SECONDS)


def _fetched(answer: tuple[int, list[Reference]]) -> tuple[int, Float32Array]:
    version, references = answer
    return version, get(references)[0]


def _survived(finish: Callable[[Any], Any], answer: Any) -> Any:
    try:
        return finish(answer)
    except GONE:
        return None


def answers(references: Sequence[Reference]) -> Iterator[Any]:
    """Values of references in order, None for those whose actor has died."""
    for reference in references:
        try:
            yield get([reference])[0]
        except GONE:
            yield None
