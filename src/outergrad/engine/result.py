"""What a training run gives back, and the totals it keeps on the way."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.criteria.outcome import FrameCounts
from outergrad.ps.shard import ShardCounts
from outergrad.randomness import rng
from outergrad.workers.messages import Age, Evaluation, Outcome
from outergrad.workers.visits import VisitCounts

KEPT_AGES = 100_000
"""Ages of so many pushes are enough for their quantiles."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Median and 95th percentile; nan without data."""

    median: float
    """Half are smaller."""
    p95: float
    """95 % are smaller."""

    @classmethod
    def of(cls, values: Sequence[float]) -> "Quantiles":
        """Quantiles of `values`."""
        if not values:
            return cls(float("nan"), float("nan"))
        median, p95 = np.percentile(values, (50, 95))
        return cls(float(median), float(p95))


@dataclass(frozen=True, slots=True)
class Staleness:
    """Ages over all pushes."""

    updates: Quantiles
    """In server updates, mean over shards."""
    seconds: Quantiles
    """In seconds."""

    @classmethod
    def of(cls, ages: Iterable[Age]) -> "Staleness":
        """Staleness of pushes of the given ages."""
        ages = list(ages)
        return cls(
            Quantiles.of([age.updates for age in ages]), Quantiles.of([age.seconds for age in ages])
        )


class Ages:
    """Ages of pushes, in memory that does not grow with their number.

    All of them up to `kept`; then a uniform random sample (Vitter's algorithm R), whose median and
    95th percentile have half a percent of the pushes at most between them and those of all.
    """

    def __init__(self, kept: int = KEPT_AGES) -> None:
        self.count = 0
        """Pushes so far."""
        self._kept = kept
        self._sample: list[Age] = []
        self._random = rng(0, "ages")

    def add(self, age: Age) -> None:
        """Count a push."""
        self.count += 1
        if len(self._sample) < self._kept:
            self._sample.append(age)
        elif (place := int(self._random.integers(self.count))) < self._kept:
            self._sample[place] = age

    def __iter__(self) -> Iterator[Age]:
        """Those that are kept."""
        return iter(self._sample)


@dataclass(slots=True)
class Totals:
    """Sums over a run; ages since its last start."""

    frames: FrameCounts = field(default_factory=FrameCounts)
    """What became of the frames, over all outer gradients."""
    reference_missing: int = 0
    """Outer gradients whose beam search lost the reference: it is not among the lattice's paths."""
    restarts: int = 0
    """Workers restarted after they died."""
    pushes: ShardCounts = field(default_factory=ShardCounts)
    """What shards that are no more did with pushes: before a divergence, before a resume."""
    outer: Ages = field(default_factory=Ages)
    """Per push: age of the outer gradients, mean over its frames."""
    inner: Ages = field(default_factory=Ages)
    """Per push: age of the replica's parameters."""

    def count(self, outcome: Outcome) -> None:
        """Add an outer gradient."""
        self.frames += outcome.outer.counts
        self.reference_missing += outcome.outer.reference_missing

    def state(self, pushes: ShardCounts) -> dict[str, Any]:
        """JSON-able sums, without ages; `pushes` are those of the shards that there are."""
        return {
            "frames": asdict(self.frames),
            "reference_missing": self.reference_missing,
            "restarts": self.restarts,
            "pushes": asdict(self.pushes + pushes),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self.frames = FrameCounts(**state["frames"])
        self.reference_missing = state["reference_missing"]
        self.restarts = state["restarts"]
        self.pushes = ShardCounts(**state.get("pushes", {}))  # older snapshots have none


@dataclass(frozen=True, eq=False, slots=True)
class TrainingResult:
    """The trained parameters and how the run went."""

    parameters: Float32Array
    """float32 [n], those with the best held-out criterion."""
    best: Evaluation
    """Their evaluation; `best.request.updates` is their version."""
    last: Float32Array
    """float32 [n], parameters at the end."""
    evaluations: tuple[Evaluation, ...]
    """All evaluations since the last start, in order."""
    stop_reason: str
    """Why the run ended."""
    updates: int
    """Server updates."""
    seconds: float
    """Wall time, earlier parts of a resumed run included."""
    visits: VisitCounts
    """Visits of utterances, failures by reason."""
    frames: FrameCounts
    """What became of the frames, over all outer gradients."""
    reference_missing: int
    """Outer gradients whose beam search lost the reference."""
    pushes: ShardCounts
    """What the shards did with pushes, summed over shards and over all parts of the run."""
    outer: Staleness
    """Age of outer gradients when they were used."""
    inner: Staleness
    """Age of the replicas' parameters when their gradients were used."""
    restarts: int
    """Workers restarted after they died."""
