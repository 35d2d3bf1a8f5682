from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from outergrad.corpus import Corpus, Utterance, read_kaldi_directory, write_kaldi_directory
from outergrad.corpus.problems import Kind
from outergrad.errors import InputError


def write_audio(path: Path, seconds: float = 1.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(1).normal(scale=0.1, size=round(16000 * seconds))
    soundfile.write(path, noise, 16000)
    return path


def write(directory: Path, **tables: str | bytes) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in tables.items():
        data = content.encode() if isinstance(content, str) else content
        (directory / name.replace("wav_scp", "wav.scp")).write_bytes(data)
    return directory


def test_tables_become_utterances_sorted_by_id(tmp_path: Path) -> None:
    write_audio(tmp_path / "audio" / "one.flac")
    write_audio(tmp_path / "data" / "two.flac")
    data = write(
        tmp_path / "data",
        wav_scp="u2 audio/one.flac\nu1 two.flac\n",
        text="u1 HELLO  WORLD\nu2 á\u00a0b c\n",
        utt2spk="u1 alice\nu2 bob\n",
    )
    corpus, problems = read_kaldi_directory(data)
    assert problems == []
    assert corpus.name == "data"
    assert [(u.id, u.speaker, u.words) for u in corpus] == [
        ("u1", "alice", ("HELLO", "WORLD")),
        # A no-break space is part of the word: only ASCII blanks separate.
        ("u2", "bob", ("á\u00a0b", "c")),
    ]
    assert corpus["u1"].audio == data / "two.flac"
    assert corpus["u2"].audio == tmp_path / "audio" / "one.flac"
    assert corpus["u2"].origin.audio_line == 1
    assert corpus["u2"].origin.text_line == 2


def test_the_directory_wins_over_its_parent(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.flac")
    inner = write_audio(tmp_path / "data" / "a.flac")
    data = write(tmp_path / "data", wav_scp="u a.flac\n", text="u x\n", utt2spk="u s\n")
    assert read_kaldi_directory(data)[0]["u"].audio == inner


def test_the_parent_is_found_through_a_relative_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_audio(tmp_path / "a.flac")
    write(tmp_path / "data", wav_scp="u a.flac\n", text="u x\n", utt2spk="u s\n")
    monkeypatch.chdir(tmp_path / "data")
    corpus, problems = read_kaldi_directory(Path())
    assert problems == []
    assert corpus.name == "data"
    assert corpus["u"].audio.is_file()


def test_paths_with_blanks_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    audio = write_audio(tmp_path / "data" / "my recording.flac")
    data = write(
        tmp_path / "data",
        wav_scp=b"\xef\xbb\xbfu my recording.flac\r\n",
        text="u a b\r\n\r\n",
        utt2spk="u s\r\n",
    )
    corpus, problems = read_kaldi_directory(data)
    assert problems == []
    assert corpus["u"].audio == audio
    assert corpus["u"].words == ("a", "b")


def test_segments_cut_recordings(tmp_path: Path) -> None:
    write_audio(tmp_path / "data" / "r.flac", 3.0)
    data = write(
        tmp_path / "data",
        wav_scp="rec r.flac\n",
        segments="u1 rec 0.5 1.25\nu2 rec 2.0 -1\n",
        text="u1 a\nu2 b\n",
        utt2spk="u1 s\nu2 s\n",
    )
    corpus, problems = read_kaldi_directory(data)
    assert problems == []
    assert [(u.begin, u.end) for u in corpus] == [(0.5, 1.25), (2.0, None)]
    assert corpus["u2"].origin.audio_line == 2


def test_without_utt2spk_each_utterance_is_a_speaker_and_one_notice_says_so(
    tmp_path: Path,
) -> None:
    write_audio(tmp_path / "data" / "a.flac")
    data = write(tmp_path / "data", wav_scp="u a.flac\nv a.flac\n", text="u x\nv y\n")
    corpus, problems = read_kaldi_directory(data)
    assert [u.speaker for u in corpus] == ["u", "v"]
    assert [(p.kind, p.fatal) for p in problems] == [(Kind.NO_SPEAKER, False)]


def test_text_may_be_left_out_when_asked(tmp_path: Path) -> None:
    write_audio(tmp_path / "data" / "a.flac")
    data = write(tmp_path / "data", wav_scp="u a.flac\n", utt2spk="u s\n")
    corpus, problems = read_kaldi_directory(data, transcripts=False)
    assert (corpus["u"].words, problems) == ((), [])
    with pytest.raises(InputError, match="text"):
        read_kaldi_directory(data)


def test_nothing_to_read_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a directory"):
        read_kaldi_directory(tmp_path / "none")
    with pytest.raises(InputError, match="recordings"):
        read_kaldi_directory(write(tmp_path / "a", text="u x\n"))
    with pytest.raises(InputError, match="is empty"):
        read_kaldi_directory(write(tmp_path / "b", wav_scp="\n", text="u x\n"))
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "wav.scp").mkdir()
    with pytest.raises(InputError, match="not a regular file"):
        read_kaldi_directory(write(tmp_path / "c", text="u x\n"))


def test_a_pipe_is_refused_and_never_run(tmp_path: Path) -> None:
    write_audio(tmp_path / "data" / "a.flac")
    trap = tmp_path / "ran"
    data = write(
        tmp_path / "data",
        wav_scp=f"good a.flac\np1 touch {trap} |\np2 | touch {trap}\np3 -\n",
        text="good x\np1 x\np2 x\np3 x\n",
        utt2spk="good s\np1 s\np2 s\np3 s\n",
    )
    corpus, problems = read_kaldi_directory(data)
    assert corpus.ids == ("good",)
    assert [(p.kind, p.line, p.utterance, p.fatal) for p in problems] == [
        (Kind.PIPE, 2, "p1", True),
        (Kind.PIPE, 3, "p2", True),
        (Kind.PIPE, 4, "p3", True),
    ]
    assert "never run" in problems[0].message
    assert not trap.exists()


def one_bad(
    tmp_path: Path, utterance: str | None, kind: Kind, line: int | None, file: str, **tables: str
) -> str:
    """A directory with `good` and one broken entry gives exactly this problem; its message."""
    write_audio(tmp_path / "data" / "a.flac")
    content: dict[str, str | bytes] = {
        "wav_scp": "good a.flac\nbad a.flac\n",
        "text": "good x\nbad y\n",
        "utt2spk": "good s\nbad s\n",
    }
    content.update(tables)
    corpus, problems = read_kaldi_directory(write(tmp_path / "data", **content))
    assert corpus.ids == ("good",)
    assert [(p.kind, p.utterance, p.line, p.fatal) for p in problems] == [
        (kind, utterance, line, True)
    ]
    assert problems[0].file == str(tmp_path / "data" / file)
    return problems[0].message


@pytest.mark.parametrize(
    ("kind", "line", "file", "tables"),
    [
        (Kind.MISSING_AUDIO, 2, "wav.scp", {"wav_scp": "good a.flac\nbad b.flac\n"}),
        (Kind.MISSING_AUDIO, 2, "wav.scp", {"wav_scp": "good a.flac\nbad ../data\n"}),
        (Kind.MISSING_AUDIO, 2, "wav.scp", {"wav_scp": "good a.flac\nbad x.ark:1234\n"}),
        (Kind.MISSING_AUDIO, 2, "wav.scp", {"wav_scp": f"good a.flac\nbad {'x' * 5000}\n"}),
        (Kind.MALFORMED, 2, "wav.scp", {"wav_scp": "good a.flac\nbad\n"}),
        (Kind.MALFORMED, 2, "wav.scp", {"wav_scp": "good a.flac\nbad a\x00.flac\n"}),
        (
            Kind.DUPLICATE,
            3,
            "wav.scp",
            {"wav_scp": "good a.flac\nbad a.flac\nbad b.flac\n"},
        ),
        (Kind.EMPTY_TRANSCRIPT, 2, "text", {"text": "good x\nbad\n"}),
        (Kind.DUPLICATE, 3, "text", {"text": "good x\nbad y\nbad z\n"}),
        (Kind.NO_TRANSCRIPT, 2, "wav.scp", {"text": "good x\n"}),
        (Kind.NO_AUDIO, 2, "text", {"wav_scp": "good a.flac\n"}),
    ],
)
def test_one_broken_entry(
    tmp_path: Path, kind: Kind, line: int, file: str, tables: dict[str, str]
) -> None:
    one_bad(tmp_path, "bad", kind, line, file, **tables)


@pytest.mark.parametrize(
    ("kind", "segment"),
    [
        (Kind.MALFORMED, "bad rec 0.0"),
        (Kind.MALFORMED, "bad rec 0.0 1.0 A"),
        (Kind.MALFORMED, "bad rec zero one"),
        (Kind.MALFORMED, "bad rec 0.0 nan"),
        (Kind.MALFORMED, "bad rec 0.0 inf"),
        (Kind.SEGMENT, "bad rec 0.5 0.5"),
        (Kind.SEGMENT, "bad rec -0.5 0.5"),
        (Kind.SEGMENT, "bad rec 0.5 0.25"),
        (Kind.BAD_RECORDING, "bad other 0.0 0.5"),
    ],
)
def test_one_broken_segment(tmp_path: Path, kind: Kind, segment: str) -> None:
    one_bad(
        tmp_path,
        "bad",
        kind,
        2,
        "segments",
        wav_scp="rec a.flac\n",
        segments=f"good rec 0 1\n{segment}\n",
    )


def test_each_utterance_of_a_bad_recording_is_reported(tmp_path: Path) -> None:
    write_audio(tmp_path / "data" / "a.flac")
    data = write(
        tmp_path / "data",
        wav_scp="fine a.flac\npiped cat a.flac |\n",
        segments="u1 fine 0 0.5\nu2 piped 0 0.5\nu3 piped 0.5 1\n",
        text="u1 x\nu2 x\nu3 x\n",
        utt2spk="u1 s\nu2 s\nu3 s\n",
    )
    corpus, problems = read_kaldi_directory(data)
    assert corpus.ids == ("u1",)
    assert [(p.kind, p.utterance) for p in problems] == [
        (Kind.PIPE, None),
        (Kind.BAD_RECORDING, "u2"),
        (Kind.BAD_RECORDING, "u3"),
    ]
    assert "recording piped" in problems[0].message
    assert "wav.scp:2" in problems[1].message


def test_bytes_that_are_no_utf8_are_reported_with_their_line(tmp_path: Path) -> None:
    write_audio(tmp_path / "data" / "a.flac")
    data = write(
        tmp_path / "data",
        wav_scp="good a.flac\nbad a.flac\n",
        text=b"good x\n" + "bad þú\n".encode("latin-1") + b"\xff\xfe\n",
        utt2spk="good s\nbad s\n",
    )
    corpus, problems = read_kaldi_directory(data)
    assert corpus.ids == ("good",)
    assert [(p.kind, p.line, p.utterance) for p in problems] == [
        (Kind.ENCODING, 2, "bad"),
        (Kind.ENCODING, 3, None),
    ]
    assert "byte 5 of the line (0xfe" in problems[0].message


def test_an_id_with_control_characters_is_refused(tmp_path: Path) -> None:
    write_audio(tmp_path / "data" / "a.flac")
    data = write(
        tmp_path / "data", wav_scp="good a.flac\n", text="good x\ne\x1b[31m x\n", utt2spk="good s\n"
    )
    _, problems = read_kaldi_directory(data)
    assert [(p.kind, p.line, p.utterance) for p in problems] == [(Kind.BAD_ID, 2, None)]
    assert "\x1b" not in problems[0].message


def test_a_repeated_line_is_only_a_notice(tmp_path: Path) -> None:
    write_audio(tmp_path / "data" / "a.flac")
    data = write(tmp_path / "data", wav_scp="u a.flac\n", text="u x  y\nu x y\n", utt2spk="u s\n")
    corpus, problems = read_kaldi_directory(data)
    assert corpus.ids == ("u",)
    assert [(p.kind, p.line, p.fatal) for p in problems] == [(Kind.DUPLICATE, 2, False)]


@pytest.mark.parametrize("row", ["", "u a b\n", "u\n", "u a\nu b\n"])
def test_an_unclear_speaker_leaves_nothing_out(tmp_path: Path, row: str) -> None:
    write_audio(tmp_path / "data" / "a.flac")
    data = write(
        tmp_path / "data", wav_scp="u a.flac\nv a.flac\n", text="u x\nv x\n", utt2spk=row + "v s\n"
    )
    corpus, problems = read_kaldi_directory(data)
    assert [u.speaker for u in corpus] == ["u", "s"]
    assert len(problems) == 1
    assert not problems[0].fatal


names = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters=" \ufeff"), min_size=1
)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("corpus")
    audio = [directory / "data" / "a b.flac", directory / "b.flac"]
    for path in audio:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    with_times = data.draw(st.booleans())
    utterances = []
    for key in data.draw(st.lists(names, unique=True, min_size=1, max_size=5)):
        begin, end = 0.0, None
        if with_times:
            begin = data.draw(st.floats(0, 100))
            end = data.draw(st.none() | st.floats(begin + 0.01, 200))
        words = tuple(data.draw(st.lists(names, min_size=1, max_size=4)))
        path = data.draw(st.sampled_from(audio))
        utterances.append(Utterance(key, data.draw(names), words, path, begin, end))
    corpus = Corpus("data", tuple(utterances))
    write_kaldi_directory(corpus, directory / "data")
    again, problems = read_kaldi_directory(directory / "data")
    assert problems == []
    assert again == corpus


@settings(max_examples=150, deadline=None)
@given(
    tables=st.fixed_dictionaries(
        {
            name: st.binary(max_size=60)
            | st.text(alphabet="uv ab.|-0159\n\t\r\x00é", max_size=60).map(str.encode)
            for name in ("wav_scp", "text")
        },
        optional={
            name: st.text(alphabet="uv ab.-0159\nne", max_size=60).map(str.encode)
            for name in ("segments", "utt2spk")
        },
    )
)
def test_any_bytes_give_problems_or_an_input_error(
    tmp_path_factory: pytest.TempPathFactory, tables: dict[str, bytes]
) -> None:
    directory = write(tmp_path_factory.mktemp("fuzz"), **tables)
    (directory / "a").touch()
    try:
        corpus, problems = read_kaldi_directory(directory)
    except InputError:
        return
    assert all(p.file is not None for p in problems)
    left_out = {p.utterance for p in problems if p.fatal}
    assert not left_out & set(corpus.ids)


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    audio = write_audio(tmp_path / "a.flac")
    for bad in (
        Utterance("a b", "s", ("x",), audio),
        Utterance("a", "s\n", ("x",), audio),
        Utterance("a", "s", ("x y",), audio),
        Utterance("a", "s", ("",), audio),
        Utterance("a", "s", ("x",), tmp_path / "pipe|"),
        Utterance("a", "s", ("x",), tmp_path / "new\nline"),
    ):
        with pytest.raises(InputError):
            write_kaldi_directory(Corpus("c", (bad,)), tmp_path / "out")


def test_real_corpora_have_no_problems(shared: Path) -> None:
    expected = {
        "an4/train": (948, 74),
        "an4/test": (130, 10),
        "so762/train": (400, 20),
        "samromur_demo/test": (59, 14),
        "fsdd/connected_test": (118, 6),
    }
    for name, counts in expected.items():
        corpus, problems = read_kaldi_directory(shared / "data" / name)
        assert problems == []
        assert (len(corpus), len(corpus.speakers)) == counts
