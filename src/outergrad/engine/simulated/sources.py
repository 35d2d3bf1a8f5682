"""The workers' mathematics with what it costs: one instance for all workers of a role.

Only one worker runs at a time, so hundreds of them can use the same network, graph and buffers.
Whoever computes makes sure that the parameters are its own.
"""

from typing import Any

from outergrad.arrays import Float32Array
from outergrad.criteria.outcome import OuterGradient
from outergrad.engine.simulated.config import Cost, SimulatedConfig
from outergrad.engine.simulated.cores import Cores
from outergrad.gradient.gap import Gap, Probe
from outergrad.randomness import rng
from outergrad.workers.messages import HeldOut
from outergrad.workers.program import AgedSource, Batch, KeepingSource


class Shared:
    """A source, and which worker's parameters and things kept for later utterances it has."""

    def __init__(self, source: Any) -> None:
        self.source = source
        self._user: _Timed | None = None

    def use(self, user: "_Timed", parameters: Float32Array, *, fresh: bool) -> Any:
        """The source with a worker's parameters; `fresh`: they changed since it last used them."""
        if not fresh and self._user is user:
            return self.source
        self.source.load(parameters)
        if isinstance(self.source, KeepingSource) and self._user is not user:
            if self._user is not None:
                self._user.kept = self.source.kept
            self.source.kept = user.kept
        if isinstance(self.source, AgedSource):
            self.source.seen(user.updates)
        self._user = user
        return self.source


class _Timed:
    """A worker's view of a shared source, and its own speed and draws."""

    def __init__(
        self, shared: Shared, cost: Cost, cores: Cores, config: SimulatedConfig, *name: str | int
    ) -> None:
        self._shared = shared
        self._cost = cost
        self._cores = cores
        self._fresh = False
        self.kept: Any = None
        """What the source keeps for this worker while it is another one's."""
        self.updates = 0
        """How new this worker's parameters are, for a source that wants to know."""
        self._slowness = 1.0
        self._draws = rng(*name) if cost.measured else None  # type: ignore[arg-type]
        if config.speed_spread:
            self._slowness = float(rng(*name, "speed").lognormal(0.0, config.speed_spread))  # type: ignore[arg-type]

    def load(self, parameters: Float32Array) -> None:
        """Use these parameters from now on; they are loaded when they are needed."""
        self._parameters = parameters
        self._fresh = True

    def _source(self) -> Any:
        source = self._shared.use(self, self._parameters, fresh=self._fresh)
        self._fresh = False
        return source

    def _pay(self, frames: int) -> None:
        """Let the time of the work pass."""
        cost = self._cost
        frame = cost.frame
        if self._draws is not None:
            frame = cost.measured[int(self._draws.integers(len(cost.measured)))]
        self._cores.use(self._slowness * (cost.fixed + frames * frame))


class TimedOuter(_Timed):
    """A decoder's source."""

    def seen(self, updates: int) -> None:
        """The parameters loaded last have seen so many updates."""
        self.updates = updates
        self._fresh = True

    def compute(self, utterance: str) -> OuterGradient:
        """Outer gradient of an utterance, and the time it takes."""
        outer: OuterGradient = self._source().compute(utterance)
        self._pay(outer.num_frames)
        return outer

    def probe(self, utterance: str) -> Probe | None:
        """What the gap of an utterance is measured from, which takes a search."""
        probe: Probe | None = self._source().probe(utterance)
        self._pay(0 if probe is None else probe.outer.num_frames)
        return probe

    def gap(self, probe: Probe) -> Gap | None:
        """Criterion and auxiliary function of a probed utterance, which takes a search."""
        gap: Gap | None = self._source().gap(probe)
        self._pay(probe.outer.num_frames)
        return gap


class TimedInner(_Timed):
    """A replica's source."""

    def gradient(self, batch: Batch) -> Float32Array:
        """Inner gradient of a batch, and the time it takes."""
        gradient: Float32Array = self._source().gradient(batch)
        self._pay(len(batch.frames))
        return gradient


class TimedEvaluation(_Timed):
    """The evaluator's source."""

    def evaluate(self) -> HeldOut:
        """Statistics of held-out data, and the time they take."""
        held_out: HeldOut = self._source().evaluate()
        self._pay(0)
        return held_out
