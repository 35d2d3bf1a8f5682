"""Recordings of any length in bounded memory: read block by block, cut where it is quiet."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from outergrad.arrays import Float32Array
from outergrad.corpus.audio import SAMPLE_RATE, AudioError, require_file
from outergrad.corpus.problems import Kind
from outergrad.corpus.truncation import lost_end
from outergrad.errors import InputError

_BLOCK_SECONDS = 10


@dataclass(frozen=True)
class CutConfig:
    """Where a long recording is cut into pieces."""

    max_seconds: float = 30.0
    """Longest piece, in seconds; a recording that is no longer stays whole."""
    min_seconds: float = 8.0
    """Shortest piece, in seconds, but for what is left at the end."""
    pause_seconds: float = 0.3
    """Length of the stretch that must be quiet, in seconds; the cut is in its middle."""

    def __post_init__(self) -> None:
        if not 0.0 < self.pause_seconds <= self.min_seconds <= self.max_seconds:
            raise InputError(
                "pieces need 0 < pause_seconds ≤ min_seconds ≤ max_seconds, not "
                f"{self.pause_seconds}, {self.min_seconds}, {self.max_seconds}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A stretch of a recording: `samples` (float32 `[samples]`) from `begin` seconds on."""

    begin: float
    samples: Float32Array


def stream_audio(path: Path, rate: int = SAMPLE_RATE) -> Iterator[Float32Array]:
    """The samples of a recording, some seconds at a time; what `read_audio` reads at once.

    Args:
        path: wav, flac or ogg, any rate and number of channels.
        rate: Samples per second wanted.

    Yields:
        float32 `[samples]`, one channel, full scale ±1, finite.

    Raises:
        AudioError: The file is missing, cannot be read, lost its end, is empty, or holds nan or
            infinite values.
    """
    require_file(path)
    count = 0
    try:
        lost = lost_end(path)
        if lost is not None:
            raise AudioError(Kind.TRUNCATED, f"{path} was cut off: {lost}")
        with soundfile.SoundFile(path) as stream:
            source_rate = int(stream.samplerate)
            resampler = None
            if source_rate != rate:
                resampler = soxr.ResampleStream(source_rate, rate, 1, dtype="float32")
            size = source_rate * _BLOCK_SECONDS
            last = False
            while not last:
                wide = stream.read(size, dtype="float32", always_2d=True)
                last = len(wide) < size
                samples = wide.mean(axis=1, dtype=np.float64).astype(np.float32)
                if not np.isfinite(samples).all():
                    raise AudioError(Kind.NOT_FINITE, f"{path} holds nan or infinite samples")
                if resampler is not None:
                    samples = resampler.resample_chunk(samples, last=last)
                count += len(samples)
                if len(samples):
                    yield np.ascontiguousarray(samples, dtype=np.float32)
    except soundfile.LibsndfileError as error:
        reason = str(error.error_string).removeprefix("Error :").strip().rstrip(".")
        raise AudioError(Kind.UNREADABLE_AUDIO, f"{path} cannot be read: {reason}") from error
    except (OSError, RuntimeError, ValueError, TypeError, MemoryError) as error:
        # soundfile rejects contradictory headers with these types.
        raise AudioError(Kind.UNREADABLE_AUDIO, f"{path} cannot be read: {error}") from error
    if not count:
        raise AudioError(Kind.EMPTY_AUDIO, f"{path} has no samples")


def cut_at_silence(
    blocks: Iterable[Float32Array], config: CutConfig | None = None, rate: int = SAMPLE_RATE
) -> Iterator[Piece]:
    """Pieces no longer than `max_seconds`, cut in the middle of the quietest pause.

    The quietest stretch of `pause_seconds` between `min_seconds` and `max_seconds` after the last
    cut is found by its energy; no threshold has to fit the recording. The pieces make up the
    recording, sample for sample.

    Args:
        blocks: float32 `[samples]` each.
        config: Lengths.
        rate: Samples per second.
    """
    config = config or CutConfig()
    most = round(config.max_seconds * rate)
    waiting = np.zeros(0, dtype=np.float32)
    begin = 0
    for block in blocks:
        waiting = np.concatenate([waiting, block])
        while len(waiting) > most:
            cut = _quietest(waiting[:most], config, rate)
            yield Piece(begin / rate, waiting[:cut])
            begin += cut
            waiting = waiting[cut:]
    if len(waiting):
        yield Piece(begin / rate, waiting)


def _quietest(samples: Float32Array, config: CutConfig, rate: int) -> int:
    """Position of the middle of the quietest pause, in samples, at least `min_seconds`."""
    width = max(1, round(config.pause_seconds * rate))
    first = round(config.min_seconds * rate)
    energy = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    window = energy[width:] - energy[:-width]
    begins = np.arange(max(0, first - width // 2), len(window))
    if not len(begins):
        return len(samples)
    # The latest of equally quiet ones: the longer the pieces, the better the language model.
    loudness = window[begins][::-1]
    return int(begins[::-1][int(np.argmin(loudness))]) + width // 2
