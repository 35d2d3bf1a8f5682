"""Shared memory: nothing torn, nothing left behind."""

import threading
from pathlib import Path

import numpy as np

from outergrad.engine.local.memory import MAILBOXES, MemoryPlan, SharedMemory
from outergrad.ps.partition import Partition, Selection, Span
from outergrad.ps.rules import Sgd
from outergrad.ps.server import ParameterServer


def plan(size=1000, shards=3, replicas=2, trained=None):
    partition = Partition.even(size, shards)
    return MemoryPlan(partition, replicas, trained or partition.whole)


def test_parts_of_the_memory_do_not_overlap():
    memory = SharedMemory(plan(trained=Selection.of(Span(100, 150))))
    parts = [*memory.shards, memory.frozen, memory.mailboxes]
    for number, part in enumerate(parts, start=1):
        part[:] = number
    memory.begin((8, 8, 8))
    memory.publish((9, 9, 9))
    assert all((part == number).all() for number, part in enumerate(parts, start=1))
    assert [part.shape for part in memory.shards] == [(2, 333), (2, 333), (2, 334)]
    assert memory.mailboxes.shape == (2, MAILBOXES, 50)
    assert memory.versions() == (9, 9, 9)
    memory.close()


def test_a_reader_sees_the_version_it_is_told():
    memory = SharedMemory(plan())
    server = ParameterServer(
        np.zeros(1000, np.float32), memory.plan.partition, Sgd(), buffers=memory.shards
    )
    out = np.empty(1000, np.float32)
    for update in range(5):
        memory.publish(server.versions)
        assert memory.pull(out) == (update,) * 3
        assert (out == update).all()
        memory.begin(server.versions)
        server.push(np.ones(1000, np.float32), server.versions, 1.0)
        # Half done as far as readers know: they still get the version before.
        assert memory.pull(out) == (update,) * 3
        assert (out == update).all()
    memory.close()


def test_a_copy_that_was_overtaken_is_made_again(monkeypatch):
    memory = SharedMemory(plan(size=4, shards=1))
    server = ParameterServer(
        np.zeros(4, np.float32), memory.plan.partition, Sgd(), buffers=memory.shards
    )
    memory.publish(server.versions)

    class Overtaken:
        """The server makes two updates in the midst of the reader's first copy."""

        def __init__(self, shard):
            self.shard, self.reads = shard, 0

        def __getitem__(self, row):
            self.reads += 1
            if self.reads > 1:
                return self.shard[row]
            torn = self.shard[row].copy()
            for _ in range(2):
                memory.begin(server.versions)
                server.push(np.ones(4, np.float32), server.versions, 1.0)
                memory.publish(server.versions)
            torn[2:] = self.shard[row][2:]
            return torn

    memory.shards = [Overtaken(memory.shards[0])]
    out = np.empty(4, np.float32)
    assert memory.pull(out) == (2,)
    assert (out == 2).all()
    assert memory.shards[0].reads == 2
    memory.close()


def test_no_shard_is_torn_under_a_busy_writer():
    size, updates = 200_000, 300
    memory = SharedMemory(plan(size, 2))
    server = ParameterServer(
        np.zeros(size, np.float32), memory.plan.partition, Sgd(), buffers=memory.shards
    )
    memory.publish(server.versions)
    torn, versions = [], []
    done = threading.Event()

    def read():
        out = np.empty(size, np.float32)
        bounds = memory.plan.partition.bounds
        while not done.is_set():
            pulled = memory.pull(out)
            for index, version in enumerate(pulled):
                part = out[bounds[index] : bounds[index + 1]]
                versions.append(version)
                if (part != version).any():
                    torn.append(version)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    one = np.ones(size, np.float32)
    for _ in range(updates):
        memory.begin(server.versions)
        server.push(one, server.versions, 1.0)
        memory.publish(server.versions)
    done.set()
    for reader in readers:
        reader.join()
    assert not torn
    assert len(set(versions)) > 2
    memory.close()


def test_the_memory_has_no_name():
    before = set(Path("/dev/shm").glob("*")) if Path("/dev/shm").is_dir() else set()
    memory = SharedMemory(plan())
    after = set(Path("/dev/shm").glob("*")) if Path("/dev/shm").is_dir() else set()
    assert not {path for path in after - before if "outergrad" in path.name}
    memory.close()
