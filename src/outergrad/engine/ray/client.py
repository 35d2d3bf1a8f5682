"""The shards as a worker sees them: direct calls, patient while one of them is being restored."""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from outergrad.arrays import Float32Array
from outergrad.engine.ray.cluster import GONE, Handle, Reference, get
from outergrad.engine.ray.protocol import PushReply
from outergrad.errors import RunError
from outergrad.ps.partition import Partition, Piece, Selection

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
        return tuple(self._ask("version", range(self._partition.num_shards)))

    def pull(
        self,
        out: Float32Array,
        parts: Selection | None = None,
        shards: Collection[int] | None = None,
    ) -> tuple[int, ...]:
        """Copy what `shards` hold of `parts` (defaults: all) to their places in `out` float32 [n].

        Returns:
            Version of each shard, not older than the call.

        Raises:
            RunError: a shard has been missing for too long.
        """
        pieces = self._pieces(parts or self._partition.whole, shards)
        holders = [piece.shard for piece in pieces]
        others = [k for k in range(self._partition.num_shards) if k not in holders]
        versions = dict(zip(others, self._ask("version", others), strict=True))
        found, values = self._published(holders)
        for piece, version, array in zip(pieces, found, values, strict=True):
            first = self._partition.bounds[piece.shard]
            for span in piece.spans:
                out[first + span.start : first + span.stop] = array[span.start : span.stop]
            versions[piece.shard] = version
        return tuple(versions[k] for k in range(self._partition.num_shards))

    def _published(self, shards: Sequence[int]) -> tuple[list[int], list[Float32Array]]:
        """Versions of shards and their parameters, in the memory that this node shares."""
        while True:
            published = self._ask("pull", shards)
            values = answers([references[0] for _, references in published])
            lost = [k for k, array in zip(shards, values, strict=True) if array is None]
            if not lost:
                return [version for version, _ in published], values
            # What a shard has published goes with it.
            self._missing(lost)

    def _pieces(self, parts: Selection, shards: Collection[int] | None) -> list[Piece]:
        pieces = self._partition.pieces(parts)
        return [piece for piece in pieces if shards is None or piece.shard in shards]

    def states(self) -> list[Any]:
        """`ShardState` of each shard."""
        return self._ask("state", range(self._partition.num_shards))

    def push(
        self,
        gradient: Float32Array,
        computed_at: Sequence[float],
        parts: Selection,
        shards: Collection[int] | None = None,
    ) -> dict[int, Reference]:
        """Send an ascent direction float32 [size of parts]; returns the replies to come, by shard.

        A push is sent once. One that its shard does not survive is lost with it: sending it again
        might apply it twice.
        """
        replies = {}
        for piece in self._pieces(parts, shards):
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

    def _ask(self, method: str, shards: Sequence[int]) -> list[Any]:
        """Answers of some shards; those that have none are asked again until they have."""
        found: dict[int, Any] = {}
        waiting = list(shards)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            asked = [getattr(self._shards[index], method).remote() for index in waiting]
            found.update(zip(waiting, answers(asked), strict=True))
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


def answers(references: Sequence[Reference]) -> list[Any]:
    """Values of references, None for those whose actor has died."""
    try:
        return get(references)
    except GONE:
        return [_answer(reference) for reference in references]


def _answer(reference: Reference) -> Any:
    try:
        return get([reference])[0]
    except GONE:
        return None
