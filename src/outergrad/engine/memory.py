"""Where the parameters of a run are kept, behind one seam for all engines."""

from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.ps.partition import Partition, Selection
from outergrad.ps.server import ParameterServer, ServerState
from outergrad.ps.shard import PushOutcome, ShardCounts
from outergrad.workers.config import AsyncConfig


class Server(Protocol):
    """The shards of a run, in this process (a `ParameterServer`) or elsewhere."""

    @property
    def versions(self) -> tuple[int, ...]:
        """Per shard: updates applied, as far as is known here."""
        ...

    def pull(
        self,
        out: Float32Array,
        parts: Selection | None = None,
        shards: Collection[int] | None = None,
    ) -> tuple[int, ...]:
        """See `ParameterServer.pull`."""
        ...

    def push(
        self,
        gradient: Float32Array,
        computed_at: Sequence[int],
        rate: float,
        parts: Selection | None = None,
        shards: Collection[int] | None = None,
    ) -> tuple[PushOutcome, ...]:
        """See `ParameterServer.push`."""
        ...

    def values(self) -> Float32Array:
        """See `ParameterServer.values`."""
        ...

    def state(self) -> ServerState:
        """See `ParameterServer.state`."""
        ...

    def counts(self) -> ShardCounts:
        """See `ParameterServer.counts`."""
        ...


class ParameterMemory(Protocol):
    """Where the shards are, and a copy of the parameters frozen for the evaluator."""

    def serve(self, state: ServerState, partition: Partition, config: AsyncConfig) -> Server:
        """Shards of `partition`, filled with `state`, whose own cut may be another.

        Those that know a learning rate of their own start at that of `config`'s schedule.
        No worker is running; what an earlier call returned is used no longer.
        """
        ...

    @property
    def frozen(self) -> Float32Array:
        """float32 [n], parameters that are being evaluated."""
        ...

    def begin(self, versions: Sequence[int]) -> None:
        """An update of shards at `versions` is about to start."""
        ...

    def publish(self, versions: Sequence[int]) -> None:
        """The shards are at `versions` now."""
        ...

    def close(self) -> None:
        """The run is over."""
        ...


def serve_here(
    buffers: Sequence[Float32Array], state: ServerState, partition: Partition, config: AsyncConfig
) -> ParameterServer:
    """Shards in this process, in `buffers`: per shard float32 [2, size]."""
    return ParameterServer.restore(
        state, partition, config.rule.rule(), config.staleness, buffers=buffers
    )


class PrivateMemory:
    """Ordinary memory, for engines that live in one thread."""

    def __init__(self, partition: Partition) -> None:
        sizes = [partition.shard(k).size for k in range(partition.num_shards)]
        self.shards = [np.empty((2, size), np.float32) for size in sizes]
        self.frozen: Float32Array = np.empty(partition.num_parameters, np.float32)

    def serve(
        self, state: ServerState, partition: Partition, config: AsyncConfig
    ) -> ParameterServer:
        """Shards in this thread."""
        return serve_here(self.shards, state, partition, config)

    def begin(self, versions: Sequence[int]) -> None:
        """Nobody else is reading."""

    def publish(self, versions: Sequence[int]) -> None:
        """Nobody else is reading."""

    def close(self) -> None:
        """Nothing to free."""
