"""Log-mel filterbank, MFCC and their deltas, as Kaldi computes them (kaldi-native-fbank)."""

import math
from dataclasses import dataclass

import kaldi_native_fbank
import numpy as np

from outergrad.arrays import Float32Array, Float64Array
from outergrad.errors import InputError

# Kaldi's features expect 16-bit sample values; ours have full scale 1.
_FULL_SCALE = 32768.0
# kaldi-native-fbank takes a list of floats: a second at a time keeps that list small. It frees the
# interpreter lock while it computes, so threads run in parallel.
_CHUNK = 16_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameConfig:
    """How the signal is cut into frames and warped to the mel scale.

    There is no dither: features of the same audio must be the same bits.
    """

    frame_length_ms: float = 25.0
    """Length of a frame, in ms."""
    frame_shift_ms: float = 10.0
    """Distance of two frames, in ms."""
    low_freq: float = 20.0
    """Lower edge of the lowest mel filter, in Hz."""
    preemphasis: float = 0.97
    """Coefficient of the pre-emphasis filter x[n] − c · x[n−1]."""
    energy_floor: float = 1.0
    """Smallest mel energy, in units of squared 16-bit sample values; 0 is Kaldi's 2^−23. The
    default is below the noise of a microphone, and keeps digital silence (runs of zeros) from
    lying far outside all other frames, for which Kaldi adds random dither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterbankConfig(FrameConfig):
    """Log-mel filterbank; the defaults are those of the paper and of Kaldi's ``fbank.conf``."""

    num_bins: int = 40
    """Number of mel filters."""
    high_freq: float = -400.0
    """Upper edge of the highest mel filter, in Hz; 0 or less counts from half the rate."""

    @property
    def dim(self) -> int:
        """Values per frame."""
        return self.num_bins


@dataclass(frozen=True, slots=True, kw_only=True)
class MfccConfig(FrameConfig):
    """Mel-frequency cepstra; the defaults are those of Kaldi's ``mfcc.conf``."""

    num_ceps: int = 13
    """Number of cepstra, C0 included (C0, not log energy, comes first)."""
    num_bins: int = 23
    """Number of mel filters."""
    high_freq: float = 0.0
    """Upper edge of the highest mel filter, in Hz; 0 or less counts from half the rate."""
    cepstral_lifter: float = 22.0
    """Liftering constant."""

    @property
    def dim(self) -> int:
        """Values per frame."""
        return self.num_ceps


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenConfig:
    """Features that were computed elsewhere (a Kaldi system's ``feats.scp``)."""

    dim: int
    """Values per frame."""
    frame_shift_ms: float = 10.0
    """Distance of two frames, in ms."""


ComputedConfig = FilterbankConfig | MfccConfig
FeatureConfig = ComputedConfig | GivenConfig


def compute_features(samples: Float32Array, rate: int, config: FeatureConfig) -> Float32Array:
    """Filterbank or MFCC features, whichever `config` describes; see `filterbank` and `mfcc`.

    Raises:
        InputError: as these, and for features that were computed elsewhere.
    """
    return _computed(samples, rate, from_audio(config))


def from_audio(config: FeatureConfig) -> ComputedConfig:
    """`config`, if features of this kind can be computed from audio.

    Raises:
        InputError: they were computed elsewhere.
    """
    if isinstance(config, GivenConfig):
        raise InputError(
            f"this model takes features that were computed elsewhere ({config.dim} values a "
            "frame, from feats.scp): audio cannot be turned into them here. Export the network, "
            "or train with features=filterbank"
        )
    return config


def _computed(samples: Float32Array, rate: int, config: ComputedConfig) -> Float32Array:
    if isinstance(config, FilterbankConfig):
        return filterbank(samples, rate, config)
    return mfcc(samples, rate, config)


def filterbank(
    samples: Float32Array, rate: int, config: FilterbankConfig | None = None
) -> Float32Array:
    """Log-mel filterbank energies: log max(Σ_k |X_t(k)|² m_b(k), floor), natural logarithm.

    Only frames that lie wholly inside the signal (Kaldi's ``snip-edges``).

    Args:
        samples: float32 `[samples]`, full scale ±1, finite.
        rate: Samples per second.
        config: Options.

    Returns:
        float32 `[frames, num_bins]`; no frames when the signal is shorter than one.

    Raises:
        InputError: Samples of another type or not finite, or options that contradict each other.
    """
    config = config or FilterbankConfig()
    _validate(samples, rate, config)
    return _log_mel(samples, rate, config)


def mfcc(samples: Float32Array, rate: int, config: MfccConfig | None = None) -> Float32Array:
    """Mel-frequency cepstral coefficients (Davis and Mermelstein, 1980).

    c_t(k) = (1 + L/2 sin(πk/L)) √(2/B) Σ_b cos(πk(b + ½)/B) log-mel_t(b), with √(1/B) for k = 0.
    Equal to Kaldi's where the energy floor is not met.

    Args:
        samples: float32 `[samples]`, full scale ±1, finite.
        rate: Samples per second.
        config: Options.

    Returns:
        float32 `[frames, num_ceps]`; no frames when the signal is shorter than one.

    Raises:
        InputError: Samples of another type or not finite, or options that contradict each other.
    """
    config = config or MfccConfig()
    _validate(samples, rate, config)
    if not 1 <= config.num_ceps <= config.num_bins:
        raise InputError(
            f"num_ceps must be between 1 and num_bins ({config.num_bins}), not {config.num_ceps}"
        )
    cepstra = _log_mel(samples, rate, config) @ _cepstral_transform(config)
    return cepstra.astype(np.float32)


def deltas(features: Float32Array, order: int = 2, window: int = 2) -> Float32Array:
    """Append regression coefficients over time, as Kaldi's ``add-deltas``.

    Δ_t = Σ_{j=−w…w} j x_{t+j} / Σ_j j², higher orders by convolving the windows; beyond the
    utterance its first and last frame are repeated.

    Args:
        features: float32 `[frames, dim]`, at least one frame.
        order: Highest order; 0 changes nothing.
        window: Half width w of the first-order window, in frames.

    Returns:
        float32 `[frames, (order+1)·dim]`: features, first order, second order, …
    """
    if features.ndim != 2 or features.dtype != np.float32 or 0 in features.shape:
        raise InputError(
            "deltas need float32 [frames, dim] with at least one frame, "
            f"not {features.dtype} {list(features.shape)}"
        )
    if order < 0 or window < 1:
        raise InputError(f"deltas need order ≥ 0 and window ≥ 1, not {order} and {window}")
    if order == 0:
        return features.copy()
    options = kaldi_native_fbank.DeltaOptions()
    options.order, options.window = order, window
    result: Float32Array = kaldi_native_fbank.compute_deltas(
        options, np.ascontiguousarray(features)
    )
    return result


def stack(features: Float32Array, left: int, right: int) -> Float32Array:
    """Each frame with its neighbours: row t holds frames t − left … t + right.

    Beyond the utterance its first and last frame are repeated, as in `FeatureStore.stacked`.

    Args:
        features: float32 `[frames, dim]`, at least one frame.
        left: Frames before.
        right: Frames after.

    Returns:
        Read-only view of one padded copy, float32 `[frames, (left+1+right)·dim]`.
    """
    if features.ndim != 2 or 0 in features.shape or left < 0 or right < 0:
        raise InputError(
            f"stacking needs [frames, dim] and context ≥ 0, not {list(features.shape)}, "
            f"left {left}, right {right}"
        )
    padded = np.ascontiguousarray(np.pad(features, ((left, right), (0, 0)), mode="edge"))
    return windows_of(padded, left + 1 + right)


def windows_of(rows: Float32Array, width: int) -> Float32Array:
    """All runs of `width` consecutive rows, each flattened: a read-only view of `rows`."""
    count = max(0, len(rows) - width + 1)
    return np.lib.stride_tricks.as_strided(
        rows, (count, width * rows.shape[1]), rows.strides, writeable=False
    )


def _validate(samples: Float32Array, rate: int, config: ComputedConfig) -> None:
    """Refuse what kaldi-native-fbank would refuse with less to say, or not at all."""
    if samples.ndim != 1 or samples.dtype != np.float32:
        raise InputError(
            f"samples must be float32 [samples], not {samples.dtype} {list(samples.shape)}"
        )
    if not np.isfinite(samples).all():
        raise InputError("samples contain nan or infinite values")
    length = int(rate * config.frame_length_ms / 1000)
    if rate <= 0 or length < 2 or int(rate * config.frame_shift_ms / 1000) < 1:
        raise InputError(
            f"frames of {config.frame_length_ms} ms every {config.frame_shift_ms} ms at "
            f"{rate} Hz are empty"
        )
    if not 0.0 <= config.preemphasis <= 1.0:
        raise InputError(f"preemphasis must be between 0 and 1, not {config.preemphasis}")
    if not 0.0 <= config.energy_floor < math.inf:
        raise InputError(f"energy_floor must be finite and not negative: {config.energy_floor}")
    nyquist = rate / 2
    high = config.high_freq if config.high_freq > 0 else nyquist + config.high_freq
    if not 0 <= config.low_freq < high <= nyquist:
        raise InputError(
            f"mel filters from {config.low_freq} Hz to {high} Hz do not fit a signal at {rate} Hz"
        )
    if config.num_bins < 3:
        raise InputError(f"num_bins must be at least 3, not {config.num_bins}")
    _require_filters_hold_bins(config.num_bins, config.low_freq, high, rate, length)


def _require_filters_hold_bins(
    num_bins: int, low: float, high: float, rate: int, length: int
) -> None:
    size = 1 << (length - 1).bit_length()
    edges = np.linspace(_mel(low), _mel(high), num_bins + 2)
    bins = 1127.0 * np.log1p(np.arange(size // 2) * (rate / size) / 700.0)
    held = np.searchsorted(bins, edges[2:], "left") - np.searchsorted(bins, edges[:-2], "right")
    if (held < 1).any():
        raise InputError(
            f"{num_bins} mel filters between {low:g} and {high:g} Hz are too many for frames of "
            f"{length} samples at {rate} Hz: filter {int(np.argmin(held)) + 1} would be empty"
        )


def _mel(frequency: float) -> float:
    return 1127.0 * math.log1p(frequency / 700.0)


def _log_mel(samples: Float32Array, rate: int, config: ComputedConfig) -> Float32Array:
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = rate
    options.frame_opts.frame_length_ms = config.frame_length_ms
    options.frame_opts.frame_shift_ms = config.frame_shift_ms
    options.frame_opts.preemph_coeff = config.preemphasis
    options.frame_opts.dither = 0.0
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = config.num_bins
    options.mel_opts.low_freq = config.low_freq
    options.mel_opts.high_freq = config.high_freq
    options.use_energy = False
    computer = kaldi_native_fbank.OnlineFbank(options)
    for begin in range(0, len(samples), _CHUNK):
        chunk = samples[begin : begin + _CHUNK] * np.float32(_FULL_SCALE)
        computer.accept_waveform(rate, chunk.tolist())
    computer.input_finished()
    features = np.empty((computer.num_frames_ready, config.num_bins), dtype=np.float32)
    for t in range(len(features)):
        features[t] = computer.get_frame(t)
    if config.energy_floor > 0:
        np.maximum(features, np.float32(math.log(config.energy_floor)), out=features)
    return features


def _cepstral_transform(config: MfccConfig) -> Float64Array:
    """Discrete cosine transform and liftering, float64 `[num_bins, num_ceps]`."""
    order = np.arange(config.num_ceps)
    bins = np.arange(config.num_bins) + 0.5
    transform = np.cos(np.pi / config.num_bins * np.outer(bins, order))
    transform *= np.sqrt(2.0 / config.num_bins)
    transform[:, 0] = np.sqrt(1.0 / config.num_bins)
    if config.cepstral_lifter > 0:
        lifter = config.cepstral_lifter
        transform *= 1.0 + 0.5 * lifter * np.sin(np.pi * order / lifter)
    return transform
