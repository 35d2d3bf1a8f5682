"""Where the parameters of a run are kept, behind one seam for all engines."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.ps.partition import Partition


class ParameterMemory(Protocol):
    """Buffers of the shards, and a copy of the parameters frozen for the evaluator."""

    @property
    def shards(self) -> Sequence[Float32Array]:
        """Per shard: float32 [2, size], version v in row v modulo 2."""
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


class PrivateMemory:
    """Ordinary memory, for engines that live in one thread."""

    def __init__(self, partition: Partition) -> None:
        sizes = [partition.shard(k).size for k in range(partition.num_shards)]
        self.shards = [np.empty((2, size), np.float32) for size in sizes]
        self.frozen: Float32Array = np.empty(partition.num_parameters, np.float32)

    def begin(self, versions: Sequence[int]) -> None:
        """Nobody else is reading."""

    def publish(self, versions: Sequence[int]) -> None:
        """Nobody else is reading."""

    def close(self) -> None:
        """Nothing to free."""
