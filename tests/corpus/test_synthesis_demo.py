"""The demo corpora as a whole: complete, disjoint, reproducible bit for bit."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile

from outergrad.corpus.kaldi import read_kaldi_directory
from outergrad.corpus.lexicon import read_lexicon
from outergrad.corpus.synthesis import DemoConfig, DemoCorpora, make_demo_corpora
from outergrad.errors import InputError

pytest.importorskip("espeakng_loader")

SMALL = DemoConfig(
    english_train_minutes=0.3,
    english_dev_minutes=0.0,
    icelandic_train_minutes=1.0,
    icelandic_dev_minutes=0.2,
    icelandic_test_minutes=0.4,
    english_lm_sentences=20,
    icelandic_lm_sentences=200,
)


@dataclasses.dataclass
class Made:
    folder: Path
    corpora: DemoCorpora
    progress: list[tuple[int, int]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("demo")
    calls: list[tuple[int, int]] = []
    corpora = make_demo_corpora(
        folder, SMALL, seed=5, progress=lambda *call: calls.append(call), processes=2
    )
    return Made(folder, corpora, calls)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_seed_same_bits_in_one_process_or_two(made: Made, tmp_path: Path) -> None:
    make_demo_corpora(tmp_path, SMALL, seed=5, processes=1)
    assert _files(tmp_path) == _files(made.folder)


def test_another_seed_is_another_corpus(made: Made, tmp_path: Path) -> None:
    config = dataclasses.replace(
        SMALL, english_train_minutes=0.1, icelandic_train_minutes=0.1, icelandic_dev_minutes=0.0
    )
    other = make_demo_corpora(tmp_path, config, seed=6, processes=1)
    test = made.corpora.icelandic.parts["test"].path
    other_test = other.icelandic.parts["test"].path
    assert (test / "text").read_text() != (other_test / "text").read_text()
    assert not {p.read_bytes() for p in test.glob("audio/*")} & {
        p.read_bytes() for p in other_test.glob("audio/*")
    }


def test_directories_read_without_problems_and_match_the_summaries(made: Made) -> None:
    languages = (made.corpora.english, made.corpora.icelandic)
    assert set(languages[0].parts) == {"train"}
    assert set(languages[1].parts) == {"train", "dev", "test"}
    for language in languages:
        lexicon, problems = read_lexicon(language.lexicon)
        assert problems == []
        for summary in language.parts.values():
            corpus, problems = read_kaldi_directory(summary.path)
            assert problems == []
            assert len(corpus) == summary.utterances
            assert len(corpus.speakers) == summary.speakers
            words = [word for sentence in corpus.sentences for word in sentence]
            assert (len(words), len(set(words))) == (summary.words, summary.distinct_words)
            assert [word for word in words if word not in lexicon] == []
            durations = dict(
                line.split() for line in (summary.path / "utt2dur").read_text().splitlines()
            )
            seconds = 0.0
            for utterance in corpus:
                info = soundfile.info(utterance.audio)
                assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
                assert float(durations[utterance.id]) == pytest.approx(info.duration, abs=1e-4)
                seconds += info.duration
                # No frame-level model can say fewer frames than 3 per phone.
                phones = sum(lexicon.shortest(word) for word in utterance.words)
                assert info.duration > 0.03 * phones
            assert summary.minutes == pytest.approx(seconds / 60)


def test_sizes_are_about_what_was_asked_for(made: Made) -> None:
    minutes = {part: summary.minutes for part, summary in made.corpora.icelandic.parts.items()}
    # Sentences are handed out by expected duration; parts this small end up to one query over.
    assert minutes["train"] == pytest.approx(1.0, rel=0.15)
    assert minutes["test"] == pytest.approx(0.4, rel=0.25)


def test_sentences_and_voices_of_the_parts_are_disjoint(made: Made) -> None:
    parts = {
        part: read_kaldi_directory(summary.path)[0]
        for part, summary in made.corpora.icelandic.parts.items()
    }
    english = read_kaldi_directory(made.corpora.english.parts["train"].path)[0]
    sentences = {part: set(corpus.sentences) for part, corpus in parts.items()}
    voices = {part: {s.split("-")[1] for s in corpus.speakers} for part, corpus in parts.items()}
    voices["english"] = {speaker.split("-")[1] for speaker in english.speakers}
    for first, second in (("train", "dev"), ("train", "test"), ("dev", "test")):
        assert not sentences[first] & sentences[second]
        assert not voices[first] & voices[second]
    assert not voices["english"] & (voices["dev"] | voices["test"])
    lines = made.corpora.icelandic.lm_text.read_text(encoding="utf-8").splitlines()
    text = {tuple(line.split()) for line in lines}
    assert sentences["train"] <= text
    assert not text & (sentences["dev"] | sentences["test"])
    assert len(lines) == len(parts["train"]) + SMALL.icelandic_lm_sentences


def test_the_language_models_text_brings_the_rare_words(tmp_path: Path) -> None:
    # Hardly any training speech, so that the additional sentences must bring the words.
    config = dataclasses.replace(
        SMALL,
        english_train_minutes=0.0,
        icelandic_train_minutes=0.05,
        icelandic_dev_minutes=0.0,
        icelandic_test_minutes=0.1,
        icelandic_lm_sentences=1200,
    )
    icelandic = make_demo_corpora(tmp_path, config, seed=1, processes=1).icelandic
    known = set(icelandic.lm_text.read_text(encoding="utf-8").split())
    # 1200 sentences taken as they come have about 1040 different words.
    assert len(known) > 1200


def test_audio_is_neither_silent_nor_clipped(made: Made) -> None:
    for path in made.folder.rglob("*.flac"):
        samples, _ = soundfile.read(path)
        assert 1e-3 < np.sqrt(np.mean(samples**2)) < 0.3
        assert np.mean(np.abs(samples) > 0.999) < 1e-3


def test_progress_runs_from_nothing_to_all(made: Made) -> None:
    total = sum(
        summary.utterances
        for language in (made.corpora.english, made.corpora.icelandic)
        for summary in language.parts.values()
    )
    done = [call[0] for call in made.progress]
    assert {call[1] for call in made.progress} == {total}
    assert (done[0], done[-1]) == (0, total)
    assert done == sorted(done)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"icelandic_test_minutes": -1.0}, "icelandic_test_minutes must be zero or more"),
        ({"english_train_minutes": float("inf")}, "english_train_minutes"),
    ],
)
def test_impossible_sizes_are_errors(changes: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        DemoConfig(**changes)


def test_no_speech_at_all_is_an_error(tmp_path: Path) -> None:
    nothing = DemoConfig(0.0, 0.0, 0.0, 0.0, 0.0)
    with pytest.raises(InputError, match="all parts have zero minutes"):
        make_demo_corpora(tmp_path, nothing)
