"""Recognition of tones that must be understood: words, times, confidences, long files."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from outergrad.corpus.audio import AudioError
from outergrad.corpus.stream import CutConfig
from outergrad.errors import InputError
from outergrad.recognizer.model import Model
from outergrad.recognizer.transcription import Recognizer, spooled

FRAME = 0.025
"""Seconds: the length of a frame, within which a boundary cannot be told."""


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_words_at_their_times_whatever_the_format(
    model: Model, tones, tmp_path: Path, rate: int, suffix: str
) -> None:
    path = tones.record(tmp_path / f"a.{suffix}", ["ab", "dað", "cd"], rate)
    found = Recognizer(model).transcribe(path)
    assert found.text == "ab dað cd"
    assert found.failures == ()
    begins = [0.2, 0.6, 1.1]
    for word, begin in zip(found.words, begins, strict=True):
        phones = len(tones.LEXICON[word.word][0].phones)
        assert word.begin == pytest.approx(begin, abs=FRAME)
        assert word.end == pytest.approx(begin + phones * tones.PHONE_SECONDS, abs=FRAME)
        assert word.confidence > 0.99  # tones leave no doubt


def test_confidence_is_shared_by_words_that_sound_alike(model: Model, tones) -> None:
    """Half of one word's tone, half of another's: the recognizer must not be sure."""
    from outergrad.corpus.stream import Piece

    clear = tones.say(["cd"])
    # Between the tones of B and C, as far from both, for the last phone of "ab".
    time = np.arange(1600) / tones.RATE
    unclear = 0.15 * np.sin(2 * np.pi * 400 * time) + 0.15 * np.sin(2 * np.pi * 1800 * time)
    mixed = np.concatenate([clear[:3200], unclear, clear[4800:]]).astype(np.float32)
    words = Recognizer(model).recognize(Piece(0.0, mixed))
    sure = Recognizer(model).recognize(Piece(0.0, clear))
    assert isinstance(words, list)
    assert isinstance(sure, list)
    assert sure[0].confidence >= min(word.confidence for word in words)


def test_a_long_file_is_cut_and_nothing_is_lost(model: Model, tones, tmp_path: Path) -> None:
    words = ["ab", "cd", "dað"] * 8
    path = tones.record(tmp_path / "long.wav", words, pause=0.4)
    cut = CutConfig(max_seconds=3.0, min_seconds=1.0, pause_seconds=0.3)
    whole, pieces = Recognizer(model).transcribe(path), Recognizer(model, cut).transcribe(path)
    assert pieces.text == whole.text == " ".join(words)
    assert pieces.seconds == pytest.approx(whole.seconds)
    for one, other in zip(whole.words, pieces.words, strict=True):
        assert one.begin == pytest.approx(other.begin, abs=FRAME)


def test_silence_is_no_words(model: Model, tmp_path: Path) -> None:
    noise = 1e-3 * np.random.default_rng(0).standard_normal(16000)
    soundfile.write(tmp_path / "a.wav", noise, 16000)
    assert Recognizer(model).transcribe(tmp_path / "a.wav").words == ()


def test_audio_shorter_than_a_frame_is_a_failure_with_its_reason(
    model: Model, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(100, 0.1), 16000)
    found = Recognizer(model).transcribe(tmp_path / "a.wav")
    assert found.words == ()
    assert [failure.reason for failure in found.failures] == ["too-short"]


def test_a_broken_file_is_an_audio_error(model: Model, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(AudioError, match="cannot be read"):
        Recognizer(model).transcribe(tmp_path / "a.wav")


def test_a_pipe_is_read_like_a_file(model: Model, tones, tmp_path: Path) -> None:
    path = tones.record(tmp_path / "a.flac", ["cd"])
    with spooled(io.BytesIO(path.read_bytes())) as spool:
        assert Recognizer(model).transcribe(spool).text == "cd"
    with pytest.raises(InputError, match="standard input is empty"), spooled(io.BytesIO()):
        pass
