"""Rooms, microphones and noise: what makes clean synthetic speech hard to recognise."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from outergrad.arrays import Float64Array
from outergrad.errors import InputError

NOISES = ("white", "pink", "babble", "hum")
"""Kinds of noise."""

_NOISE_SHARES = (0.2, 0.35, 0.35, 0.1)
_BABBLE_TALKERS = 5
_PRE_DELAY_SECONDS = 0.003


@dataclass(frozen=True, slots=True)
class AcousticsConfig:
    """Ranges from which the conditions of each utterance are drawn uniformly.

    Attributes:
        snr_db: signal-to-noise ratio of the active speech in dB; lower is harder.
        rt60_seconds: reverberation time (decay by 60 dB) in seconds; longer is harder.
        direct_to_reverberant_db: energy of the direct sound over that of the reverberation in dB;
            lower is harder.
        tilt_db_per_octave: spectral tilt around 1 kHz.
        highpass_hz: lower edge of the microphone's band.
        lowpass_hz: upper edge of the microphone's band.
        level_dbfs: level of the active speech in dB below full scale.
        silence_seconds: silence before and, drawn anew, after the speech.
    """

    snr_db: tuple[float, float] = (-1.0, 15.0)
    rt60_seconds: tuple[float, float] = (0.15, 0.6)
    direct_to_reverberant_db: tuple[float, float] = (-1.0, 10.0)
    tilt_db_per_octave: tuple[float, float] = (-3.0, 2.0)
    highpass_hz: tuple[float, float] = (40.0, 250.0)
    lowpass_hz: tuple[float, float] = (3500.0, 7800.0)
    level_dbfs: tuple[float, float] = (-35.0, -18.0)
    silence_seconds: tuple[float, float] = (0.1, 0.3)

    def __post_init__(self) -> None:
        for name in self.__slots__:
            low, high = getattr(self, name)
            if not (np.isfinite([low, high]).all() and low <= high):
                raise InputError(f"acoustics: {name} must be a range (low, high), not {low, high}")
        for name in ("rt60_seconds", "highpass_hz", "lowpass_hz"):
            if getattr(self, name)[0] <= 0:
                raise InputError(f"acoustics: {name} must be positive, not {getattr(self, name)}")
        if self.silence_seconds[0] < 0:
            raise InputError("acoustics: silence_seconds must not be negative")


def trim_silence(samples: Float64Array, threshold: float = 1e-3) -> Float64Array:
    """`samples` [n] without the ends whose magnitude is below `threshold` times the largest."""
    loud = np.flatnonzero(np.abs(samples) > threshold * np.abs(samples).max(initial=0.0))
    return samples[loud[0] : loud[-1] + 1] if loud.size else samples[:0]


def active_level(samples: Float64Array, rate: int) -> float:
    """Root mean square of the 20 ms frames within 30 dB of the loudest frame; 0 for silence."""
    length = rate // 50
    if samples.size < length:
        return float(np.sqrt(np.mean(samples**2))) if samples.size else 0.0
    frames = samples[: samples.size // length * length].reshape(-1, length)
    energy = np.mean(frames**2, axis=1)
    return float(np.sqrt(energy[energy >= 1e-3 * energy.max()].mean()))


def room_response(
    rt60_seconds: float,
    direct_to_reverberant_db: float,
    rate: int,
    generator: np.random.Generator,
) -> Float64Array:
    """Impulse response of a synthetic room: the direct sound and exponentially decaying noise.

    ``h(t) = δ(t) + g · n(t) · 10^(−3 t / RT60)`` from the first reflection on, n white Gaussian
    noise, g such that the energies of the two have the ratio asked for.

    Args:
        rt60_seconds: time in which the reverberation decays by 60 dB.
        direct_to_reverberant_db: ratio of the energies in dB.
        rate: sampling rate in Hz.
        generator: source of randomness.

    Returns:
        float64 [max(1, RT60 · rate)]; the first sample, the direct sound, is 1.

    Source: Polack's model of late reverberation (Polack 1988).
    """
    response = np.zeros(max(1, round(rt60_seconds * rate)))
    response[0] = 1.0
    first = max(1, round(_PRE_DELAY_SECONDS * rate))
    if response.size > first:
        decay = 10.0 ** (-3.0 * np.arange(first, response.size) / (rt60_seconds * rate))
        tail = generator.standard_normal(response.size - first) * decay
        gain = 10.0 ** (-direct_to_reverberant_db / 20.0) / np.sqrt(np.sum(tail**2))
        response[first:] = gain * tail
    return response


def microphone_gain(
    frequencies: npt.NDArray[np.floating],
    tilt_db_per_octave: float,
    highpass_hz: float,
    lowpass_hz: float,
) -> Float64Array:
    """Magnitude response float64 [f]: a tilt around 1 kHz and second-order band edges."""
    octaves = np.log2(np.maximum(frequencies, 30.0) / 1000.0)
    gain = 10.0 ** (tilt_db_per_octave * octaves / 20.0)
    with np.errstate(divide="ignore"):
        high = 1.0 / np.sqrt(1.0 + (highpass_hz / frequencies) ** 4)
    return np.asarray(gain * high / np.sqrt(1.0 + (frequencies / lowpass_hz) ** 8))


def noise(
    kind: str, size: int, rate: int, babble: Float64Array, generator: np.random.Generator
) -> Float64Array:
    """Noise float64 [size] with root mean square 1.

    Args:
        kind: one of `NOISES`.
        size: number of samples.
        rate: sampling rate in Hz.
        babble: running speech of several talkers, one after the other; read circularly.
        generator: source of randomness.

    Raises:
        InputError: unknown kind, or no running speech to make babble of.
    """
    if kind == "white":
        samples = generator.standard_normal(size)
    elif kind == "pink":
        padded = _fast_length(size)
        spectrum = np.fft.rfft(generator.standard_normal(padded))
        frequencies = np.fft.rfftfreq(padded, 1.0 / rate)
        samples = np.fft.irfft(spectrum / np.sqrt(np.maximum(frequencies, 40.0)), padded)[:size]
    elif kind == "hum":
        time = np.arange(size) / rate
        samples = 0.05 * generator.standard_normal(size)
        for harmonic in range(1, 9):
            amplitude = generator.uniform(0.2, 1.0) / harmonic
            phase = generator.uniform(0.0, 2 * np.pi)
            samples += amplitude * np.sin(2 * np.pi * 50.0 * harmonic * time + phase)
    elif kind == "babble":
        if not babble.size:
            raise InputError("babble noise needs running speech")
        starts = generator.integers(babble.size, size=_BABBLE_TALKERS)
        samples = np.zeros(size)
        for start in starts:
            samples += np.take(babble, np.arange(start, start + size), mode="wrap")
    else:
        raise InputError(f"unknown noise {kind!r}; known are {', '.join(NOISES)}")
    scale = np.sqrt(np.mean(samples**2)) if size else 1.0
    return np.asarray(samples / scale if scale > 0 else samples)


def degrade(
    speech: Float64Array,
    rate: int,
    config: AcousticsConfig,
    babble: Float64Array,
    generator: np.random.Generator,
) -> Float64Array:
    """Clean speech as a distant microphone in a noisy room records it.

    Silence around it, room, noise at a signal-to-noise ratio, microphone, level; every condition is
    drawn from the ranges of `config`.

    Args:
        speech: float64 [n], any level.
        rate: sampling rate in Hz.
        config: ranges of the conditions.
        babble: running speech for babble noise, float64 [m].
        generator: source of randomness.

    Returns:
        float64 [n + silences], magnitudes at most 1.
    """
    before, after = (round(generator.uniform(*config.silence_seconds) * rate) for _ in range(2))
    dry = np.concatenate([np.zeros(before), speech, np.zeros(after)])
    response = room_response(
        generator.uniform(*config.rt60_seconds),
        generator.uniform(*config.direct_to_reverberant_db),
        rate,
        generator,
    )
    kind = NOISES[int(generator.choice(len(NOISES), p=_NOISE_SHARES))]
    disturbance = noise(kind, dry.size, rate, babble, generator)
    snr_db = generator.uniform(*config.snr_db)
    padded = _fast_length(dry.size + response.size)
    gain = microphone_gain(
        np.fft.rfftfreq(padded, 1.0 / rate),
        generator.uniform(*config.tilt_db_per_octave),
        generator.uniform(*config.highpass_hz),
        generator.uniform(*config.lowpass_hz),
    )
    disturbance *= active_level(dry, rate) * 10.0 ** (-snr_db / 20.0)
    spectrum = np.fft.rfft(dry, padded) * np.fft.rfft(response, padded)
    spectrum += np.fft.rfft(disturbance, padded)
    recorded = np.fft.irfft(spectrum * gain, padded)[: dry.size]
    level = active_level(recorded, rate)
    if level == 0.0:
        return np.asarray(recorded)
    recorded *= 10.0 ** (generator.uniform(*config.level_dbfs) / 20.0) / level
    return np.asarray(recorded / max(1.0, float(np.abs(recorded).max())))


def _fast_length(size: int) -> int:
    """Smallest number of samples ≥ size with a fast Fourier transform: 2^k · {1, 1.25, 1.5}."""
    power = 1 << max(3, (size - 1).bit_length() - 1)
    return next(
        length for length in (power, power * 5 // 4, power * 3 // 2, power * 2) if length >= size
    )
