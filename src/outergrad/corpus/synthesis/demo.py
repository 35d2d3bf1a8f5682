"""Two corpora of spoken voice queries: English to start from, Icelandic to get better at."""

import math
import multiprocessing
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import soundfile
import soxr

from outergrad.arrays import Float64Array
from outergrad.corpus.kaldi import write_kaldi_directory
from outergrad.corpus.lexicon import write_lexicon
from outergrad.corpus.synthesis.acoustics import AcousticsConfig, degrade, trim_silence
from outergrad.corpus.synthesis.english import ENGLISH
from outergrad.corpus.synthesis.grammar import Grammar
from outergrad.corpus.synthesis.icelandic import ICELANDIC
from outergrad.corpus.synthesis.pronunciations import spoken_lexicon
from outergrad.corpus.synthesis.speech import Espeak, Voice
from outergrad.corpus.synthesis.voices import VoiceRanges, draw_voice, split_variants
from outergrad.corpus.utterance import Corpus, Utterance
from outergrad.errors import InputError
from outergrad.progress import Advance
from outergrad.randomness import rng

RATE = 16_000
"""Sampling rate of the recordings in Hz."""

_BABBLE_CLIPS = 32

# Shortest average utterance to expect, in seconds: bounds the number of sentences drawn.
_MIN_AVERAGE_SECONDS = 1.2

# Sentences drawn for each one needed, so that text with rare words is left for language models.
_POOL = 2

# Duration of a sentence at 207 words per minute: constant and per letter, in seconds.
_SECONDS = {"en-us": (0.645, 0.047), "is": (0.545, 0.060)}


@dataclass(frozen=True, slots=True)
class DemoConfig:
    """Size and difficulty of the demo corpora.

    Attributes:
        english_train_minutes: speech for training the source model.
        english_dev_minutes: speech for its held-out measurements; 0 for none.
        icelandic_train_minutes: speech for training the target model.
        icelandic_dev_minutes: speech for choices such as the weight of the language model.
        icelandic_test_minutes: speech for the final measurement.
        english_lm_sentences: sentences of the language model's text besides the transcripts; words
            that these lack come first, so that hardly any word of dev and test is unknown.
        icelandic_lm_sentences: the same for Icelandic; none of them is in dev or test.
        voices: ranges of the speakers' habits.
        acoustics: ranges of rooms and noise; the knobs for the error rate.
    """

    english_train_minutes: float = 20.0
    english_dev_minutes: float = 2.0
    icelandic_train_minutes: float = 27.0
    icelandic_dev_minutes: float = 4.0
    icelandic_test_minutes: float = 15.0
    english_lm_sentences: int = 1000
    icelandic_lm_sentences: int = 2000
    voices: VoiceRanges = field(default_factory=VoiceRanges)
    acoustics: AcousticsConfig = field(default_factory=AcousticsConfig)

    def __post_init__(self) -> None:
        for name in (f.name for f in fields(self) if f.name.endswith(("_minutes", "_sentences"))):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"demo: {name} must be zero or more, not {value}")


@dataclass(frozen=True, slots=True)
class PartSummary:
    """One Kaldi data directory that was written.

    Attributes:
        path: the directory.
        utterances: how many.
        speakers: how many.
        words: running words.
        distinct_words: different words.
        minutes: total duration.
    """

    path: Path
    utterances: int
    speakers: int
    words: int
    distinct_words: int
    minutes: float


@dataclass(frozen=True, slots=True)
class LanguageFiles:
    """What was written for one language.

    Attributes:
        parts: the data directories by part: `train`, `dev`, `test`.
        lexicon: pronunciations of all words of the grammar, with probabilities.
        lm_text: sentences for estimating language models, one a line.
    """

    parts: dict[str, PartSummary]
    lexicon: Path
    lm_text: Path


@dataclass(frozen=True, slots=True)
class DemoCorpora:
    """What `make_demo_corpora` wrote."""

    english: LanguageFiles
    icelandic: LanguageFiles


@dataclass(frozen=True, slots=True)
class _Speaker:
    """What one process makes at a time: the utterances of one speaker in one part."""

    id: str
    language: str
    voice: Voice
    folder: Path
    sentences: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    grammar: Grammar
    folder: Path
    parts: dict[str, list[_Speaker]]
    lm_sentences: list[tuple[str, ...]]


def make_demo_corpora(
    out_dir: Path,
    config: DemoConfig | None = None,
    seed: int = 0,
    progress: Advance | None = None,
    processes: int | None = None,
) -> DemoCorpora:
    """Write English and Icelandic voice queries as Kaldi data directories.

    ``out_dir/english`` and ``out_dir/icelandic`` get a directory per part (``train``, ``dev``,
    ``test``) with audio (16 kHz mono FLAC), ``wav.scp``, ``text``, ``utt2spk``, ``spk2utt`` and
    ``utt2dur``, and besides them ``lexicon.txt`` and ``lm.txt``. Sentences and voices of the three
    parts are disjoint; no sentence of dev or test is in ``lm.txt``. The same configuration and seed
    give the same samples, bit for bit, on the same machine and software, whatever `processes`.

    Args:
        out_dir: folder, made when missing; files of an earlier call are replaced.
        config: sizes and difficulty.
        seed: seed of all random choices.
        progress: called with (utterances made, all utterances).
        processes: how many processes speak at once; by default one per processor. More than one
            needs a main module that can be imported (`if __name__ == "__main__"`).

    Raises:
        InputError: espeak-ng is not installed, or wrong use.
        RunError: the grammar has too few sentences for the sizes asked for.
    """
    config = config or DemoConfig()
    variants = split_variants(seed)
    plans = [
        _plan(ENGLISH, Path(out_dir) / "english", "en", config, variants, seed),
        _plan(ICELANDIC, Path(out_dir) / "icelandic", "is", config, variants, seed),
    ]
    speakers = [s for plan in plans for part in plan.parts.values() for s in part]
    with closing(Espeak()) as espeak, tempfile.TemporaryDirectory() as folder:
        babble = Path(folder) / "babble.npy"
        np.save(babble, _babble(espeak, plans, seed))
        works = [_Recording(speaker, config.acoustics, babble, seed) for speaker in speakers]
        durations = _speak(works, progress, processes)
        english, icelandic = (_write(plan, durations, espeak) for plan in plans)
    return DemoCorpora(english, icelandic)


def _plan(
    grammar: Grammar,
    folder: Path,
    prefix: str,
    config: DemoConfig,
    variants: Mapping[str, tuple[str, ...]],
    seed: int,
) -> _Plan:
    """Who says what in which part."""
    minutes = {
        part: getattr(config, f"{folder.name}_{part}_minutes", 0.0)
        for part in ("test", "dev", "train")
    }
    lm_count = getattr(config, f"{folder.name}_lm_sentences")
    generator = rng(seed, "synthesis", "sentences", prefix)
    needed = lm_count + math.ceil(60.0 * sum(minutes.values()) / _MIN_AVERAGE_SECONDS)
    pool = grammar.sentences(_POOL * needed, generator)
    # Frequent sentences are drawn early: without shuffling they would all be in one part.
    remaining = iter([pool[index] for index in generator.permutation(len(pool))])
    parts: dict[str, list[_Speaker]] = {}
    for part, part_minutes in minutes.items():
        if part_minutes > 0:
            voices = [
                draw_voice(variant, config.voices, rng(seed, "synthesis", "voice", variant, prefix))
                for variant in variants[part]
            ]
            parts[part] = _cast(
                prefix, grammar.language, folder / part, voices, 60.0 * part_minutes, remaining
            )
    train = [words for speaker in parts.get("train", []) for _, words in speaker.sentences]
    return _Plan(grammar, folder, parts, _covering(list(remaining), train, lm_count))


def _cast(
    prefix: str,
    language: str,
    folder: Path,
    voices: list[Voice],
    seconds: float,
    sentences: Iterator[tuple[str, ...]],
) -> list[_Speaker]:
    """Hand out sentences to the speakers in turn until they should last `seconds`."""
    said: list[list[tuple[str, tuple[str, ...]]]] = [[] for _ in voices]
    turn = 0
    while seconds > 0:
        sentence = next(sentences)
        speaker = turn % len(voices)
        utterance_id = f"{prefix}-{voices[speaker].variant}-{len(said[speaker]):04d}"
        said[speaker].append((utterance_id, sentence))
        seconds -= _expected_seconds(sentence, language, voices[speaker])
        turn += 1
    return [
        _Speaker(f"{prefix}-{voice.variant}", language, voice, folder, tuple(sentences_of_voice))
        for voice, sentences_of_voice in zip(voices, said, strict=True)
        if sentences_of_voice
    ]


def _covering(
    sentences: list[tuple[str, ...]], known: list[tuple[str, ...]], count: int
) -> list[tuple[str, ...]]:
    """`count` of `sentences`: those with words not in `known` first, then the first of the rest."""
    seen = {word for sentence in known for word in sentence}
    with_news: list[tuple[str, ...]] = []
    rest: list[tuple[str, ...]] = []
    for sentence in sentences:
        (rest if seen.issuperset(sentence) else with_news).append(sentence)
        seen.update(sentence)
    return (with_news + rest)[:count]


def _expected_seconds(sentence: tuple[str, ...], language: str, voice: Voice) -> float:
    """Rough duration, good to a few per cent on average; fitted to synthesised queries."""
    constant, per_letter = _SECONDS[language]
    letters = sum(map(len, sentence))
    return constant + per_letter * letters * 207.0 / (voice.rate * voice.vocal_tract)


def _clean(espeak: Espeak, text: str, language: str, voice: Voice) -> Float64Array:
    """Speech without room and noise at `RATE`, magnitudes up to 1."""
    samples, rate = espeak.synthesise(text, language, voice)
    scaled = samples / 32768.0
    return trim_silence(soxr.resample(scaled, rate * voice.vocal_tract, RATE))


def _babble(espeak: Espeak, plans: list[_Plan], seed: int) -> Float64Array:
    """Running speech of training speakers (of any speakers when there is no training part)."""
    speakers = [s for plan in plans for s in plan.parts.get("train", [])]
    speakers = speakers or [s for plan in plans for part in plan.parts.values() for s in part]
    if not speakers:
        raise InputError("demo: all parts have zero minutes; ask for some speech")
    generator = rng(seed, "synthesis", "babble")
    clips = []
    for _ in range(_BABBLE_CLIPS):
        speaker = speakers[int(generator.integers(len(speakers)))]
        _, sentence = speaker.sentences[int(generator.integers(len(speaker.sentences)))]
        clip = _clean(espeak, " ".join(sentence), speaker.language, speaker.voice)
        clips.append(clip / np.sqrt(np.mean(clip**2)))
    return np.concatenate(clips)


@dataclass(frozen=True, slots=True)
class _Recording:
    """One speaker's part of the work, to be done in any process."""

    speaker: _Speaker
    acoustics: AcousticsConfig
    babble: Path
    seed: int


def _record(work: _Recording) -> list[tuple[str, float]]:
    """Write the recordings of one speaker; durations in seconds by utterance id."""
    speaker = work.speaker
    babble = np.load(work.babble, mmap_mode="r")
    audio = speaker.folder / "audio"
    audio.mkdir(parents=True, exist_ok=True)
    durations = []
    with closing(Espeak()) as espeak:
        for utterance_id, words in speaker.sentences:
            generator = rng(work.seed, "synthesis", "acoustics", utterance_id)
            clean = _clean(espeak, " ".join(words), speaker.language, speaker.voice)
            samples = degrade(clean, RATE, work.acoustics, babble, generator)
            integers = np.round(samples * 32767.0).astype(np.int16)
            soundfile.write(audio / f"{utterance_id}.flac", integers, RATE, subtype="PCM_16")
            durations.append((utterance_id, integers.size / RATE))
    return durations


def _speak(
    works: list[_Recording], progress: Advance | None, processes: int | None
) -> dict[str, float]:
    """Do all the work; durations in seconds by utterance id."""
    total = sum(len(work.speaker.sentences) for work in works)
    count = min(processes or multiprocessing.cpu_count(), len(works))
    durations: dict[str, float] = {}

    def collect(recorded: Iterator[list[tuple[str, float]]]) -> None:
        for of_speaker in recorded:
            durations.update(of_speaker)
            if progress:
                progress(len(durations), total)

    if progress:
        progress(0, total)
    if count <= 1:
        collect(map(_record, works))
        return durations
    # Forking a process that has threads (numba, torch) can deadlock.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context) as pool:
        collect(pool.map(_record, works))
    return durations


def _write(plan: _Plan, durations: dict[str, float], espeak: Espeak) -> LanguageFiles:
    """Tables, lexicon and text of one language."""
    summaries = {}
    for part, speakers in plan.parts.items():
        path = plan.folder / part
        corpus = Corpus(
            f"{plan.folder.name}-{part}",
            tuple(
                Utterance(utterance_id, speaker.id, words, path / "audio" / f"{utterance_id}.flac")
                for speaker in speakers
                for utterance_id, words in speaker.sentences
            ),
        )
        write_kaldi_directory(corpus, path)
        lines = [f"{u.id} {durations[u.id]:.4f}\n" for u in corpus]
        (path / "utt2dur").write_text("".join(lines), encoding="utf-8")
        spoken = [word for sentence in corpus.sentences for word in sentence]
        summaries[part] = PartSummary(
            path=path,
            utterances=len(corpus),
            speakers=len(corpus.speakers),
            words=len(spoken),
            distinct_words=len(set(spoken)),
            minutes=sum(durations[u.id] for u in corpus) / 60.0,
        )
    train = [words for s in plan.parts.get("train", []) for _, words in s.sentences]
    text = train + plan.lm_sentences
    lm_text = plan.folder / "lm.txt"
    lm_text.parent.mkdir(parents=True, exist_ok=True)
    lm_text.write_text("".join(f"{' '.join(words)}\n" for words in text), encoding="utf-8")
    lexicon = spoken_lexicon(espeak, plan.grammar, text)
    write_lexicon(lexicon, plan.folder / "lexicon.txt")
    return LanguageFiles(summaries, plan.folder / "lexicon.txt", lm_text)
