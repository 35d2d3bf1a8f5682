"""Parameters in memory that all processes of a run share.

The memory has no name: it is a file that exists only as a descriptor, which workers inherit. So
nothing has to be unlinked, and nothing can be left behind, however a process ends.

Publication of a shard. Version v lives in row v modulo 2 of its buffer. The server writes
`begun` = v + 1 before it touches the other row and `published` = v + 1 when that is complete. A
reader copies row `published` modulo 2 and keeps its copy if `begun` is less than `published` + 2
afterwards, for only update v + 2 overwrites the row of v. Readers never wait for the server, the
server never waits for readers, and a reader that is killed leaves nothing behind.
"""

import mmap
import os
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from outergrad.arrays import Float32Array, Int64Array
from outergrad.engine.memory import serve_here
from outergrad.ps.partition import Partition, Piece, Selection
from outergrad.ps.server import ParameterServer, ServerState
from outergrad.workers.config import AsyncConfig

MAILBOXES = 2
"""Per replica: one push can be applied while the next one is written."""


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Where things lie in the shared memory; all that a worker needs besides the descriptor."""

    partition: Partition
    """How the parameters are cut."""
    replicas: int
    """Number of replicas."""
    trained: Selection
    """Parameters that replicas push."""
    workers: int = 0
    """Number of worker processes."""

    @property
    def num_bytes(self) -> int:
        """Size of the memory."""
        vectors = 3 * self.partition.num_parameters
        vectors += self.replicas * MAILBOXES * self.trained.size
        return self._header_bytes + vectors * 4

    @property
    def _header_bytes(self) -> int:
        entries = 2 * self.partition.num_shards + self.workers
        return -(-8 * entries // mmap.PAGESIZE) * mmap.PAGESIZE


class SharedMemory:
    """Shards, frozen parameters and mailboxes, in the server or in a worker."""

    def __init__(self, plan: MemoryPlan, file: int | None = None) -> None:
        """Make the memory, or open the one behind descriptor `file`, which is then closed."""
        if file is None:
            self.file = _anonymous_file()
            os.ftruncate(self.file, plan.num_bytes)
        else:
            self.file = file
        self.plan = plan
        self._map = mmap.mmap(self.file, plan.num_bytes)
        count, size = plan.partition.num_shards, plan.partition.num_parameters
        header: Int64Array = np.frombuffer(self._map, np.int64, 2 * count + plan.workers)
        self._begun, self._published, self.beats = np.split(header, (count, 2 * count))
        vectors = np.frombuffer(self._map, np.float32, offset=plan._header_bytes)
        shards, self.frozen, mailboxes = np.split(vectors, (2 * size, 3 * size))
        bounds = [2 * bound for bound in plan.partition.bounds[1:-1]]
        self.shards: list[Float32Array] = [s.reshape(2, -1) for s in np.split(shards, bounds)]
        self.mailboxes = mailboxes.reshape(plan.replicas, MAILBOXES, plan.trained.size)
        if file is not None:
            os.close(file)

    def close(self) -> None:
        """Close the descriptor; the memory goes with the last array that views it."""
        os.close(self.file)

    def serve(
        self, state: ServerState, partition: Partition, config: AsyncConfig
    ) -> ParameterServer:
        """Shards in this process, which others can read."""
        return serve_here(self.shards, state, partition, config)

    def begin(self, versions: Sequence[int]) -> None:
        """The server is about to update shards that are at `versions`."""
        self._begun[:] = [version + 1 for version in versions]
        _fence()

    def publish(self, versions: Sequence[int]) -> None:
        """The shards are complete at `versions`."""
        _fence()
        self._published[:] = versions

    def versions(self) -> tuple[int, ...]:
        """Published version of each shard."""
        return tuple(self._published.tolist())

    def pull(self, out: Float32Array, parts: Selection | None = None) -> tuple[int, ...]:
        """Copy each shard's entries of `parts` (default: all), untorn, to their places in `out`.

        Args:
            out: float32 [n].
            parts: which parameters are wanted.

        Returns:
            Version of each shard.
        """
        versions = list(self.versions())
        for piece in self.plan.partition.pieces(parts or self.plan.partition.whole):
            versions[piece.shard] = self._pull_piece(piece, out)
        return tuple(versions)

    def _pull_piece(self, piece: Piece, out: Float32Array) -> int:
        index = piece.shard
        first = self.plan.partition.bounds[index]
        while True:
            version = int(self._published[index])
            _fence()
            row = self.shards[index][version % 2]
            for span in piece.spans:
                out[first + span.start : first + span.stop] = row[span.start : span.stop]
            _fence()
            if self._begun[index] < version + 2:
                return version


_lock = threading.Lock()


def _fence() -> None:
    """Keep loads and stores on their sides: a lock does so where the processor does not."""
    with _lock:
        pass


def _anonymous_file() -> int:
    if sys.platform == "linux":
        return os.memfd_create("outergrad-parameters", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
