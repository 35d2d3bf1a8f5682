import unicodedata
from pathlib import Path

import numpy as np
import pytest
import soundfile

from outergrad.corpus import (
    CheckConfig,
    Corpus,
    Lexicon,
    Origin,
    Problem,
    Pronunciation,
    Utterance,
    check_corpus,
    read_kaldi_directory,
    read_lexicon,
)
from outergrad.corpus.check import num_frames
from outergrad.corpus.problems import Kind
from outergrad.errors import InputError

LEXICON = Lexicon(
    {
        "one": (Pronunciation(("w", "ah", "n")), Pronunciation(("w", "n"))),
        "blá": (Pronunciation(("b", "l", "au")),),
    }
)


def noise(path: Path, num_samples: int, rate: int = 16000) -> Path:
    soundfile.write(path, np.random.default_rng(2).normal(scale=0.1, size=num_samples), rate)
    return path


def utterance(
    key: str, audio: Path, *words: str, begin: float = 0.0, end: float | None = None
) -> Utterance:
    return Utterance(key, "s", words, audio, begin, end, Origin("text", 3, "wav.scp", 4))


def check(
    *utterances: Utterance, unknown_words: bool = True
) -> tuple[tuple[str, ...], list[Problem]]:
    good, problems = check_corpus(Corpus("c", utterances), LEXICON, unknown_words=unknown_words)
    return good.ids, problems


def test_good_utterances_pass_untouched(tmp_path: Path) -> None:
    u = utterance("u", noise(tmp_path / "a.wav", 16000), "one", "blá")
    good, problems = check_corpus(Corpus("c", (u,)), LEXICON)
    assert (good, problems) == (Corpus("c", (u,)), [])


def test_unknown_words_are_counted_and_each_utterance_named(tmp_path: Path) -> None:
    audio = noise(tmp_path / "a.wav", 32000)
    ids, problems = check(
        utterance("u1", audio, "one", "zwei", "zwei"),
        utterance("u2", audio, "drei", "zwei"),
        utterance("u3", audio, "one"),
    )
    assert ids == ("u3",)
    words = [p for p in problems if p.kind == Kind.UNKNOWN_WORD]
    assert [p.message for p in words] == [
        "'zwei' is not in the lexicon: 3× in 2 utterances, first in u1",
        "'drei' is not in the lexicon: 1× in 1 utterance, first in u2",
    ]
    bad = [p for p in problems if p.kind == Kind.UNKNOWN_WORDS]
    assert [(p.utterance, p.message, p.fatal) for p in bad] == [
        ("u1", "not in the lexicon: zwei", True),
        ("u2", "not in the lexicon: drei, zwei", True),
    ]
    assert [(p.file, p.line) for p in problems] == [("text", 3)] * 4


def test_unknown_words_of_test_data_are_only_notices(tmp_path: Path) -> None:
    audio = noise(tmp_path / "a.wav", 32000)
    ids, problems = check(utterance("u", audio, "one", "zwei"), unknown_words=False)
    assert ids == ("u",)
    assert len(problems) == 2
    assert not any(p.fatal for p in problems)


def test_words_that_differ_in_case_or_normal_form_get_a_hint(tmp_path: Path) -> None:
    audio = noise(tmp_path / "a.wav", 32000)
    decomposed = unicodedata.normalize("NFD", "blá")
    _, problems = check(utterance("u", audio, "ONE", decomposed))
    hints = {p.message.split("; ")[1] for p in problems if p.kind == Kind.UNKNOWN_WORD}
    assert hints == {"the lexicon has 'one'", "the lexicon has it in another Unicode normal form"}


def test_speech_must_be_long_enough_for_the_shortest_pronunciations(tmp_path: Path) -> None:
    # 'one' has 2 phones at least: 6 frames, so 400 + 5·160 samples.
    enough, short = noise(tmp_path / "a.wav", 1200), noise(tmp_path / "b.wav", 1199)
    ids, problems = check(utterance("u1", enough, "one"), utterance("u2", short, "one"))
    assert ids == ("u1",)
    assert [(p.kind, p.utterance, p.file, p.line) for p in problems] == [
        (Kind.TOO_SHORT, "u2", "text", 3)
    ]
    assert problems[0].message == "0.075 s of speech give 5 frames, its 2 phones need at least 6"


def test_audio_without_a_single_frame_is_too_short_without_lexicon(tmp_path: Path) -> None:
    u = utterance("u", noise(tmp_path / "a.wav", 399))
    good, problems = check_corpus(Corpus("c", (u,)))
    assert (len(good), [p.kind for p in problems]) == (0, [Kind.TOO_SHORT])


@pytest.mark.parametrize(
    ("num_samples", "expected"), [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2), (16000, 98)]
)
def test_frames_are_counted_as_kaldi_does(num_samples: int, expected: int) -> None:
    assert num_frames(num_samples, 16000, CheckConfig()) == expected


def test_segments_beyond_the_end(tmp_path: Path) -> None:
    audio = noise(tmp_path / "a.wav", 16000)
    ids, problems = check(
        utterance("rounded", audio, "one", begin=0.2, end=1.005),
        utterance("slightly", audio, "one", begin=0.2, end=1.3),
        utterance("far", audio, "one", begin=0.2, end=1.6),
        utterance("outside", audio, "one", begin=1.2, end=1.6),
    )
    assert ids == ("rounded", "slightly")
    assert {(p.utterance, p.kind, p.fatal) for p in problems} == {
        ("slightly", Kind.SEGMENT, False),
        ("far", Kind.SEGMENT, True),
        ("outside", Kind.SEGMENT, True),
    }
    assert {(p.file, p.line) for p in problems} == {("wav.scp", 4)}


def test_audio_faults_are_all_collected(tmp_path: Path) -> None:
    def wav(name: str, samples: np.ndarray) -> Path:
        soundfile.write(tmp_path / name, samples, 16000, subtype="FLOAT")
        return tmp_path / name

    loud = np.random.default_rng(3).normal(size=16000).clip(-1, 1)
    broken = tmp_path / "broken.flac"
    broken.write_bytes(b"fLaC is how it begins")
    ids, problems = check(
        utterance("broken", broken, "one"),
        utterance("constant", wav("b.wav", np.full(16000, 0.25)), "one"),
        utterance("loud", wav("c.wav", loud), "one"),
        utterance("missing", tmp_path / "none.wav", "one"),
        utterance("nan", wav("d.wav", np.full(16000, np.nan)), "one"),
        utterance("zero", wav("e.wav", np.zeros(16000)), "one"),
        utterance("empty", wav("f.wav", np.zeros(0)), "one"),
    )
    assert ids == ("loud",)
    assert {(p.utterance, p.kind, p.fatal) for p in problems} == {
        ("broken", Kind.UNREADABLE_AUDIO, True),
        ("constant", Kind.SILENT, True),
        ("loud", Kind.CLIPPED, False),
        ("missing", Kind.MISSING_AUDIO, True),
        ("nan", Kind.NOT_FINITE, True),
        ("zero", Kind.SILENT, True),
        ("empty", Kind.EMPTY_AUDIO, True),
    }
    assert all(p.place == "wav.scp:4" for p in problems)


def test_conversions_are_one_notice_each_and_progress_is_called(tmp_path: Path) -> None:
    audio = noise(tmp_path / "a.wav", 8000, rate=8000)
    calls: list[tuple[int, int]] = []
    corpus = Corpus("c", tuple(utterance(f"u{i}", audio, "one") for i in range(3)))
    good, problems = check_corpus(
        corpus, LEXICON, progress=lambda done, total: calls.append((done, total))
    )
    assert len(good) == 3
    assert [(p.kind, p.fatal) for p in problems] == [(Kind.RESAMPLED, False)]
    assert problems[0].message.startswith("3 utterances recorded at 8000 Hz")
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_no_workers_is_wrong_use() -> None:
    with pytest.raises(InputError, match="workers"):
        check_corpus(Corpus("c", ()), LEXICON, CheckConfig(workers=0))


def test_real_speech_is_good(shared: Path) -> None:
    for data, lexicon in [
        ("an4/test", "an4"),
        ("so762/dev", "so762"),
        ("samromur_demo/dev", "samromur_demo"),
    ]:
        words, _ = read_lexicon(shared / "data" / lexicon / "lexicon.txt")
        corpus, _ = read_kaldi_directory(shared / "data" / data)
        good, problems = check_corpus(corpus, words)
        assert (len(good), problems) == (len(corpus), [])


def test_real_speech_at_8_khz_is_resampled_with_one_notice(shared: Path) -> None:
    words, _ = read_lexicon(shared / "data" / "fsdd" / "lexicon.txt")
    corpus, _ = read_kaldi_directory(shared / "data" / "fsdd" / "isolated_test")
    good, problems = check_corpus(corpus, words)
    assert len(good) == 300
    assert [p.kind for p in problems] == [Kind.RESAMPLED]
    # With five emitting hmm_states per phone, some of the isolated digits have too few frames.
    good, problems = check_corpus(corpus, words, CheckConfig(frames_per_phone=5))
    assert [p.kind for p in problems].count(Kind.TOO_SHORT) == 300 - len(good) == 4
