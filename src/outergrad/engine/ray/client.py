"""The shards as a worker sees them: direct calls, patient while one of them is being restored."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from outergrad.arrays import Float32Array
from outergrad.engine.ray.cluster import GONE, Handle, Reference, get
from outergrad.engine.ray.protocol import PushReply
from outergrad.errors import RunError
from outergrad.ps.partition import Partition, Selection

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
        shards = range(self._partition.num_shards)
        return tuple(self._ask("version", shards, _as_it_is))

    def pull(self, out: Float32Array, parts: Selection | None = None) -> tuple[int, ...]:
        """Copy the parameters of `parts` (default: all) to their places in `out` float32 [n].

        Returns:
            Version of each shard, not older than the call.

        Raises:
            RunError: a shard has been missing for too long.
        """
        pieces = {p.shard: p for p in self._partition.pieces(parts or self._partition.whole)}
        others = [k for k in range(self._partition.num_shards) if k not in pieces]
        versions = dict(zip(others, self._ask("version", others, _as_it_is), strict=True))
        found = self._ask("pull", list(pieces), _fetched)
        for piece, (version, values) in zip(pieces.values(), found, strict=True):
            first = self._partition.bounds[piece.shard]
            for span in piece.spans:
                out[first + span.start : first + span.stop] = values[span.start : span.stop]
            versions[piece.shard] = version
        return tuple(versions[k] for k in range(self._partition.num_shards))

    def states(self) -> list[Any]:
        """`ShardState` of each shard."""
        return self._ask("state", range(self._partition.num_shards), _as_it_is)

    def push(
        self, gradient: Float32Array, computed_at: Sequence[float], parts: Selection
    ) -> dict[int, Reference]:
        """Send an ascent direction float32 [size of parts]; returns the replies to come, by shard.

        A push is sent once. One that its shard does not survive is lost with it: sending it again
        might apply it twice.
        """
        replies = {}
        for piece in self._partition.pieces(parts):
            replies[piece.shard] = self._shards[piece.shard].push.remote(
                gradient[piece.within.start : piece.within.stop],
                int(computed_at[piece.shard]),
                piece.spans,
            )
        return replies

    def replies(self, references: dict[int, Reference]) -> dict[int, PushReply | None]:
        """Wait for what became of a push; None where the shard has died."""
        found = dict(zip(references, answers(list(references.values())), strict=True))
        lost = [index for index, answer in found.items() if answer is None]
        if lost:
            self._missing(lost)
        return found

    def _ask(self, method: str, shards: Sequence[int], finish: Callable[[Any], Any]) -> list[Any]:
        """Answers of some shards; those that have none are asked again until they have."""
        found: dict[int, Any] = {}
        waiting = list(shards)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            asked = [getattr(self._shards[index], method).remote() for index in waiting]
            for index, answer in zip(waiting, answers(asked), strict=True):
                found[index] = None if answer is None else _survived(finish, answer)
            waiting = [index for index in waiting if found[index] is None]
            if not waiting:
                return [found[index] for index in shards]
            if time.monotonic() > deadline:
                raise RunError(
                    f"shards {waiting} of the parameters have not answered for "
                    f"{PATIENCE_SECONDS:.0f} s: is there a node with room for them?"
                )
            self._missing(waiting)
            threading.Event().wait(RETRY_SECONDS)


def _as_it_is(answer: Any) -> Any:
    return answer


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
