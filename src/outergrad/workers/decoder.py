"""The decoder role: pull, score, align, decode, outer gradient, hand over."""

from typing import cast

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.criteria.outcome import OuterGradient
from outergrad.criteria.rows import row_sums
from outergrad.ps.partition import Selection
from outergrad.workers.config import FetchPolicy, GapConfig
from outergrad.workers.gap_meter import GapMeter
from outergrad.workers.messages import Outcome, Stamp
from outergrad.workers.ports import Clock, OutcomeSink, ParameterClient, UtteranceSource
from outergrad.workers.program import GapSource, OuterSource, tell_age

NOT_ZERO = "outer gradient does not sum to zero"


class Decoder:
    """Turns utterances into outer gradients, on its own schedule."""

    def __init__(
        self,
        index: int,
        num_parameters: int,
        trained: Selection | None,
        source: OuterSource,
        policy: FetchPolicy,
        client: ParameterClient,
        work: UtteranceSource,
        outbox: OutcomeSink,
        clock: Clock,
        gap: GapConfig | None = None,
    ) -> None:
        self._index = index
        self._trained = trained
        self._source = source
        self._policy = policy
        self._client = client
        self._work = work
        self._outbox = outbox
        self._clock = clock
        self._parameters: Float32Array = np.empty(num_parameters, np.float32)
        self._held: Stamp | None = None
        self._meter: GapMeter | None = None
        if gap is not None and gap.every:
            self._meter = GapMeter(cast(GapSource, source), gap, num_parameters, client, clock)

    def run(self) -> None:
        """Work until there are no more utterances."""
        while self.step():
            pass

    def step(self) -> bool:
        """One utterance; False when there are no more."""
        assignment = self._work.take()
        if assignment is None:
            return False
        held = self._refresh()
        try:
            outer = self._source.compute(assignment.utterance)
        except Exception as error:
            error.add_note(f"in decoder {self._index}, utterance {assignment.utterance}")
            raise
        flaw = None if outer.failed else flaw_of(outer)
        if flaw is not None:
            outer = OuterGradient.failure(outer.utterance, outer.num_frames, flaw)
        gap = None
        if self._meter is not None:
            gap, fresh = self._meter.after(assignment.utterance, self._parameters, held)
            self._held = fresh
        self._outbox.put(Outcome(assignment, outer, held, self._index, gap))
        return True

    def _refresh(self) -> Stamp:
        held, now = self._held, self._clock()
        if held is None or self._policy.due(held, self._client.versions(), now):
            # What is not trained stays as it was at the first pull.
            parts = None if held is None else self._trained
            held = Stamp(self._client.pull(self._parameters, parts), now)
            self._source.load(self._parameters)
            tell_age(self._source, held.versions)
            self._held = held
        return held


def flaw_of(outer: OuterGradient) -> str | None:
    """Why an outer gradient must not reach the parameters, or None when it may.

    Each row has to be finite and to sum to zero (or, with CE mixed in, to its share): that is what
    makes it a gradient with respect to the logits (docs/derivations/criteria.md). The inner
    gradient would refuse it by the same measure, but what is wrong with an utterance must be found
    here, where it is an outcome with a reason.
    """
    if not np.isfinite(outer.values).all():
        return "outer gradient is not finite"
    if outer.anchor is not None and not all(
        np.isfinite(part).all() for part in (outer.anchor.log_posteriors, outer.anchor.proximity)
    ):
        return "anchor of the outer gradient is not finite"
    _, off = row_sums(outer.offsets, outer.values, outer.mass)
    if off.any():
        return f"outer gradient does not sum to {outer.mass:g}" if outer.mass else NOT_ZERO
    return None
