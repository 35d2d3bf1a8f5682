"""What a worker sees of the world. Engines implement these; calls may block."""

from collections.abc import Callable
from typing import Protocol

from outergrad.arrays import Float32Array
from outergrad.ps.partition import Selection
from outergrad.workers.messages import Assignment, Evaluation, EvaluationRequest, Outcome, PushNote

Clock = Callable[[], float]
"""Seconds since the stage started; the same time base for all workers."""


class ParameterClient(Protocol):
    """The parameter server, as a worker sees it."""

    def versions(self) -> tuple[int, ...]:
        """Version of each shard now, without its parameters."""
        ...

    def pull(self, out: Float32Array, parts: Selection | None = None) -> tuple[int, ...]:
        """Copy the parameters of `parts` (default: all) to their places in `out` float32 [n].

        No shard is torn, but shards may be of different versions.

        Returns:
            Version of each shard.
        """
        ...


class GradientClient(ParameterClient, Protocol):
    """The parameter server, as a replica sees it."""

    def push(self, gradient: Float32Array, note: PushNote) -> None:
        """Send an ascent direction float32 [n]; may return before it is applied."""
        ...


class UtteranceSource(Protocol):
    """Where a decoder gets its work."""

    def take(self) -> Assignment | None:
        """The next utterance; None: there will be no more."""
        ...


class OutcomeSink(Protocol):
    """Where a decoder puts its results."""

    def put(self, outcome: Outcome) -> None:
        """Send an outer gradient, or the reason why there is none, on its way."""
        ...


class OutcomeSource(Protocol):
    """Where a replica gets its outer gradients."""

    def take(self) -> Outcome | None:
        """The next outer gradient, with at least one kept frame; None: there are no more.

        After None the replica uses up the utterances in its slots and ends.
        """
        ...


class EvaluationDesk(Protocol):
    """Where an evaluator gets its requests and puts its answers."""

    def take(self) -> EvaluationRequest | None:
        """The next request; None: there will be no more."""
        ...

    def put(self, evaluation: Evaluation) -> None:
        """Answer it."""
        ...
