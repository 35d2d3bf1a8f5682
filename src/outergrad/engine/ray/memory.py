"""Where a run's parameters are on a cluster: in shard actors, started when first filled."""

from collections.abc import Sequence

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.engine.protocol import Role
from outergrad.engine.ray.child import PUSHES_UNDER_WAY
from outergrad.engine.ray.cluster import Cluster, Handle, kill
from outergrad.engine.ray.config import RayConfig
from outergrad.engine.ray.server import RemoteServer, ServerPlan
from outergrad.engine.ray.shard import ShardActor
from outergrad.ps.partition import Partition
from outergrad.ps.server import ServerState
from outergrad.workers.config import AsyncConfig


class ClusterMemory:
    """The shards of a run and the cluster that they live on."""

    def __init__(self, partition: Partition, config: AsyncConfig, settings: RayConfig) -> None:
        self.frozen: Float32Array = np.empty(partition.num_parameters, np.float32)
        self.settings = settings
        self.shards: list[Handle] = []
        self.server: RemoteServer
        """The server that `serve` made last."""
        self._config = config
        self._cluster: Cluster | None = None

    @property
    def cluster(self) -> Cluster:
        """The cluster; connects when it is asked for the first time.

        Raises:
            InputError: there is none, or none can be started.
        """
        if self._cluster is None:
            config, size = self._config, self.frozen.size
            cpus = config.shards * self.settings.shard_cpus
            cpus += config.replicas * self.cpus(Role.REPLICA)
            cpus += config.replicas * config.decoders * self.cpus(Role.DECODER)
            cpus += self.cpus(Role.EVALUATOR)
            # Versions being read, a snapshot with rule state, and pushes of all replicas.
            vectors = 10 + 2 * PUSHES_UNDER_WAY * config.replicas
            self._cluster = Cluster(self.settings, cpus, 4 * size * vectors)
        return self._cluster

    def cpus(self, role: Role) -> float:
        """Logical CPUs of a worker."""
        match role:
            case Role.DECODER:
                return self.settings.decoder_cpus
            case Role.REPLICA:
                return self.settings.replica_cpus
            case Role.EVALUATOR:
                return self.settings.evaluator_cpus

    def serve(self, state: ServerState, partition: Partition, config: AsyncConfig) -> RemoteServer:
        """Shards on the cluster, started if need be."""
        if not self.shards:
            self.shards = [
                self.cluster.actor(ShardActor, cpus=self.settings.shard_cpus, restarts=True)
                for _ in range(partition.num_shards)
            ]
        plan = ServerPlan(
            partition,
            config.rule,
            config.staleness,
            # A replica that dies leaves pushes unreported; so do those that replace it.
            lead=PUSHES_UNDER_WAY * config.replicas * (config.max_restarts + 1),
            max_deaths=config.max_restarts,
        )
        self.server = RemoteServer(self.shards, state, plan, config.schedule.rate)
        return self.server

    def begin(self, versions: Sequence[int]) -> None:
        """Shards see to it themselves."""

    def publish(self, versions: Sequence[int]) -> None:
        """Shards see to it themselves."""

    def close(self) -> None:
        """End the shards, and the cluster if it was started here."""
        for shard in self.shards:
            kill(shard)
        if self._cluster is not None:
            self._cluster.close()
