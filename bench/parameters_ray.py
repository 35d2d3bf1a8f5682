"""Budget: fetch and push of 27 MB of parameters on Ray against the textbook parameter server.

The textbook one is an actor that holds the whole vector; every worker pulls from it and pushes to
it by itself. Ours has shards that publish each version once in the object store, which a node
brings over once for all its workers, and gradients go to the shards in parts.

Two nodes on this machine, each with one replica, which pulls and pushes, and seven decoders, which
pull: the shape of the method, where each update is followed by pulls of all that compute with the
parameters. In a round everybody pulls the newest version and copies it to its own array, and then
the replicas push. Rounds of the two servers alternate. Both apply the same update, plain SGD; ours
also refuses what is not finite and counts.

As `parameters-ray-3` the same with three decoders, as `parameters-ray-0` without any: nothing to
coalesce. These are not budgets; they show what the ratio depends on.
"""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.cluster_utils import Cluster

from outergrad.arrays import Float32Array
from outergrad.engine.ray.client import ShardClient
from outergrad.engine.ray.protocol import ShardState
from outergrad.engine.ray.shard import ShardActor
from outergrad.ps.partition import Partition
from outergrad.ps.rules import RuleConfig
from outergrad.ps.shard import ShardCounts
from outergrad.ps.staleness import StalenessConfig
from support.budget import alternate, report

SIZE = 27_000_000 // 4
NODES = 2
SHARDS = NODES
DECODERS = 7
REPEATS = 9
RATE = 1e-3


class Textbook:
    """The parameter server of Ray's own examples."""

    def __init__(self, values: Float32Array) -> None:
        self.values = values.copy()

    def pull(self) -> Float32Array:
        return self.values

    def push(self, gradient: Float32Array) -> None:
        self.values = self.values + np.float32(RATE) * gradient


class Worker:
    """Pulls and pushes, from either server."""

    def __init__(self, textbook: Any, shards: list[Any], count: int) -> None:
        self.textbook = textbook
        self.partition = Partition.even(SIZE, count)
        self.client = ShardClient(shards, self.partition, print)
        self.gradient = np.full(SIZE, 1e-3, np.float32)
        self.parameters = np.zeros(SIZE, np.float32)
        self.versions: tuple[int, ...] = ()

    def pull_textbook(self) -> None:
        self.parameters[:] = ray.get(self.textbook.pull.remote())

    def push_textbook(self) -> None:
        ray.get(self.textbook.push.remote(self.gradient))

    def pull_sharded(self) -> None:
        self.versions = self.client.pull(self.parameters)

    def push_sharded(self) -> None:
        sent = self.client.push(self.gradient, self.versions, self.partition.whole)
        assert None not in self.client.replies(sent).values()

    def first(self) -> float:
        return float(self.parameters[0])


def rounds(workers: list[Any], replicas: list[Any], server: str) -> None:
    ray.get([getattr(worker, f"pull_{server}").remote() for worker in workers])
    ray.get([getattr(replica, f"push_{server}").remote() for replica in replicas])


def measure(budget: str, decoders: int, cluster: Cluster, **limits: Any) -> None:
    start = np.zeros(SIZE, np.float32)
    partition = Partition.even(SIZE, SHARDS)
    textbook = ray.remote(Textbook).options(num_cpus=0).remote(start)
    shards = [
        ray.remote(ShardActor).options(num_cpus=0, scheduling_strategy="SPREAD").remote()
        for _ in range(SHARDS)
    ]
    for index, shard in enumerate(shards):
        span = partition.shard(index)
        values = start[span.start : span.stop]
        state = ShardState(values, {}, 0, ShardCounts(), RATE, RuleConfig("sgd"), StalenessConfig())
        ray.get(shard.fill.remote(state, False))
    kind = ray.remote(Worker)
    teams = [
        [
            kind.options(num_cpus=0, resources={f"node{node}": 1}).remote(textbook, shards, SHARDS)
            for _ in range(1 + decoders)
        ]
        for node in range(NODES)
    ]
    workers = [worker for team in teams for worker in team]
    replicas = [team[0] for team in teams]
    times = alternate(
        REPEATS,
        lambda: rounds(workers, replicas, "textbook"),
        lambda: rounds(workers, replicas, "sharded"),
    )
    # Both have applied the same pushes, so the servers have to agree.
    found = []
    for server in ("textbook", "sharded"):
        ray.get(getattr(workers[0], f"pull_{server}").remote())
        found.append(ray.get(workers[0].first.remote()))
    assert np.isclose(found[0], found[1], rtol=1e-5), found
    report(
        budget,
        [theirs / ours for theirs, ours in times],
        better="higher",
        unit="x textbook Ray parameter server: fetch + push, 27 MB",
        nodes=NODES,
        workers_per_node=1 + decoders,
        seconds=round(sorted(ours for _, ours in times)[len(times) // 2], 3),
        **limits,
    )
    for actor in (*workers, *shards, textbook):
        ray.kill(actor)


def main() -> None:
    # Nodes and actors are processes of their own: they find modules where this one does.
    paths = [str(Path(__file__).parent), *filter(None, sys.path)]
    os.environ |= {
        "PYTHONPATH": os.pathsep.join(paths),
        "RAY_USAGE_STATS_ENABLED": "0",
        # Otherwise actors, those of both servers, give way to whatever else runs here.
        "RAY_worker_niceness": "0",
    }
    cluster = Cluster()
    try:
        for node in range(NODES):
            cluster.add_node(
                num_cpus=16,
                resources={f"node{node}": 16},
                object_store_memory=1_000_000_000,
                include_dashboard=False,
            )
        ray.init(address=cluster.address, log_to_driver=False, configure_logging=False)
        measure("parameters-ray", DECODERS, cluster, must=2, aim=4)
        measure("parameters-ray-3", 3, cluster, must=0, aim=2)
        measure("parameters-ray-0", 0, cluster, must=0, aim=1)
    finally:
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    main()
