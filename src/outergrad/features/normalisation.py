"""Per-speaker mean and global variance normalisation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from outergrad.arrays import Float32Array, Float64Array
from outergrad.errors import InputError

MIN_DEVIATION = 0.01
"""Smallest standard deviation divided by: a dimension that does not vary (the bands above the
original half rate of resampled audio) must not have its rounding errors blown up."""


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Which normalisation: x ← (x − shift) / scale for each dimension."""

    speaker_mean: bool = True
    """Shift by the mean of the speaker; otherwise by the global mean if `global_variance`."""
    global_variance: bool = True
    """Scale by the standard deviation of the shifted training features."""

    @property
    def changes_nothing(self) -> bool:
        """Whether features stay as they are."""
        return not (self.speaker_mean or self.global_variance)


@dataclass(frozen=True, eq=False)
class Statistics:
    """What normalisation needs to know about training data.

    Args:
        mean: Global mean, float64 `[dim]`.
        deviation: Standard deviation of the features shifted as `normalisation` says,
            float64 `[dim]`, at least `MIN_DEVIATION`.
        speakers: Mean of each speaker, float64 `[dim]`.
        normalisation: What to do with them.
    """

    mean: Float64Array
    deviation: Float64Array
    speakers: Mapping[str, Float64Array]
    normalisation: Normalisation

    def apply(self, features: Float32Array, speaker: str | None = None) -> Float32Array:
        """Normalised features, float32 `[frames, dim]`.

        Args:
            features: float32 `[frames, dim]`, at least one frame.
            speaker: Who speaks; somebody unknown is normalised by the mean of `features` itself.

        Raises:
            InputError: Another dimension than that of the statistics, or no frames.
        """
        if features.ndim != 2 or features.shape[1] != len(self.mean) or not len(features):
            raise InputError(
                f"normalisation of dimension {len(self.mean)} cannot be applied to features "
                f"{list(features.shape)}"
            )
        known = None if speaker is None else self.speakers.get(speaker)
        own: Float64Array = features.mean(axis=0, dtype=np.float64) if known is None else known
        shift, scale = self.shift_and_scale(own)
        return ((features - shift) * scale).astype(np.float32)

    def shift_and_scale(self, speaker_mean: Float64Array) -> tuple[Float64Array, Float64Array]:
        """What to subtract and then multiply with, float64 `[dim]` each.

        Args:
            speaker_mean: Mean of the speaker's features, float64 `[dim]`.
        """
        if self.normalisation.speaker_mean:
            shift = speaker_mean
        elif self.normalisation.global_variance:
            shift = self.mean
        else:
            shift = np.zeros_like(self.mean)
        if self.normalisation.global_variance:
            return shift, 1.0 / self.deviation
        return shift, np.ones_like(self.mean)

    def to_json(self) -> dict[str, Any]:
        """Plain values for an index or a model description, to float32 precision."""
        return {
            "speaker_mean": self.normalisation.speaker_mean,
            "global_variance": self.normalisation.global_variance,
            "mean": _plain(self.mean),
            "deviation": _plain(self.deviation),
            "speakers": {speaker: _plain(mean) for speaker, mean in self.speakers.items()},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Statistics from what `to_json` gave.

        Raises:
            InputError: Something is missing, of the wrong length, or not finite.
        """
        try:
            mean = np.asarray(values["mean"], dtype=np.float64)
            deviation = np.asarray(values["deviation"], dtype=np.float64)
            speakers = {
                str(speaker): np.asarray(own, dtype=np.float64)
                for speaker, own in values["speakers"].items()
            }
            normalisation = Normalisation(
                speaker_mean=bool(values["speaker_mean"]),
                global_variance=bool(values["global_variance"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise InputError(f"damaged normalisation statistics: {error!r}") from error
        vectors = [mean, deviation, *speakers.values()]
        if any(v.ndim != 1 or len(v) != len(mean) or not np.isfinite(v).all() for v in vectors):
            raise InputError("damaged normalisation statistics: vectors differ or are not finite")
        if not (deviation > 0).all():
            raise InputError("damaged normalisation statistics: a deviation is not positive")
        return cls(mean, deviation, speakers, normalisation)


@dataclass(slots=True)
class _Sums:
    count: int
    first: Float64Array
    second: Float64Array


@dataclass(slots=True)
class StatisticsAccumulator:
    """Sums over features from which `Statistics` follow; float64 throughout."""

    _speakers: dict[str, _Sums] = field(default_factory=dict)

    def add(self, speaker: str, features: Float32Array) -> None:
        """Count the frames of an utterance, float32 `[frames, dim]`."""
        wide = features.astype(np.float64)
        first, second = wide.sum(axis=0), np.einsum("td,td->d", wide, wide)
        sums = self._speakers.get(speaker)
        if sums is None:
            self._speakers[speaker] = _Sums(len(features), first, second)
            return
        sums.count += len(features)
        sums.first += first
        sums.second += second

    def means(self) -> dict[str, Float64Array]:
        """Mean of each speaker, float64 `[dim]`."""
        return {speaker: sums.first / sums.count for speaker, sums in self._speakers.items()}

    def statistics(self, normalisation: Normalisation) -> Statistics:
        """Statistics of everything added.

        The variance is 1/T Σ_t (x_t − shift)², with the shift of the normalisation (the speaker's
        mean, or the global mean).

        Raises:
            InputError: Nothing was added.
        """
        count = sum(sums.count for sums in self._speakers.values())
        if count == 0:
            raise InputError("normalisation statistics of no frames")
        means = self.means()
        mean: Float64Array = np.sum([s.first for s in self._speakers.values()], axis=0) / count
        moment = np.zeros_like(mean)
        for speaker, sums in self._speakers.items():
            centre = means[speaker] if normalisation.speaker_mean else mean
            moment += sums.second - 2 * centre * sums.first + sums.count * centre**2
        deviation = np.maximum(np.sqrt(np.maximum(moment / count, 0.0)), MIN_DEVIATION)
        return Statistics(mean, deviation, means, normalisation)


def _plain(vector: Float64Array) -> list[float]:
    return [float(f"{value:.9g}") for value in vector]
