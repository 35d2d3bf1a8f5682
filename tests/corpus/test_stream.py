"""Long recordings: the same samples as at once, cut where it is quiet."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from outergrad.corpus import AudioError, Utterance, read_audio
from outergrad.corpus.stream import CutConfig, cut_at_silence, stream_audio
from outergrad.errors import InputError

RATE = 1000


@pytest.mark.parametrize("rate", [8000, 16000, 22050])
def test_a_stream_is_what_reading_at_once_gives(tmp_path: Path, rate: int) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal((25 * rate, 2))
    soundfile.write(tmp_path / "a.wav", noise, rate)
    once = read_audio(Utterance("u", "s", (), tmp_path / "a.wav")).samples
    blocks = list(stream_audio(tmp_path / "a.wav"))
    streamed = np.concatenate(blocks)
    assert len(blocks) > 1
    assert len(streamed) == len(once)
    # Converting the rate in pieces rounds differently in the last bits of 16.
    np.testing.assert_allclose(streamed, once, atol=2e-5)


def test_an_empty_recording_is_an_error(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), 16000)
    with pytest.raises(AudioError, match="no samples"):
        list(stream_audio(tmp_path / "a.wav"))


@settings(deadline=None)
@given(
    st.integers(0, 12_000),
    st.integers(1, 5000),
    st.sampled_from([CutConfig(3.0, 1.0, 0.3), CutConfig(1.0, 1.0, 1.0)]),
)
def test_pieces_make_up_the_recording(length: int, block: int, config: CutConfig) -> None:
    samples = np.random.default_rng(length).standard_normal(length).astype(np.float32)
    blocks = [samples[i : i + block] for i in range(0, length, block)]
    pieces = list(cut_at_silence(blocks, config, RATE))
    if length:
        np.testing.assert_array_equal(np.concatenate([p.samples for p in pieces]), samples)
    else:
        assert pieces == []
    position = 0
    for number, piece in enumerate(pieces):
        assert piece.begin == pytest.approx(position / RATE)
        assert len(piece.samples) <= config.max_seconds * RATE
        if number < len(pieces) - 1:
            assert len(piece.samples) >= config.min_seconds * RATE
        position += len(piece.samples)


def test_the_cut_is_in_the_pause() -> None:
    samples = np.ones(5000, dtype=np.float32)
    samples[1900:2300] = 0.01
    first = next(cut_at_silence([samples], CutConfig(3.0, 1.0, 0.3), RATE))
    assert 1900 < len(first.samples) < 2300


def test_contradictory_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="min_seconds ≤ max_seconds"):
        CutConfig(max_seconds=1.0, min_seconds=2.0)
