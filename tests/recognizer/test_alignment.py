"""Forced alignment of tones: with a model and from nothing; files that other programs read."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from outergrad.corpus import write_lexicon
from outergrad.corpus.textgrid import read_textgrid
from outergrad.errors import InputError, RunError
from outergrad.progress import Silent
from outergrad.recipes.align import align_from_nothing, align_with_model

TOLERANCE = 0.025
"""Seconds: the length of a frame, within which a boundary cannot be told."""


@pytest.fixture
def speech(tones, tmp_path: Path) -> Path:
    """A folder per speaker with a .lab beside each recording."""
    folder = tmp_path / "speech"
    for speaker in ("ann", "ben"):
        for number, words in enumerate((["ab", "cd"], ["dað"], ["cd", "cd", "ab"])):
            path = folder / speaker / f"u{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            tones.record(path, words)
            path.with_suffix(".lab").write_text(" ".join(words).upper() + ".", encoding="utf-8")
    return folder


def times(path: Path) -> list[tuple[str, float, float]]:
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    return [(row[4], float(row[2]), float(row[2]) + float(row[3])) for row in rows]


def test_words_and_phones_are_where_the_tones_are(
    tones, model_directory: Path, speech: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = align_with_model(model_directory, speech, out, None, Silent())
    assert (result["aligned"], result["failed"]) == (6, 0)
    words, phones = read_textgrid(out / "textgrids" / "ann%2Fu0.TextGrid")
    said = [i for i in words.intervals if i.text]
    assert [i.text for i in said] == ["ab", "cd"]
    assert [i.begin for i in said] == pytest.approx([0.2, 0.6], abs=TOLERANCE)
    assert [i.end for i in said] == pytest.approx([0.4, 0.8], abs=TOLERANCE)
    assert [i.text for i in phones.intervals if i.text not in ("", "SIL")] == list("ABCD")
    rows = [line for line in (out / "words.ctm").read_text().splitlines() if "ann/u0 " in line]
    assert [row.split()[4] for row in rows] == ["ab", "cd"]
    value = json.loads((out / "alignments.jsonl").read_text().splitlines()[0])
    assert value["utterance"] == "ann/u0"
    assert value["words"][0]["label"] == "ab"
    assert np.isfinite(value["score"])


def test_what_cannot_be_aligned_is_listed_and_the_rest_goes_on(
    model_directory: Path, speech: Path, tmp_path: Path
) -> None:
    (speech / "ann" / "u0.lab").write_text("ab unheard")
    (speech / "ann" / "u1.wav").write_bytes(b"RIFF")
    soundfile.write(speech / "ben" / "u0.wav", np.full(500, 0.1), 16000)
    out = tmp_path / "out"
    result = align_with_model(model_directory, speech, out, None, Silent())
    assert (result["aligned"], result["failed"]) == (3, 3)
    failed = (out / "bad_utterances.tsv").read_text()
    assert "ann/u0\tutterance with words outside the lexicon" in failed
    assert "ann/u1\tunreadable audio" in failed
    assert "ben/u0\tno alignment found" in failed


def test_words_that_the_model_lacks_can_be_given(
    model_directory: Path, speech: Path, tmp_path: Path
) -> None:
    (speech / "ann" / "u0.lab").write_text("abcd")
    (tmp_path / "more.txt").write_text("abcd A B SIL C D\n")
    out = tmp_path / "out"
    result = align_with_model(model_directory, speech, out, tmp_path / "more.txt", Silent())
    assert result["failed"] == 0
    (tmp_path / "more.txt").write_text("abcd A X\n")
    with pytest.raises(InputError, match="phones that the model lacks: X"):
        align_with_model(model_directory, speech, out, tmp_path / "more.txt", Silent())


def test_nothing_aligned_is_a_failure(model_directory: Path, tones, tmp_path: Path) -> None:
    folder = tmp_path / "speech"
    folder.mkdir()
    tones.record(folder / "a.wav", ["ab"])
    (folder / "a.lab").write_text("unheard")
    with pytest.raises(RunError, match="no utterance could be aligned"):
        align_with_model(model_directory, folder, tmp_path / "out", None, Silent())


SMALL = [
    "bootstrap.monophone.iterations=8",
    "bootstrap.monophone.num_gaussians=20",
    "bootstrap.triphone.iterations=4",
    "bootstrap.triphone.realign=[2]",
    "bootstrap.triphone.tree.min_occupancy=20",
    "bootstrap.speech_states=1",
    "bootstrap.silence_states=1",
]


def test_from_nothing_the_tones_are_found_and_a_second_call_does_nothing_again(
    tones, tmp_path: Path
) -> None:
    folder = tmp_path / "speech"
    draw = np.random.default_rng(3)
    for number in range(40):
        words = draw.choice(sorted(tones.LEXICON), size=3)
        path = folder / f"s{number % 4}" / f"u{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        tones.record(path, list(words), pause=float(draw.uniform(0.1, 0.4)))
        path.with_suffix(".txt").write_text(" ".join(words), encoding="utf-8")
    write_lexicon(tones.LEXICON, tmp_path / "lexicon.txt")
    out = tmp_path / "out"
    result = align_from_nothing(folder, tmp_path / "lexicon.txt", out, SMALL, Silent())
    assert result["aligned"] == 40
    first = times(out / "words.ctm")
    # Time derivatives reach four frames over each boundary, so words may be 8 frames too long;
    # a flat start that never learned is off by a quarter of a second.
    lengths = [end - begin for _, begin, end in first]
    wanted = [0.1 * len(tones.LEXICON[word][0].phones) for word, _, _ in first]
    errors = np.abs(np.array(lengths) - wanted)
    assert np.quantile(errors, 0.9) <= 0.08 + 1e-9
    stamp = (out / "bootstrap" / "stage.json").stat().st_mtime_ns
    align_from_nothing(folder, tmp_path / "lexicon.txt", out, SMALL, Silent())
    assert (out / "bootstrap" / "stage.json").stat().st_mtime_ns == stamp
    assert times(out / "words.ctm") == first
