"""What workers that live in processes of their own have in common, on whatever engine."""

from dataclasses import dataclass
from enum import Enum

from outergrad.workers.program import Factory, Program


class Role(Enum):
    """What a worker does."""

    DECODER = "decoder"
    REPLICA = "replica"
    EVALUATOR = "evaluator"

    def factory(self, program: Program) -> Factory:
        """What makes the source of gradients or statistics of a worker in this role."""
        match self:
            case Role.DECODER:
                return program.outer
            case Role.REPLICA:
                return program.inner
            case Role.EVALUATOR:
                return program.evaluator


@dataclass(frozen=True, slots=True)
class Failed:
    """Worker: an exception ended me."""

    text: str
    """Traceback with notes."""
    summary: str
    """The exception alone."""
    building: bool
    """Whether it happened before any work, so that starting again is pointless."""
    bad_input: bool
    """Whether it says that the input is wrong."""
