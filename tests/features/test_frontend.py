import kaldi_native_fbank
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from outergrad.errors import InputError
from outergrad.features import (
    FilterbankConfig,
    MfccConfig,
    compute_features,
    deltas,
    filterbank,
    mfcc,
    stack,
)


def noise(seconds: float = 0.5, scale: float = 0.1, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.normal(scale=scale, size=round(16000 * seconds)).astype(np.float32)


def mel(frequency: float) -> float:
    return 1127.0 * np.log(1.0 + frequency / 700.0)


def plain_log_mel(
    samples: np.ndarray, rate: int, num_bins: int, low: float, high: float
) -> np.ndarray:
    """Kaldi's filterbank written out frame by frame in float64."""
    length, shift, size = rate * 25 // 1000, rate * 10 // 1000, 512
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / (length - 1))
    edges = [mel(low) + (mel(high) - mel(low)) / (num_bins + 1) * b for b in range(num_bins + 2)]
    rows = []
    for begin in range(0, len(samples) - length + 1, shift):
        frame = samples[begin : begin + length].astype(np.float64) * 32768
        frame = frame - frame.mean()
        frame = frame - 0.97 * np.concatenate([frame[:1], frame[:-1]])
        power = np.abs(np.fft.rfft(frame * hann**0.85, size)) ** 2
        row = []
        for left, centre, right in zip(edges, edges[1:], edges[2:], strict=False):
            energy = 0.0
            for k in range(size // 2):
                m = mel(k * rate / size)
                if left < m <= centre:
                    energy += power[k] * (m - left) / (centre - left)
                elif centre < m < right:
                    energy += power[k] * (right - m) / (right - centre)
            row.append(np.log(energy))
        rows.append(row)
    return np.array(rows)


def test_filterbank_is_that_of_the_definition() -> None:
    samples = noise(0.2)
    ours = filterbank(samples, 16000)
    assert ours.dtype == np.float32
    assert ours.shape == (18, 40)
    # float32 against float64 transforms: relative error of an energy about 1e-4 at worst.
    np.testing.assert_allclose(ours, plain_log_mel(samples, 16000, 40, 20.0, 7600.0), atol=2e-3)


def test_mfcc_is_kaldis() -> None:
    samples = noise(1.3, seed=1)
    options = kaldi_native_fbank.MfccOptions()
    options.frame_opts.dither = 0.0
    options.use_energy = False
    computer = kaldi_native_fbank.OnlineMfcc(options)
    computer.accept_waveform(16000, (samples * 32768).tolist())
    computer.input_finished()
    reference = np.stack([computer.get_frame(t) for t in range(computer.num_frames_ready)])
    ours = mfcc(samples, 16000)
    assert ours.dtype == np.float32
    # Values reach 100; the sums are made in another order and precision.
    np.testing.assert_allclose(ours, reference, atol=2e-4)


def test_digital_silence_stays_near_quiet_speech() -> None:
    silence = np.zeros(16000, dtype=np.float32)
    assert (filterbank(silence, 16000) == 0.0).all()
    kaldi = filterbank(silence, 16000, FilterbankConfig(energy_floor=0.0))
    np.testing.assert_allclose(kaldi, np.log(2.0**-23), rtol=1e-6)
    # C0 of a constant spectrum is its sum; the other cepstra vanish.
    cepstra = mfcc(silence, 16000, MfccConfig(energy_floor=np.e))
    np.testing.assert_allclose(cepstra[:, 0], np.sqrt(23.0), rtol=1e-6)
    np.testing.assert_allclose(cepstra[:, 1:], 0.0, atol=1e-5)


@pytest.mark.parametrize(
    ("num_samples", "frames"), [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2), (16001, 98)]
)
def test_only_whole_frames(num_samples: int, frames: int) -> None:
    samples = np.ones(num_samples, dtype=np.float32)
    assert filterbank(samples, 16000).shape == (frames, 40)
    assert mfcc(samples, 16000).shape == (frames, 13)


def test_a_later_frame_does_not_depend_on_where_chunks_end() -> None:
    samples = noise(2.6, seed=2)
    whole = filterbank(samples, 16000)
    np.testing.assert_array_equal(filterbank(samples[160 * 150 :], 16000), whole[150:])


def test_the_same_audio_gives_the_same_bits() -> None:
    for config in (FilterbankConfig(), MfccConfig()):
        a = compute_features(noise(), 16000, config)
        np.testing.assert_array_equal(a, compute_features(noise(), 16000, config))
        assert a.shape[1] == config.dim


@pytest.mark.parametrize(
    ("config", "what"),
    [
        (FilterbankConfig(num_bins=2), "num_bins"),
        (FilterbankConfig(num_bins=128), "too many"),
        (FilterbankConfig(low_freq=-1.0), "do not fit"),
        (FilterbankConfig(low_freq=8000.0), "do not fit"),
        (FilterbankConfig(high_freq=9000.0), "do not fit"),
        (FilterbankConfig(high_freq=-8000.0), "do not fit"),
        (FilterbankConfig(frame_shift_ms=0.0), "empty"),
        (FilterbankConfig(frame_length_ms=0.01), "empty"),
        (FilterbankConfig(preemphasis=1.5), "preemphasis"),
        (FilterbankConfig(energy_floor=-1.0), "energy_floor"),
        (FilterbankConfig(energy_floor=float("inf")), "energy_floor"),
        (MfccConfig(num_ceps=24), "num_ceps"),
        (MfccConfig(num_ceps=0), "num_ceps"),
    ],
)
def test_impossible_options_are_refused(config: FilterbankConfig | MfccConfig, what: str) -> None:
    with pytest.raises(InputError, match=what):
        compute_features(noise(), 16000, config)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(1000),
        np.zeros((2, 1000), dtype=np.float32),
        np.full(1000, np.nan, dtype=np.float32),
        np.full(1000, np.inf, dtype=np.float32),
    ],
)
def test_impossible_samples_are_refused(samples: np.ndarray) -> None:
    with pytest.raises(InputError, match="samples"):
        filterbank(samples, 16000)


def test_deltas_by_hand() -> None:
    x = np.array([[0.0], [1.0], [4.0], [9.0], [16.0], [25.0]], dtype=np.float32)
    result = deltas(x)
    # Δ_0 = (1·(1−0) + 2·(4−0))/10; Δ_2 = (1·(9−1) + 2·(16−0))/10; Δ_5 = (25−16 + 2·(25−9))/10.
    np.testing.assert_allclose(result[[0, 2, 5], 1], [0.9, 4.0, 4.1], rtol=1e-6)
    # ΔΔ_0 with the window (4, 4, 1, −4, −10, −4, 1, 4, 4)/100 over 0 0 0 0 0 1 4 9 16.
    np.testing.assert_allclose(result[0, 2], 1.0, rtol=1e-6)
    np.testing.assert_array_equal(result[:, 0], x[:, 0])


def test_deltas_shape_order_and_refusals() -> None:
    x = noise(0.01).reshape(-1, 4)
    assert deltas(x).shape == (40, 12)
    assert deltas(x, order=1).shape == (40, 8)
    np.testing.assert_array_equal(deltas(x, order=0), x)
    # The windows sum to zero up to float32 rounding.
    np.testing.assert_allclose(deltas(x[:1])[0, 4:], 0.0, atol=1e-7)
    np.testing.assert_array_equal(deltas(x[::2]), deltas(x[::2].copy()))
    for bad in (x[:0], x[0], x.astype(np.float64)):
        with pytest.raises(InputError, match="deltas need"):
            deltas(bad)
    with pytest.raises(InputError, match="order"):
        deltas(x, order=-1)


@given(
    x=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 8), st.integers(1, 3)),
        elements=st.floats(-9, 9, width=32),
    ),
    left=st.integers(0, 4),
    right=st.integers(0, 4),
)
def test_stacking_repeats_the_edges(x: np.ndarray, left: int, right: int) -> None:
    stacked = stack(x, left, right)
    assert stacked.shape == (len(x), (left + 1 + right) * x.shape[1])
    assert not stacked.flags.writeable
    for t in range(len(x)):
        neighbours = np.clip(np.arange(t - left, t + right + 1), 0, len(x) - 1)
        np.testing.assert_array_equal(stacked[t], x[neighbours].ravel())


def test_stacking_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="stacking"):
        stack(np.zeros((0, 3), dtype=np.float32), 1, 1)
    with pytest.raises(InputError, match="stacking"):
        stack(np.zeros((2, 3), dtype=np.float32), -1, 1)
