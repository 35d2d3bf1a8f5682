"""Reading recordings: wav, flac or ogg at any rate, one channel out."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from outergrad.arrays import Float32Array
from outergrad.corpus.problems import Kind, Problem
from outergrad.corpus.truncation import lost_end
from outergrad.corpus.utterance import Utterance
from outergrad.errors import InputError

SAMPLE_RATE = 16_000
"""Rate in Hz at which everything downstream works."""

# Headers are untrusted: reading block by block bounds memory by what is really in the file.
_BLOCK = 1 << 20


class AudioError(InputError):
    """Audio of one utterance that cannot be used.

    Args:
        kind: What sort of problem it is.
        message: One sentence for the user.
    """

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message

    def __reduce__(self) -> tuple[type["AudioError"], tuple[Kind, str]]:
        return (AudioError, (self.kind, self.message))


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """Samples of an utterance and what they came from.

    Args:
        samples: float32 `[samples]`, one channel, full scale ±1.
        rate: Samples per second of `samples`.
        source_rate: Samples per second of the recording.
        channels: Channels of the recording; averaged in `samples`.
        overshoot: Seconds by which the utterance's end lies beyond the end of the recording.
    """

    samples: Float32Array
    rate: int
    source_rate: int
    channels: int
    overshoot: float = 0.0

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return len(self.samples) / self.rate


def read_audio(utterance: Utterance, rate: int = SAMPLE_RATE) -> Audio:
    """Read the stretch of the recording that belongs to an utterance.

    Channels are averaged; another rate than `rate` is converted with soxr (high quality).

    Args:
        utterance: What to read.
        rate: Samples per second wanted.

    Returns:
        The samples: at least one, all finite.

    Raises:
        AudioError: The file is missing, cannot be read, lost its end, has no samples there, or
            holds nan or infinite values.
    """
    path = utterance.audio
    require_file(path)
    try:
        lost = lost_end(path)
        if lost is not None:
            raise AudioError(Kind.TRUNCATED, f"{path} was cut off: {lost}")
        with soundfile.SoundFile(path) as stream:
            source_rate, channels = int(stream.samplerate), int(stream.channels)
            wide, overshoot = _read_stretch(stream, utterance)
    except soundfile.LibsndfileError as error:
        reason = str(error.error_string).removeprefix("Error :").strip().rstrip(".")
        raise AudioError(Kind.UNREADABLE_AUDIO, f"{path} cannot be read: {reason}") from error
    except (OSError, RuntimeError, ValueError, TypeError, MemoryError) as error:
        # soundfile rejects contradictory headers with these types.
        raise AudioError(Kind.UNREADABLE_AUDIO, f"{path} cannot be read: {error}") from error
    samples = wide[:, 0] if channels == 1 else wide.mean(axis=1, dtype=np.float64)
    if not np.isfinite(samples).all():
        count = int(np.count_nonzero(~np.isfinite(samples)))
        raise AudioError(Kind.NOT_FINITE, f"{path} holds {count} nan or infinite samples")
    samples = np.ascontiguousarray(samples, dtype=np.float32)
    if source_rate != rate and len(samples):
        samples = np.ascontiguousarray(soxr.resample(samples, source_rate, rate), dtype=np.float32)
    if len(samples) == 0:
        raise AudioError(Kind.EMPTY_AUDIO, f"{path} has no samples{_stretch(utterance)}")
    return Audio(samples, rate, source_rate, channels, overshoot)


def conversion_notices(audios: Iterable[tuple[int, int]], rate: int = SAMPLE_RATE) -> list[Problem]:
    """One notice for each foreign sampling rate and each number of channels, with counts.

    Args:
        audios: Rate in Hz and number of channels of the recording of each utterance.
        rate: The rate that everything is converted to, in Hz.
    """
    formats = Counter(audios)
    rates: Counter[int] = Counter()
    channels: Counter[int] = Counter()
    for (source_rate, source_channels), count in formats.items():
        rates[source_rate] += count
        channels[source_channels] += count
    return [
        Problem(
            Kind.RESAMPLED,
            f"{_utterances(count)} recorded at {source} Hz: resampled to {rate} Hz",
            fatal=False,
        )
        for source, count in sorted(rates.items())
        if source != rate
    ] + [
        Problem(
            Kind.CHANNELS,
            f"{_utterances(count)} recorded with {source} channels: averaged to one",
            fatal=False,
        )
        for source, count in sorted(channels.items())
        if source != 1
    ]


def audio_problem(utterance: Utterance, error: AudioError) -> Problem:
    """The problem that an utterance with unusable audio is reported as."""
    origin = utterance.origin
    return Problem(error.kind, error.message, origin.audio_file, origin.audio_line, utterance.id)


def _utterances(count: int) -> str:
    return f"{count} utterance" + ("" if count == 1 else "s")


def _stretch(utterance: Utterance) -> str:
    if utterance.begin == 0.0 and utterance.end is None:
        return ""
    end = "its end" if utterance.end is None else f"{utterance.end:g} s"
    return f" between {utterance.begin:g} s and {end}"


def require_file(path: Path) -> None:
    """Raise `AudioError` unless there is a regular file at `path`."""
    try:
        if path.is_file():
            return
        what = "is not a regular file" if path.exists() else "does not exist"
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
    raise AudioError(Kind.MISSING_AUDIO, f"{path} {what}")


def _read_stretch(stream: soundfile.SoundFile, utterance: Utterance) -> tuple[Float32Array, float]:
    """Samples `[samples, channels]` of the utterance's stretch, and seconds missing at its end."""
    rate = stream.samplerate
    begin = round(utterance.begin * rate)
    wanted = None if utterance.end is None else round(utterance.end * rate) - begin
    if begin:
        if begin >= stream.frames:
            message = (
                f"{utterance.audio} is {stream.frames / rate:g} s long, "
                f"the utterance begins at {utterance.begin:g} s"
            )
            raise AudioError(Kind.SEGMENT, message)
        stream.seek(begin)
    blocks: list[Float32Array] = []
    count = 0
    while wanted is None or count < wanted:
        size = _BLOCK if wanted is None else min(_BLOCK, wanted - count)
        block = stream.read(size, dtype="float32", always_2d=True)
        blocks.append(block)
        count += len(block)
        if len(block) < size:
            break
    overshoot = 0.0 if wanted is None else (wanted - count) / rate
    if not blocks:
        return np.zeros((0, stream.channels), dtype=np.float32), overshoot
    return (blocks[0] if len(blocks) == 1 else np.concatenate(blocks)), overshoot
