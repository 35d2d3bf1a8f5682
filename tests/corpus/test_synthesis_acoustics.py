"""Rooms, noise and microphones: measured to be what was asked for."""

import numpy as np
import pytest

from outergrad.corpus.synthesis.acoustics import (
    NOISES,
    AcousticsConfig,
    active_level,
    degrade,
    microphone_gain,
    noise,
    room_response,
    trim_silence,
)
from outergrad.errors import InputError
from outergrad.randomness import rng

RATE = 16_000
BABBLE = rng(0, "babble").standard_normal(3 * RATE)


def test_room_has_the_energy_ratio_and_the_decay_asked_for() -> None:
    response = room_response(0.5, 4.0, RATE, rng(0, "room"))
    assert response[0] == 1.0
    assert 10 * np.log10(1.0 / np.sum(response[1:] ** 2)) == pytest.approx(4.0, abs=1e-9)
    # Schroeder: the energy still to come falls 60 dB per RT60; fit between 0.05 and 0.3 s, before
    # the cut at the end bends the curve.
    to_come = 10 * np.log10(np.cumsum(response[::-1] ** 2)[::-1])
    time = np.arange(response.size) / RATE
    fitted = (time > 0.05) & (time < 0.3)
    slope = np.polyfit(time[fitted], to_come[fitted], 1)[0]
    # Random tail: the slope of one room scatters by a few per cent.
    assert -60.0 / slope == pytest.approx(0.5, rel=0.08)


@pytest.mark.parametrize("kind", NOISES)
def test_noise_has_unit_level_and_is_reproducible(kind: str) -> None:
    first = noise(kind, 2 * RATE + 77, RATE, BABBLE, rng(3, kind))
    assert first.shape == (2 * RATE + 77,)
    assert np.sqrt(np.mean(first**2)) == pytest.approx(1.0)
    assert np.array_equal(first, noise(kind, 2 * RATE + 77, RATE, BABBLE, rng(3, kind)))
    assert not np.array_equal(first, noise(kind, 2 * RATE + 77, RATE, BABBLE, rng(4, kind)))


def test_pink_noise_falls_three_decibels_an_octave_and_white_does_not() -> None:
    def slope(kind: str) -> float:
        samples = noise(kind, 60 * RATE, RATE, BABBLE, rng(1, kind))
        power = np.mean(np.abs(np.fft.rfft(samples.reshape(-1, 1600))) ** 2, axis=0)
        frequencies = np.fft.rfftfreq(1600, 1 / RATE)
        inside = (frequencies >= 100) & (frequencies <= 6000)
        return float(np.polyfit(np.log2(frequencies[inside]), 10 * np.log10(power[inside]), 1)[0])

    # 600 averaged spectra scatter by 0.2 dB per bin.
    assert slope("pink") == pytest.approx(-3.01, abs=0.2)
    assert slope("white") == pytest.approx(0.0, abs=0.2)


def test_hum_is_mains_frequency() -> None:
    spectrum = np.abs(np.fft.rfft(noise("hum", RATE, RATE, BABBLE, rng(1, "hum"))))
    harmonics = {50 * number for number in range(1, 9)}
    assert set(np.argsort(spectrum)[-3:].tolist()) <= harmonics


def test_unknown_noise_and_missing_babble_are_errors() -> None:
    with pytest.raises(InputError, match="unknown noise 'brown'"):
        noise("brown", 10, RATE, BABBLE, rng(0, "x"))
    with pytest.raises(InputError, match="running speech"):
        noise("babble", 10, RATE, np.zeros(0), rng(0, "x"))


def test_microphone_tilts_and_limits_the_band() -> None:
    frequencies = np.array([0.0, 50.0, 1000.0, 2000.0, 8000.0])
    gain = 20 * np.log10(np.maximum(microphone_gain(frequencies, -2.0, 100.0, 4000.0), 1e-9))
    assert gain[0] < -100
    assert gain[1] < -3
    assert gain[2] == pytest.approx(0.0, abs=0.1)
    assert gain[3] == pytest.approx(-2.0, abs=0.1)
    assert gain[4] < -20


def test_silence_is_trimmed_and_left_out_of_the_level() -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    padded = np.concatenate([np.zeros(500), tone, np.zeros(3 * RATE)])
    trimmed = trim_silence(padded)
    assert abs(trimmed.size - tone.size) <= 4
    assert active_level(padded, RATE) == pytest.approx(0.5 / np.sqrt(2), rel=0.02)
    assert trim_silence(np.zeros(100)).size == 0
    assert active_level(np.zeros(1000), RATE) == 0.0


def _ideal(**changes: tuple[float, float]) -> AcousticsConfig:
    """A recording without room, noise, tilt or band limits, but for `changes`."""
    ranges = {
        "snr_db": (150.0, 150.0),
        "rt60_seconds": (1e-9, 1e-9),
        "tilt_db_per_octave": (0.0, 0.0),
        "highpass_hz": (1e-6, 1e-6),
        "lowpass_hz": (1e9, 1e9),
        "level_dbfs": (-20.0, -20.0),
        "silence_seconds": (0.1, 0.1),
        **changes,
    }
    return AcousticsConfig(**ranges)


def _tone() -> np.ndarray:
    return np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)


def test_an_ideal_recording_changes_only_level_and_padding() -> None:
    recorded = degrade(_tone(), RATE, _ideal(), BABBLE, rng(0, "ideal"))
    assert recorded.shape == (RATE + 2 * 1600,)
    scale = 10 ** (-20 / 20) * np.sqrt(2)
    # The direct current that every microphone removes: far below one 16-bit step.
    assert recorded[1600:-1600] == pytest.approx(scale * _tone(), abs=1e-3)
    assert np.abs(recorded[:1500]).max() < 1e-5


@pytest.mark.parametrize("snr_db", [0.0, 10.0])
def test_noise_comes_at_the_ratio_asked_for(snr_db: float) -> None:
    ratios = []
    for repeat in range(8):
        config = _ideal(snr_db=(snr_db, snr_db), silence_seconds=(1.0, 1.0))
        recorded = degrade(_tone(), RATE, config, BABBLE, rng(repeat, "snr"))
        noise_power = np.mean(recorded[: RATE - 100] ** 2)
        both_power = np.mean(recorded[RATE : 2 * RATE] ** 2)
        ratios.append(10 * np.log10(both_power / noise_power - 1))
    # One second of pink noise does not have exactly its average power.
    assert np.median(ratios) == pytest.approx(snr_db, abs=1.0)


def test_full_scale_is_never_exceeded() -> None:
    config = _ideal(level_dbfs=(10.0, 10.0))
    recorded = degrade(_tone(), RATE, config, BABBLE, rng(0, "loud"))
    assert np.abs(recorded).max() == pytest.approx(1.0)


def test_reverberation_lasts_into_the_silence() -> None:
    dry = degrade(_tone(), RATE, _ideal(silence_seconds=(0.3, 0.3)), BABBLE, rng(0, "room"))
    room = _ideal(
        silence_seconds=(0.3, 0.3), rt60_seconds=(0.6, 0.6), direct_to_reverberant_db=(0.0, 0.0)
    )
    wet = degrade(_tone(), RATE, room, BABBLE, rng(0, "room"))
    after = slice(-4000, -2400)
    assert np.mean(wet[after] ** 2) > 1e4 * np.mean(dry[after] ** 2)


@pytest.mark.parametrize(
    "ranges",
    [
        {"snr_db": (20.0, 5.0)},
        {"snr_db": (float("nan"), 5.0)},
        {"rt60_seconds": (0.0, 0.5)},
        {"silence_seconds": (-0.1, 0.5)},
    ],
)
def test_impossible_ranges_are_errors(ranges: dict[str, tuple[float, float]]) -> None:
    with pytest.raises(InputError, match=next(iter(ranges))):
        AcousticsConfig(**ranges)
