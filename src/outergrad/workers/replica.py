"""The replica role: slots, pull, inner gradient, push."""

import math
from dataclasses import replace

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.gradient.slots import Slots
from outergrad.ps.partition import Selection
from outergrad.workers.config import AsyncConfig
from outergrad.workers.messages import Outcome, PushNote, Stamp
from outergrad.workers.ports import Clock, GradientClient, OutcomeSource
from outergrad.workers.program import Batch, InnerSource


class Replica:
    """Turns outer gradients into pushes: one frame of each of N utterances at a time."""

    def __init__(
        self,
        index: int,
        num_parameters: int,
        trained: Selection | None,
        source: InnerSource,
        config: AsyncConfig,
        client: GradientClient,
        inbox: OutcomeSource,
        clock: Clock,
    ) -> None:
        self._index = index
        self._source = source
        self._config = config
        self._client = client
        self._inbox = inbox
        self._clock = clock
        self._trained = trained
        self._slots: Slots[Outcome] = Slots(config.slots, self._next_utterance)
        self._drained = False
        self._parameters: Float32Array = np.empty(num_parameters, np.float32)
        self._held = Stamp((), 0.0)
        self._batches = 0
        self._sum = _PushSum()

    def run(self) -> None:
        """Work until there are no more outer gradients and the slots are empty."""
        while self.step():
            pass

    def step(self) -> bool:
        """One batch; False when there is nothing left to do."""
        self._drained = False
        outcomes, rows = self._slots.next_batch()
        if not outcomes:
            self._push()
            return False
        # Filling the slots may have taken long, so parameters are pulled afterwards.
        if self._batches % self._config.n_fetch == 0:
            now = self._clock()
            # What is not trained stays as it was at the first pull.
            parts = self._trained if self._batches else None
            self._held = Stamp(self._client.pull(self._parameters, parts), now)
            self._source.load(self._parameters)
        self._batches += 1
        batch = Batch.gather([outcome.outer for outcome in outcomes], rows.tolist())
        try:
            gradient = self._source.gradient(batch)
        except Exception as error:
            names = ", ".join(batch.utterances)
            error.add_note(f"in replica {self._index}, batch of utterances {names}")
            raise
        if self._trained is not None:
            gradient = self._trained.gather(gradient)
        self._sum.add(gradient, self._held, outcomes, rows.tolist())
        if self._sum.batches == self._config.n_push:
            self._push()
        return True

    def _next_utterance(self) -> tuple[Outcome, int] | None:
        # One question a batch is enough once there is nothing more to come.
        outcome = None if self._drained else self._inbox.take()
        if outcome is None:
            self._drained = True
            return None
        return outcome, len(outcome.outer.frames)

    def _push(self) -> None:
        gradient = self._sum.gradient
        if gradient is None:
            return
        limit, note = self._config.clip_norm, self._sum.note(self._index)
        if limit > 0:
            norm = norm_of(gradient)
            gradient = clipped(gradient, norm, limit)
            note = replace(note, norm=norm, clipped=limit < norm < math.inf)
        self._client.push(gradient, note)
        self._sum = _PushSum()


class _PushSum:
    """Batches added up for the next push."""

    def __init__(self) -> None:
        self.gradient: Float32Array | None = None
        self.batches = 0
        self._inner = Stamp((), 0.0)
        self._frames: dict[Stamp, int] = {}
        self._finished: list[int] = []
        self._stamps: list[Stamp] = []

    def add(
        self, gradient: Float32Array, held: Stamp, outcomes: list[Outcome], rows: list[int]
    ) -> None:
        if self.gradient is None:
            self.gradient, self._inner = gradient, held
        else:
            self.gradient = self.gradient + gradient
        self.batches += 1
        self._stamps.append(held)
        for outcome, row in zip(outcomes, rows, strict=True):
            self._frames[outcome.stamp] = self._frames.get(outcome.stamp, 0) + 1
            if row == len(outcome.outer.frames) - 1:
                self._finished.append(outcome.assignment.visit)

    def note(self, replica: int) -> PushNote:
        return PushNote(
            replica=replica,
            inner=self._inner,
            outer=Stamp.mean(list(self._frames), list(self._frames.values())),
            frames=sum(self._frames.values()),
            finished=tuple(self._finished),
            stamps=tuple(self._stamps),
        )


def norm_of(gradient: Float32Array) -> float:
    """Euclidean norm of a gradient."""
    return math.sqrt(float(np.einsum("i,i->", gradient, gradient)))


def clipped(gradient: Float32Array, norm: float, limit: float) -> Float32Array:
    """The gradient, whose Euclidean norm is `norm`, scaled down to `limit` when it is longer.

    A gradient that is not finite is left alone: refusing it is the shards' business.
    """
    if not math.isfinite(norm) or norm <= limit:
        return gradient
    return gradient * np.float32(limit / norm)
