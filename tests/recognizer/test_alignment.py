"""Forced alignment of tones: with a model and from nothing; files that other programs read."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from outergrad.corpus import write_lexicon
from outergrad.corpus.textgrid import read_textgrid
from outergrad.errors import InputError, RunError
from outergrad.progress import Silent
from outergrad.recipes.align import align_from_nothing, align_with_model
from outergrad.recognizer.gmm_model import load_aligning_model
from outergrad.recognizer.model import Model, describe, summary

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


@pytest.fixture(scope="module")
def trained(tones, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with speech, lexicon.txt, and what align --train makes of them in `out`."""
    place = tmp_path_factory.mktemp("trained")
    draw = np.random.default_rng(3)
    for number in range(40):
        words = draw.choice(sorted(tones.LEXICON), size=3)
        path = place / "speech" / f"s{number % 4}" / f"u{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        tones.record(path, list(words), pause=float(draw.uniform(0.1, 0.4)))
        path.with_suffix(".txt").write_text(" ".join(words), encoding="utf-8")
    write_lexicon(tones.LEXICON, place / "lexicon.txt")
    result = align_from_nothing(
        place / "speech", place / "lexicon.txt", place / "out", SMALL, Silent()
    )
    assert result["aligned"] == 40
    return place


def test_from_nothing_the_tones_are_found_and_a_second_call_does_nothing_again(
    tones, trained: Path
) -> None:
    out = trained / "out"
    first = times(out / "words.ctm")
    # Time derivatives reach four frames over each boundary, so words may be 8 frames too long;
    # a flat start that never learned is off by a quarter of a second.
    lengths = [end - begin for _, begin, end in first]
    wanted = [0.1 * len(tones.LEXICON[word][0].phones) for word, _, _ in first]
    errors = np.abs(np.array(lengths) - wanted)
    assert np.quantile(errors, 0.9) <= 0.08 + 1e-9
    files = [out / "bootstrap" / "stage.json", out / "model" / "model.json"]
    stamps = [file.stat().st_mtime_ns for file in files]
    align_from_nothing(trained / "speech", trained / "lexicon.txt", out, SMALL, Silent())
    assert [file.stat().st_mtime_ns for file in files] == stamps
    assert times(out / "words.ctm") == first


def test_the_model_of_a_training_aligns_as_the_training_did(trained: Path, tmp_path: Path) -> None:
    """Moved away from where it was made, it finds the same words at the same places."""
    shutil.copytree(trained / "out" / "model", tmp_path / "model")
    result = align_with_model(
        tmp_path / "model", trained / "speech", tmp_path / "again", None, Silent()
    )
    assert (result["aligned"], result["failed"]) == (40, 0)
    found, wanted = times(tmp_path / "again/words.ctm"), times(trained / "out/words.ctm")
    assert [word for word, _, _ in found] == [word for word, _, _ in wanted]
    # The last pass of training had the transition probabilities of the pass before in its graphs.
    shifts = np.abs(np.array([row[1:] for row in found]) - [row[1:] for row in wanted])
    assert np.mean(shifts < 0.0101) > 0.95
    scores = [
        json.loads(line)["score"]
        for line in (tmp_path / "again/alignments.jsonl").read_text().splitlines()
    ]
    assert np.all(np.isfinite(scores))


def test_the_model_of_a_training_aligns_new_recordings(
    tones, trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    tones.record(tmp_path / "new" / "u.wav", ["dað", "ab"])
    (tmp_path / "new" / "u.lab").write_text("dað abcd", encoding="utf-8")
    (tmp_path / "more.txt").write_text("abcd A B\n")
    result = align_with_model(
        trained / "out", tmp_path / "new", tmp_path / "aligned", tmp_path / "more.txt", Silent()
    )
    assert (result["aligned"], result["failed"]) == (1, 0)
    found = times(tmp_path / "aligned" / "words.ctm")
    assert [word for word, _, _ in found] == ["dað", "abcd"]
    # 8 frames of derivatives, as above.
    assert [begin for _, begin, _ in found] == pytest.approx([0.2, 0.7], abs=0.09)


def test_a_gmm_does_not_pretend_to_transcribe(trained: Path) -> None:
    with pytest.raises(InputError, match="a GMM that `align --train` made: it aligns"):
        Model.load(trained / "out")
    assert summary(describe(trained / "out"))["system"] == "tri"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gmm.safetensors", r"gmm\.safetensors has \d+ bytes instead of"),
        ("hmm.json", r"hmm\.json has \d+ bytes instead of"),
        ("model.json", "copy the whole folder again"),
    ],
)
def test_a_damaged_gmm_model_is_refused(
    trained: Path, tmp_path: Path, name: str, said: str
) -> None:
    shutil.copytree(trained / "out" / "model", tmp_path / "model")
    content = (tmp_path / "model" / name).read_bytes()
    (tmp_path / "model" / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=said):
        load_aligning_model(tmp_path / "model")


def test_a_newer_gmm_model_is_refused(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "out" / "model", tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 2}))
    with pytest.raises(InputError, match="reads up to version 1: install a newer"):
        load_aligning_model(tmp_path / "model")


def test_nothing_in_the_model_names_the_place_where_it_was_made(trained: Path) -> None:
    place = str(trained).encode()
    assert all(
        place not in file.read_bytes()
        for file in (trained / "out" / "model").rglob("*")
        if file.is_file()
    )
