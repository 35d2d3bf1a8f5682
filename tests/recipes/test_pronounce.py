"""Lexicons by espeak-ng: every word of a corpus, or only those that are missing."""

import importlib.util
from pathlib import Path

import pytest
import soundfile

from outergrad.corpus import read_lexicon
from outergrad.errors import InputError
from outergrad.progress import Silent
from outergrad.recipes.pronounce import pronounce

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="needs the extra `demo`"
)


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    folder = tmp_path / "speech"
    folder.mkdir()
    for name, text in (("a", "Turn the light on, please."), ("b", "The light – on!")):
        soundfile.write(folder / f"{name}.wav", [0.1] * 1600, 16000)
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def test_every_word_gets_a_pronunciation(speech: Path, tmp_path: Path) -> None:
    out = tmp_path / "lexicon.txt"
    result = pronounce(speech, "en-us", out, None, Silent())
    lexicon, problems = read_lexicon(out)
    assert problems == []
    assert sorted(lexicon) == result["added"] == ["light", "on", "please", "the", "turn"]
    assert lexicon["light"][0].phones == ("l", "aɪ", "t")
    assert result["without_pronunciation"] == []


def test_only_gaps_are_filled(speech: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    pronounce(speech, "en-us", first, None, Silent())
    lines = first.read_text(encoding="utf-8").splitlines()
    # Words may be in the user's own case and pronunciation; the phones are all still there.
    kept = [line for line in lines if not line.startswith("on ")]
    kept = ["LIGHT l aɪ t l" if line.startswith("light ") else line for line in kept]
    on = next(line for line in lines if line.startswith("on "))
    kept.append("again " + on.partition(" ")[2])
    first.write_text("\n".join(kept) + "\n", encoding="utf-8")
    result = pronounce(speech, "en-us", second, first, Silent())
    assert result["added"] == ["on"]
    lexicon, _ = read_lexicon(second)
    assert lexicon["LIGHT"][0].phones == ("l", "aɪ", "t", "l")


def test_another_phone_set_cannot_be_completed(speech: Path, tmp_path: Path) -> None:
    (tmp_path / "cmu.txt").write_text("light L AY T\n")
    with pytest.raises(InputError, match="International Phonetic Alphabet"):
        pronounce(speech, "en-us", tmp_path / "out.txt", tmp_path / "cmu.txt", Silent())
    assert not (tmp_path / "out.txt").exists()


def test_an_unknown_language_is_refused(speech: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no voice 'xx-none'"):
        pronounce(speech, "xx-none", tmp_path / "out.txt", None, Silent())
