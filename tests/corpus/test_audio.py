from pathlib import Path

import numpy as np
import pytest
import soundfile

from outergrad.corpus import AudioError, Utterance, read_audio
from outergrad.corpus.audio import conversion_notices
from outergrad.corpus.problems import Kind
from outergrad.corpus.truncation import lost_end


def utterance(path: Path, begin: float = 0.0, end: float | None = None) -> Utterance:
    return Utterance("u", "s", ("a",), path, begin, end)


def tone(rate: int, seconds: float, frequency: float = 440.0) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_16_bit_samples_are_exact(tmp_path: Path, suffix: str) -> None:
    values = np.array([0, 1, -1, 32767, -32768, 1234], dtype=np.int16)
    soundfile.write(tmp_path / f"a{suffix}", values, 16000)
    audio = read_audio(utterance(tmp_path / f"a{suffix}"))
    assert audio.samples.dtype == np.float32
    np.testing.assert_array_equal(audio.samples * 32768, values)
    assert (audio.rate, audio.source_rate, audio.channels) == (16000, 16000, 1)


def test_ogg_is_read(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.ogg", tone(16000, 0.5), 16000)
    samples = read_audio(utterance(tmp_path / "a.ogg")).samples
    assert len(samples) == 8000
    # Vorbis is lossy; the tone must be the same within a few percent of its amplitude.
    np.testing.assert_allclose(samples[1000:7000], tone(16000, 0.5)[1000:7000], atol=0.05)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
def test_other_rates_are_resampled_to_the_same_signal(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", tone(rate, 1.0), rate, subtype="FLOAT")
    audio = read_audio(utterance(tmp_path / "a.wav"))
    assert audio.source_rate == rate
    assert abs(len(audio.samples) - 16000) <= 1
    # The ends of a resampled tone ring; inside, high-quality conversion is far below 16 bits.
    np.testing.assert_allclose(audio.samples[2000:14000], tone(16000, 1.0)[2000:14000], atol=1e-4)


def test_channels_are_averaged(tmp_path: Path) -> None:
    left, right = np.full(100, 0.5), np.full(100, -0.25)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], axis=1), 16000, subtype="FLOAT")
    audio = read_audio(utterance(tmp_path / "a.wav"))
    assert audio.channels == 2
    np.testing.assert_array_equal(audio.samples, np.full(100, 0.125, dtype=np.float32))


def test_a_segment_is_that_part_of_the_recording(tmp_path: Path) -> None:
    values = np.arange(16000, dtype=np.int16)
    soundfile.write(tmp_path / "a.flac", values, 16000)
    audio = read_audio(utterance(tmp_path / "a.flac", 0.25, 0.5))
    np.testing.assert_array_equal(audio.samples * 32768, values[4000:8000])
    assert audio.overshoot == 0.0
    audio = read_audio(utterance(tmp_path / "a.flac", 0.75))
    np.testing.assert_array_equal(audio.samples * 32768, values[12000:])


def test_segment_times_count_in_the_recordings_own_rate(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(8000, 1.0), 8000)
    assert len(read_audio(utterance(tmp_path / "a.wav", 0.5, 0.75)).samples) == 4000


def test_a_segment_beyond_the_end_is_cut_and_says_by_how_much(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(16000, 1.0), 16000)
    audio = read_audio(utterance(tmp_path / "a.wav", 0.5, 1.25))
    assert len(audio.samples) == 8000
    assert audio.overshoot == pytest.approx(0.25, abs=1e-9)


def error_of(path: Path, begin: float = 0.0, end: float | None = None) -> AudioError:
    with pytest.raises(AudioError) as caught:
        read_audio(utterance(path, begin, end))
    return caught.value


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    assert error_of(tmp_path / "none.wav").kind == Kind.MISSING_AUDIO
    assert error_of(tmp_path).kind == Kind.MISSING_AUDIO
    (tmp_path / "text.wav").write_text("this is no audio")
    assert error_of(tmp_path / "text.wav").kind == Kind.UNREADABLE_AUDIO
    (tmp_path / "zero.flac").write_bytes(b"")
    assert error_of(tmp_path / "zero.flac").kind == Kind.UNREADABLE_AUDIO
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16000)
    assert error_of(tmp_path / "empty.wav").kind == Kind.EMPTY_AUDIO
    soundfile.write(tmp_path / "short.wav", tone(16000, 1.0), 16000)
    assert error_of(tmp_path / "short.wav", 1.0, 2.0).kind == Kind.SEGMENT
    bad = np.array([0.0, np.nan, np.inf], dtype=np.float32)
    soundfile.write(tmp_path / "nan.wav", bad, 16000, subtype="FLOAT")
    error = error_of(tmp_path / "nan.wav")
    assert error.kind == Kind.NOT_FINITE
    assert "2 nan" in str(error)


def test_nan_in_one_channel_is_not_averaged_away(tmp_path: Path) -> None:
    wide = np.zeros((10, 2), dtype=np.float32)
    wide[3, 1] = np.nan
    soundfile.write(tmp_path / "a.wav", wide, 16000, subtype="FLOAT")
    assert error_of(tmp_path / "a.wav").kind == Kind.NOT_FINITE


def test_a_header_that_promises_hours_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, tone(16000, 0.5), 16000)
    content = bytearray(path.read_bytes())
    # STREAMINFO follows 'fLaC' and its 4-byte header; samples are 36 bits from bit 108 on.
    content[8 + 13] |= 0x0F
    content[8 + 14 : 8 + 18] = b"\xff\xff\xff\xff"
    path.write_bytes(bytes(content))
    assert error_of(path).kind == Kind.UNREADABLE_AUDIO


@pytest.mark.parametrize("suffix", ["flac", "wav", "ogg"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.95])
def test_a_recording_that_lost_its_end_is_noticed(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"a.{suffix}"
    noise = np.random.default_rng(0).normal(scale=0.1, size=64000)
    soundfile.write(path, noise, 16000)
    assert len(read_audio(utterance(path)).samples) == 64000
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    assert error_of(path).kind in (Kind.TRUNCATED, Kind.UNREADABLE_AUDIO)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 32036])
def test_wav_sizes_that_writers_get_wrong_are_no_lost_end(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(16000, 1.0), 16000)
    content = bytearray(path.read_bytes())
    assert content[36:40] == b"data"
    content[40:44] = size.to_bytes(4, "little")
    path.write_bytes(bytes(content))
    assert lost_end(path) is None


def test_chunks_before_the_samples_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(16000, 1.0), 16000)
    content = path.read_bytes()
    extra = b"LIST" + (5).to_bytes(4, "little") + b"hello" + b"\x00"
    path.write_bytes(content[:36] + extra + content[36:])
    assert len(read_audio(utterance(path)).samples) == 16000
    path.write_bytes((content[:36] + extra + content[36:])[:20000])
    assert error_of(path).kind == Kind.TRUNCATED


def test_conversion_notices_count_by_rate_and_channels() -> None:
    notices = conversion_notices([(8000, 1), (8000, 2), (16000, 1), (44100, 1)])
    assert [n.message for n in notices] == [
        "2 utterances recorded at 8000 Hz: resampled to 16000 Hz",
        "1 utterance recorded at 44100 Hz: resampled to 16000 Hz",
        "1 utterance recorded with 2 channels: averaged to one",
    ]
    assert not any(n.fatal for n in notices)
    assert conversion_notices([(16000, 1)] * 3) == []
