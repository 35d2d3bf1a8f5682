"""Budget: fetch and push of 27 MB of parameters in the local engine against plain memory copies.

A fetch copies the shards out of shared memory. A push copies the gradient into a mailbox; then
the server checks it, applies it and publishes the result. All of it runs one after the other
in this process, in alternation with copies of the same bytes (one for the fetch, one for the
push), so that neither a second core nor a noisy minute can flatter it.
"""

import json
import statistics
import time
from collections.abc import Callable

import numpy as np

from outergrad.engine.local.memory import MemoryPlan, SharedMemory
from outergrad.ps.partition import Partition
from outergrad.ps.rules import Sgd
from outergrad.ps.server import ParameterServer

NUM_BYTES = 27_000_000
SHARDS = 4
REPEATS = 31


def seconds(work: Callable[[], object]) -> float:
    # Time of this thread: nothing here waits, and on a busy machine the wall clock would mostly
    # measure how often somebody else was let in.
    start = time.thread_time()
    work()
    return time.thread_time() - start


def report(budget: str, ratios: list[float], unit: str) -> None:
    quartiles = statistics.quantiles(ratios, n=4)
    line = {
        "budget": budget,
        "ratio": round(quartiles[1], 2),
        "must": 3,
        "aim": 1.5,
        "better": "lower",
        "unit": unit,
        "repeats": len(ratios),
        "spread": [round(quartiles[0], 2), round(quartiles[2], 2)],
    }
    print(json.dumps(line))


def main() -> None:
    size = NUM_BYTES // 4
    partition = Partition.even(size, SHARDS)
    memory = SharedMemory(MemoryPlan(partition, replicas=1, trained=partition.whole))
    rng = np.random.default_rng(0)
    gradient = rng.normal(size=size).astype(np.float32)
    values = rng.normal(size=size).astype(np.float32)
    server = ParameterServer(values, partition, Sgd(), buffers=memory.shards)
    memory.publish(server.versions)
    mailbox, held, copied = memory.mailboxes[0, 0], np.empty_like(values), np.empty_like(values)

    def fetch() -> None:
        memory.pull(held)

    def push() -> None:
        mailbox[:] = gradient

    def apply() -> None:
        memory.begin(server.versions)
        server.push(mailbox, server.versions, 1e-3)
        memory.publish(server.versions)

    def copy() -> None:
        copied[:] = values
        copied[:] = gradient

    for work in (fetch, push, apply, apply, copy):
        work()  # touches every page once
    worker, whole = [], []
    for _ in range(REPEATS):
        plain = seconds(copy)
        seen = seconds(fetch) + seconds(push)
        worker.append(seen / plain)
        whole.append((seen + seconds(apply)) / plain)
    report("parameters-local", whole, "x memory copy: fetch, push, apply, publish")
    report("parameters-local-worker", worker, "x memory copy: what a replica waits for")
    memory.close()


if __name__ == "__main__":
    main()
