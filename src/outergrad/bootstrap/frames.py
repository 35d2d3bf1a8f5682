"""GMM features of a corpus: MFCC without the speaker's mean, with time derivatives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import numpy as np

from outergrad.arrays import Float32Array, Float64Array, Int64Array
from outergrad.errors import InputError
from outergrad.features.frontend import deltas


class MfccSource(Protocol):
    """Where MFCC come from: a feature store, for example."""

    def frames(self, utterance: str) -> Float32Array:
        """float32 [T, 13], MFCC of an utterance."""
        ...


class GmmFrames:
    """The features that GMMs see, one array for the whole corpus (56 MB per hour of speech).

    Attributes:
        ids: utterance ids.
        offsets: int64 [number of utterances + 1], frames of utterance i are
            offsets[i] ... offsets[i + 1] - 1.
        x: float32 [frames, 39].
    """

    def __init__(self, ids: tuple[str, ...], offsets: Int64Array, x: Float32Array) -> None:
        self.ids = ids
        self.offsets = offsets
        self.x = x

    @classmethod
    def of(
        cls,
        mfcc: MfccSource | Mapping[str, Float32Array],
        speakers: Mapping[str, str],
        ids: Iterable[str] | None = None,
    ) -> GmmFrames:
        """Subtract each speaker's mean and append first and second time derivatives.

        Args:
            mfcc: utterance id → float32 [T, 13].
            speakers: utterance id → speaker id; the utterances that share a mean.
            ids: utterances wanted, instead of all in `speakers`.

        Raises:
            InputError: no utterance, or one without speaker or frames.
        """
        wanted = tuple(speakers if ids is None else ids)
        if not wanted:
            raise InputError("no utterances to train or decode")
        unknown = [utterance for utterance in wanted if utterance not in speakers]
        if unknown:
            raise InputError(f"utterance {unknown[0]} has no speaker ({len(unknown)} have none)")
        raw = [_frames(mfcc, utterance) for utterance in wanted]
        for utterance, frames in zip(wanted, raw, strict=True):
            if frames.ndim != 2 or not len(frames):
                raise InputError(f"utterance {utterance} has no frames")
        sums: dict[str, Float64Array] = {}
        counts: dict[str, int] = {}
        for utterance, frames in zip(wanted, raw, strict=True):
            speaker = speakers[utterance]
            total = frames.sum(axis=0, dtype=np.float64)
            sums[speaker] = sums[speaker] + total if speaker in sums else total
            counts[speaker] = counts.get(speaker, 0) + len(frames)
        offsets = np.zeros(len(wanted) + 1, dtype=np.int64)
        np.cumsum([len(frames) for frames in raw], out=offsets[1:])
        x = np.empty((int(offsets[-1]), 3 * raw[0].shape[1]), dtype=np.float32)
        for i, (utterance, frames) in enumerate(zip(wanted, raw, strict=True)):
            speaker = speakers[utterance]
            mean = (sums[speaker] / counts[speaker]).astype(np.float32)
            x[offsets[i] : offsets[i + 1]] = deltas(frames - mean, order=2)
        return cls(wanted, offsets, x)

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[tuple[str, Float32Array]]:
        for i, utterance in enumerate(self.ids):
            yield utterance, self.utterance(i)

    def utterance(self, position: int) -> Float32Array:
        """float32 [T, 39], view of the frames of the utterance ids[position]."""
        return self.x[self.offsets[position] : self.offsets[position + 1]]

    @property
    def num_frames(self) -> int:
        """Frames of all utterances together."""
        return len(self.x)

    def moments(self) -> tuple[Float64Array, Float64Array]:
        """Mean and variance of all frames, float64 [D] each.

        Raises:
            InputError: a dimension does not vary; Gaussians would give scores that are no numbers.
        """
        mean = self.x.mean(axis=0, dtype=np.float64)
        second = np.einsum("td,td->d", self.x, self.x, dtype=np.float64) / len(self.x)
        variance = np.maximum(second - mean**2, 0.0)
        # Below that the difference is rounding.
        constant = np.flatnonzero(variance <= np.maximum(1e-14 * second, np.finfo(np.float32).tiny))
        if len(constant):
            raise InputError(
                f"dimension {constant[0]} of the GMM features (0 ... {len(mean) - 1}: MFCC, first "
                f"and second derivatives) is the same in all {len(self.x)} frames, "
                f"{len(constant)} dimensions in all: check the recordings and the MFCC settings"
            )
        return mean, variance


def _frames(mfcc: MfccSource | Mapping[str, Float32Array], utterance: str) -> Float32Array:
    return mfcc[utterance] if isinstance(mfcc, Mapping) else mfcc.frames(utterance)
