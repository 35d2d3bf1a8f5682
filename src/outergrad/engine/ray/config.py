"""Settings of engine `ray`."""

from dataclasses import dataclass

from outergrad.errors import InputError


@dataclass(frozen=True, slots=True)
class RayConfig:
    """Where the cluster is and what each role asks of it."""

    address: str = ""
    """Address of a running cluster, `host:port` or `auto`; empty: a fresh one on this machine."""
    shard_cpus: float = 0.0
    """Logical CPUs of a shard. They work in bursts: 0 lets them share what is there."""
    decoder_cpus: float = 1.0
    """Logical CPUs of a decoder; it computes in one thread."""
    replica_cpus: float = 1.0
    """Logical CPUs of a replica; it computes in one thread."""
    evaluator_cpus: float = 1.0
    """Logical CPUs of the evaluator; it computes in one thread."""
    object_store_mb: int = 0
    """Shared memory for parameters and gradients on a fresh cluster, in 10⁶ bytes; 0: by the size
    of the model and the number of replicas."""

    def __post_init__(self) -> None:
        for name in ("shard_cpus", "decoder_cpus", "replica_cpus", "evaluator_cpus"):
            if not getattr(self, name) >= 0:
                raise InputError(f"ray.{name} = {getattr(self, name)} must not be negative")
        if self.object_store_mb and self.object_store_mb < 100:
            raise InputError(
                f"ray.object_store_mb = {self.object_store_mb} must be at least 100, or 0"
            )
