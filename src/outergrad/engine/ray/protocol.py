"""What travels between the coordinator, the actors of workers and those of shards.

As in engine `local`, a worker that asks gets exactly one answer. Parameters and gradients do not
pass through the coordinator: workers exchange them with the shards and report what came of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from outergrad.arrays import Float32Array
from outergrad.engine.protocol import Role
from outergrad.ps.partition import Partition, Selection
from outergrad.ps.rules import RuleConfig
from outergrad.ps.shard import PushOutcome, ShardCounts
from outergrad.ps.staleness import StalenessConfig
from outergrad.workers.config import AsyncConfig
from outergrad.workers.messages import EvaluationRequest, PushNote
from outergrad.workers.program import Factory


@dataclass(frozen=True, slots=True)
class Start:
    """What a worker actor is made from."""

    role: Role
    """What to be."""
    index: int
    """Which one."""
    factory: Factory
    """Makes its source of gradients or statistics."""
    config: AsyncConfig
    """Settings of the run."""
    partition: Partition
    """How the parameters are cut."""
    trained: Selection
    """Parameters that replicas push."""


class Plain(Enum):
    """Messages without content."""

    TAKE = "take"
    """Worker: give me work."""
    FINISHED = "finished"
    """Worker: I have nothing left to do."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Worker: built, about to work; answered by `Begin`."""

    place: str
    """Process and node, for people."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Coordinator: go. Clocks of machines differ, so the time is told."""

    now: float
    """Seconds since the stage started."""


@dataclass(frozen=True, slots=True)
class Task:
    """Coordinator: what to evaluate."""

    request: EvaluationRequest
    """What is asked."""
    parameters: Any
    """[reference] to float32 [n] in the object store."""


@dataclass(frozen=True, slots=True)
class PushReply:
    """Shard: what became of a push."""

    outcome: PushOutcome
    """Applied, or why not."""
    before: int
    """Version that it found."""
    after: int
    """Version that it left."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """Replica: a push has reached the shards."""

    note: PushNote
    """What went with it."""
    replies: Mapping[int, PushReply | None]
    """By shard that holds some of the trained parameters; None: it died over the push."""


@dataclass(frozen=True, slots=True)
class ShardsMissing:
    """Worker: these shards do not answer, or have no parameters; I try again until they do."""

    shards: tuple[int, ...]
    """Which ones."""


@dataclass(frozen=True, eq=False, slots=True)
class ShardState:
    """Everything that a shard is filled with, and what it gives back for a snapshot."""

    values: Float32Array
    """float32 [size], parameters."""
    rule_state: Mapping[str, Float32Array]
    """By name float32 [size]: what the update rule remembers."""
    version: int
    """Updates applied."""
    counts: ShardCounts
    """What became of the pushes so far."""
    rate: float
    """Learning rate."""
    rule: RuleConfig
    """Update rule."""
    staleness: StalenessConfig
    """What to do with old pushes."""
