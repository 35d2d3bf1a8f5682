"""What work and messages cost in virtual time."""

from dataclasses import dataclass, field, fields
from typing import Any

from outergrad.errors import InputError


def _refuse_negative(section: str, config: Any) -> None:
    for entry in fields(config):
        value = getattr(config, entry.name)
        if isinstance(value, int | float) and not value >= 0:
            raise InputError(f"{section}: {entry.name} = {value} must not be negative")


@dataclass(frozen=True, slots=True)
class Cost:
    """How long a piece of work takes: `fixed` + frames × (`frame`, or one of `measured`)."""

    fixed: float = 0.0
    """Seconds, whatever the size of the work."""
    frame: float = 0.0
    """Seconds per frame."""
    measured: tuple[float, ...] = ()
    """Seconds per frame as they were measured; when given, each piece of work draws one of them
    in place of `frame`."""

    def __post_init__(self) -> None:
        _refuse_negative("cost", self)
        if any(not seconds >= 0 for seconds in self.measured):
            raise InputError("cost: measured seconds must not be negative")

    @property
    def mean_frame(self) -> float:
        """Mean seconds per frame."""
        return sum(self.measured) / len(self.measured) if self.measured else self.frame


@dataclass(frozen=True, slots=True)
class NetworkCost:
    """What lies between workers and shards."""

    latency: float = 0.0
    """Seconds that any message takes one way, besides its bytes."""
    jitter: float = 0.0
    """Mean seconds, exponentially distributed, added to `latency` for each shard by itself. With
    it a pull can see one shard before an update and another one after it."""
    bandwidth: float = 0.0
    """Bytes per second of the link of each worker and of each server machine; 0: no limit."""
    serve: float = 0.0
    """Seconds that a server machine is busy with a request, besides the bytes."""
    update: float = 0.0
    """Seconds that a server machine is busy applying a push, per byte."""
    servers: int = 0
    """Machines that the shards are spread over; each answers one pull at a time, and takes in one
    push at a time beside it. 0: one per shard."""
    shared_memory: bool = False
    """Whether workers copy parameters by themselves, as in engine `local`: such pulls wait for
    nobody, and pushes are written by the replica before the server learns of them."""
    parameter_bytes: int = 0
    """Bytes of all parameters, for runs whose vector only stands for a larger one; 0: as they
    are."""

    def __post_init__(self) -> None:
        _refuse_negative("network", self)


CLUSTER = NetworkCost(latency=2e-4, bandwidth=1.25e9)
"""Between the machines of a cluster: 0.2 ms and 10 Gb/s."""


@dataclass(frozen=True, slots=True)
class SimulatedConfig:
    """Costs of the simulated engine; the defaults cost nothing, so that only the order counts."""

    decode: Cost = field(default_factory=Cost)
    """Outer gradient of an utterance, per frame of the utterance: align, decode, sum."""
    step: Cost = field(default_factory=Cost)
    """Inner gradient of a batch, per frame of the batch."""
    evaluate: Cost = field(default_factory=Cost)
    """An evaluation; only `fixed` counts."""
    hand_out: float = 0.0
    """Seconds that the coordinator, who does one thing at a time, is busy with an utterance."""
    network: NetworkCost = field(default_factory=NetworkCost)
    """Messages."""
    cores: int = 0
    """Processor cores that all workers share evenly; 0: each worker has a core of its own."""
    speed_spread: float = 0.0
    """Workers differ in speed: standard deviation of the logarithm of how long each one takes."""

    def __post_init__(self) -> None:
        _refuse_negative("simulated engine", self)
