"""What travels between the server and a worker process, besides the messages of the roles.

A worker that asks gets exactly one answer (an assignment, an outcome, a request or None); between
questions it may bring results. Pushes are announced after their mailbox is completely written.
"""

from dataclasses import dataclass
from enum import Enum

from outergrad.engine.local.memory import MemoryPlan
from outergrad.engine.protocol import Role
from outergrad.workers.config import AsyncConfig
from outergrad.workers.messages import PushNote
from outergrad.workers.program import Factory


@dataclass(frozen=True, slots=True)
class Start:
    """The first message to a worker."""

    role: Role
    """What to be."""
    index: int
    """Which one."""
    factory: Factory
    """Makes its source of gradients or statistics."""
    config: AsyncConfig
    """Settings of the run."""
    plan: MemoryPlan
    """Where things lie in the shared memory."""
    origin: float
    """`time.monotonic()` when the stage's time was 0."""
    beat: int
    """Which entry of the memory's `beats` shows that this worker is alive."""


class Plain(Enum):
    """Messages without content."""

    READY = "ready"
    """Worker: built, about to work."""
    TAKE = "take"
    """Worker: give me work."""
    PUSHED = "pushed"
    """Server: a mailbox of yours is free again."""


@dataclass(frozen=True, slots=True)
class PushReady:
    """Worker: a mailbox holds a gradient."""

    mailbox: int
    """Which one."""
    note: PushNote
    """What goes with it."""
