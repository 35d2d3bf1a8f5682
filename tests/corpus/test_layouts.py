"""Every layout gives the same utterances as the Kaldi data directory of the same speech."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from outergrad.corpus import Corpus, Kind, write_kaldi_directory
from outergrad.corpus.layouts import Layout, read_corpus
from outergrad.corpus.textgrid import TextInterval, Tier, format_textgrid
from outergrad.errors import InputError

SAID = {"anna/one": "hello there", "anna/two": "góðan daginn", "bob/three": "שלום"}


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    folder = tmp_path / "speech"
    for key in SAID:
        path = folder / f"{key}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * np.ones(1600), 16000)
    return folder


def told(corpus: Corpus) -> dict[str, tuple[str, str]]:
    return {u.id: (u.speaker, " ".join(u.words)) for u in corpus}


WANTED = {key: (key.split("/")[0], text) for key, text in SAID.items()}


def write_table(path: Path, delimiter: str) -> None:
    rows = [["path", "speaker", "sentence"]]
    rows += [[f"{key}.wav", key.split("/")[0], text] for key, text in SAID.items()]
    path.write_text("".join(delimiter.join(row) + "\n" for row in rows), encoding="utf-8")


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
@pytest.mark.parametrize("by_itself", [True, False])
def test_csv(recordings: Path, delimiter: str, by_itself: bool) -> None:
    path = recordings / "metadata.csv"
    write_table(path, delimiter)
    corpus, problems, layout = read_corpus(path if by_itself else recordings)
    assert (told(corpus), problems, layout) == (WANTED, [], Layout.TABLE)


def test_tsv_has_no_quotes(recordings: Path) -> None:
    (recordings / "a.tsv").write_text('file\ttext\nanna/one\the said "no\n', encoding="utf-8")
    corpus, problems, _ = read_corpus(recordings)
    assert problems == []
    assert corpus["anna/one"].words == ("he", "said", '"no')


def test_jsonl_with_times(recordings: Path) -> None:
    rows = [
        {
            "audio_filepath": "anna/one.wav",
            "text": "a b",
            "id": "x",
            "offset": 0.01,
            "duration": 0.05,
        },
        {"audio_filepath": "anna/two.wav", "text": "c", "duration": 0.1},
    ]
    path = recordings / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    corpus, problems, layout = read_corpus(path)
    assert (problems, layout) == ([], Layout.TABLE)
    assert (corpus["x"].begin, corpus["x"].end) == (0.01, pytest.approx(0.06))
    assert (corpus["anna/two"].begin, corpus["anna/two"].end) == (0.0, None)
    assert corpus["x"].speaker == "x"


@pytest.mark.parametrize("suffix", [".lab", ".txt"])
def test_aligner_folder(recordings: Path, suffix: str) -> None:
    for key, text in SAID.items():
        (recordings / f"{key}{suffix}").write_text(text + "\n", encoding="utf-8")
    corpus, problems, layout = read_corpus(recordings)
    assert (told(corpus), problems, layout) == (WANTED, [], Layout.ALIGNER)


def test_a_textgrid_has_a_tier_per_speaker(recordings: Path) -> None:
    tiers = [
        Tier("Anna", (TextInterval(0.0, 0.04, "hello"), TextInterval(0.06, 0.1, "again"))),
        Tier("Bob", (TextInterval(0.04, 0.06, "hi"),)),
    ]
    (recordings / "anna/one.TextGrid").write_text(format_textgrid(0.1, tiers), encoding="utf-8")
    corpus, problems, layout = read_corpus(recordings)
    assert layout is Layout.ALIGNER
    assert sorted((u.speaker, u.words, u.begin, u.end) for u in corpus) == [
        ("Anna", ("again",), 0.06, 0.1),
        ("Anna", ("hello",), 0.0, 0.04),
        ("Bob", ("hi",), 0.04, 0.06),
    ]
    assert {p.kind for p in problems} == {Kind.NO_TRANSCRIPT}  # of the two other recordings
    assert {p.utterance for p in problems} == {"anna/two", "bob/three"}


def test_a_loop_of_links_is_walked_once(recordings: Path) -> None:
    (recordings / "anna/one.lab").write_text("hello")
    (recordings / "anna/loop").symlink_to(recordings, target_is_directory=True)
    (recordings / "self").symlink_to(recordings / "self")
    corpus, _, _ = read_corpus(recordings)
    assert [u.words for u in corpus] == [("hello",)]


def recording_of(key: str) -> dict[str, object]:
    source = {"type": "file", "channels": [0], "source": f"{key}.wav"}
    return {"id": f"rec-{key}", "sources": [source], "sampling_rate": 16000, "duration": 0.1}


def supervision_of(key: str) -> dict[str, object]:
    return {
        "id": key,
        "recording_id": f"rec-{key}",
        "start": 0.0,
        "duration": 0.1,
        "channel": 0,
        "text": SAID[key],
        "speaker": key.split("/")[0],
    }


def write_lines(path: Path, rows: list[dict[str, object]]) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_lhotse_recordings_and_supervisions(recordings: Path, suffix: str) -> None:
    write_lines(recordings / f"x_recordings_train{suffix}", [recording_of(key) for key in SAID])
    write_lines(recordings / f"x_supervisions_train{suffix}", [supervision_of(k) for k in SAID])
    corpus, problems, layout = read_corpus(recordings)
    assert (told(corpus), problems, layout) == (WANTED, [], Layout.MANIFESTS)


def test_lhotse_cuts_are_shifted_by_their_start(recordings: Path) -> None:
    cut = {
        "id": "c",
        "type": "MonoCut",
        "start": 0.02,
        "duration": 0.08,
        "recording": recording_of("anna/one"),
        "supervisions": [{**supervision_of("anna/one"), "start": 0.01, "duration": 0.05}],
    }
    write_lines(recordings / "cuts.jsonl.gz", [cut])
    corpus, problems, _ = read_corpus(recordings / "cuts.jsonl.gz")
    assert problems == []
    utterance = corpus["anna/one"]
    assert (utterance.begin, utterance.end) == (pytest.approx(0.03), pytest.approx(0.08))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sources": [{"type": "command", "source": "rm -rf /", "channels": [0]}]}, "command"),
        ({"sources": [{"type": "url", "source": "http://x/", "channels": [0]}]}, "url"),
        ({"transforms": [{"name": "Speed"}]}, "transforms"),
    ],
)
def test_lhotse_recordings_that_are_not_plain_files_are_refused(
    recordings: Path, change: dict[str, object], message: str
) -> None:
    write_lines(recordings / "recordings.jsonl", [{**recording_of("anna/one"), **change}])
    write_lines(recordings / "supervisions.jsonl", [supervision_of("anna/one")])
    corpus, problems, _ = read_corpus(recordings)
    assert len(corpus) == 0
    assert message in problems[0].message


def test_kaldi_is_recognized(recordings: Path, tmp_path: Path) -> None:
    write_table(recordings / "a.csv", ",")
    corpus, _, _ = read_corpus(recordings)
    write_kaldi_directory(corpus, tmp_path / "kaldi")
    again, problems, layout = read_corpus(tmp_path / "kaldi")
    assert (told(again), problems, layout) == (WANTED, [], Layout.KALDI)


def test_duplicates_missing_files_and_empty_texts_are_reported_with_their_lines(
    recordings: Path,
) -> None:
    lines = [
        "id,path,text",
        "a,anna/one.wav,hello",
        "a,anna/two.wav,hello",
        "b,none.wav,hello",
        "c,anna/one.wav,",
        "d,anna/one.wav,too,many",
        "e,anna/two.wav,fine",
    ]
    (recordings / "a.csv").write_text("\n".join(lines) + "\n")
    corpus, problems, _ = read_corpus(recordings)
    assert corpus.ids == ("e",)
    assert {(p.kind, p.line) for p in problems} == {
        (Kind.DUPLICATE, 3),
        (Kind.MISSING_AUDIO, 4),
        (Kind.EMPTY_TRANSCRIPT, 5),
        (Kind.MALFORMED, 6),
    }


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no known layout"),
        (
            {
                "a.csv": "",
            },
            "is empty",
        ),
        ({"a.csv": "x,y\n1,2\n"}, "no column for the recording"),
        ({"a.csv": "path,y\n1,2\n"}, "no column for the transcript"),
        ({"a.csv": "path,text\n", "b.tsv": "path\ttext\n"}, "several tables"),
        ({"recordings.jsonl": "{}\n"}, "has only recordings"),
        ({"notes.md": "hello"}, "no known layout"),
    ],
)
def test_what_cannot_be_read_says_what_is_needed(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        read_corpus(tmp_path)


def test_a_missing_path_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        read_corpus(tmp_path / "nowhere")
