"""Everything wrong with a corpus for training or scoring with a lexicon, found in one go."""

import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import partial

import numpy as np

from outergrad.corpus.audio import (
    SAMPLE_RATE,
    Audio,
    AudioError,
    audio_problem,
    conversion_notices,
    read_audio,
)
from outergrad.corpus.lexicon import Lexicon
from outergrad.corpus.parallel import Progress, map_in_threads
from outergrad.corpus.problems import Kind, Problem, printable
from outergrad.corpus.utterance import Corpus, Utterance
from outergrad.errors import InputError


@dataclass(frozen=True, slots=True)
class CheckConfig:
    """What an utterance must fulfil."""

    frame_length_ms: float = 25.0
    """Length of a frame, in ms."""
    frame_shift_ms: float = 10.0
    """Distance of two frames, in ms."""
    frames_per_phone: int = 3
    """Frames that a phone needs at least: one per emitting hmm_state of the default topology."""
    max_overshoot: float = 0.5
    """Seconds by which a segment may end beyond its recording; it is cut there, with a notice."""
    clipping_level: float = 0.999
    """Samples at or above this fraction of full scale count as clipped."""
    max_clipped: float = 0.001
    """Fraction of clipped samples above which an utterance is warned about."""
    workers: int = 2
    """Threads that read audio."""


def check_corpus(
    corpus: Corpus,
    lexicon: Lexicon | None = None,
    config: CheckConfig | None = None,
    *,
    unknown_words: bool = True,
    progress: Progress | None = None,
) -> tuple[Corpus, list[Problem]]:
    """Read all audio and transcripts and collect everything that is wrong.

    Left out are utterances whose audio is missing, unreadable, empty, constant or not finite, whose
    segment lies outside the recording, that contain words outside the lexicon, or that have fewer
    frames than `frames_per_phone` for each phone of the shortest pronunciations. Clipped audio,
    small overshoots, resampling and averaged channels are notices.

    Args:
        corpus: What to check.
        lexicon: Pronunciations; None skips everything that needs them.
        config: Limits.
        unknown_words: Whether words outside the lexicon make an utterance bad. For test data
            they do not: such a word is an error of the recognizer and must be counted. They are
            then reported as notices.
        progress: Called after each utterance.

    Returns:
        The good utterances, and all problems in the order of kinds found: transcripts, audio,
        then notices that summarise.
    """
    config = config or CheckConfig()
    if config.workers < 1:
        raise InputError(f"check: workers must be at least 1, not {config.workers}")
    problems: list[Problem] = []
    if lexicon is not None:
        problems += _unknown_words(corpus, lexicon, fatal=unknown_words)
    formats: list[tuple[int, int]] = []
    check = partial(_check_audio, lexicon=lexicon, config=config)
    results = map_in_threads(check, corpus, config.workers)
    for done, (_, (found, source_format)) in enumerate(results, start=1):
        problems += found
        if source_format is not None:
            formats.append(source_format)
        if progress is not None:
            progress(done, len(corpus))
    problems += conversion_notices(formats)
    bad = {problem.utterance for problem in problems if problem.fatal}
    return Corpus(corpus.name, tuple(u for u in corpus if u.id not in bad)), problems


def num_frames(num_samples: int, rate: int, config: CheckConfig) -> int:
    """Frames that lie wholly inside `num_samples` samples (Kaldi's ``snip-edges``)."""
    length = int(rate * config.frame_length_ms / 1000)
    shift = int(rate * config.frame_shift_ms / 1000)
    return 0 if num_samples < length else 1 + (num_samples - length) // shift


def _check_audio(
    utterance: Utterance, lexicon: Lexicon | None, config: CheckConfig
) -> tuple[list[Problem], tuple[int, int] | None]:
    try:
        audio = read_audio(utterance)
    except AudioError as error:
        return [audio_problem(utterance, error)], None
    found = [
        Problem(
            kind,
            message,
            utterance.origin.audio_file,
            utterance.origin.audio_line,
            utterance.id,
            fatal,
        )
        for kind, message, fatal in _audio_faults(audio, utterance, config)
    ]
    too_short = _too_short(audio, utterance, lexicon, config)
    if too_short is not None:
        found.append(too_short)
    return found, (audio.source_rate, audio.channels)


def _audio_faults(
    audio: Audio, utterance: Utterance, config: CheckConfig
) -> list[tuple[Kind, str, bool]]:
    samples = audio.samples
    faults: list[tuple[Kind, str, bool]] = []
    # Rounding of the times to 10 ms is no fault worth mentioning.
    if audio.overshoot > config.frame_shift_ms / 1000:
        fatal = audio.overshoot > config.max_overshoot
        what = "" if fatal else "; it is cut there"
        message = f"it ends {audio.overshoot:.2f} s beyond the end of {utterance.audio}{what}"
        faults.append((Kind.SEGMENT, message, fatal))
    if float(samples.min()) == float(samples.max()):
        message = f"all samples of {utterance.audio} are {float(samples[0]):g}: nothing to hear"
        faults.append((Kind.SILENT, message, True))
    clipped = float(np.mean(np.abs(samples) >= config.clipping_level))
    if clipped > config.max_clipped:
        message = f"{clipped:.1%} of the samples of {utterance.audio} are at full scale"
        faults.append((Kind.CLIPPED, message, False))
    return faults


def _too_short(
    audio: Audio, utterance: Utterance, lexicon: Lexicon | None, config: CheckConfig
) -> Problem | None:
    phones = (
        sum(lexicon.shortest(word) for word in utterance.words if word in lexicon)
        if lexicon is not None
        else 0
    )
    needed = max(1, config.frames_per_phone * phones)
    frames = num_frames(len(audio.samples), SAMPLE_RATE, config)
    if frames >= needed:
        return None
    why = f"its {phones} phones need at least {needed}" if phones else "features need at least one"
    message = f"{audio.seconds:.3f} s of speech give {frames} frames, {why}"
    origin = utterance.origin
    file, line = origin.text_file or origin.audio_file, origin.text_line or origin.audio_line
    return Problem(Kind.TOO_SHORT, message, file, line, utterance.id)


def _unknown_words(corpus: Corpus, lexicon: Lexicon, *, fatal: bool) -> list[Problem]:
    """One problem per unknown word with counts, and one per utterance that contains any."""
    counts: Counter[str] = Counter()
    utterances: Counter[str] = Counter()
    first: dict[str, Utterance] = {}
    bad: list[Problem] = []
    for utterance in corpus:
        unknown = [word for word in utterance.words if word not in lexicon]
        if not unknown:
            continue
        counts.update(unknown)
        for word in dict.fromkeys(unknown):
            utterances[word] += 1
            first.setdefault(word, utterance)
        words = ", ".join(dict.fromkeys(unknown))
        origin = utterance.origin
        bad.append(
            Problem(
                Kind.UNKNOWN_WORDS,
                f"not in the lexicon: {words}",
                origin.text_file,
                origin.text_line,
                utterance.id,
                fatal,
            )
        )
    hints = _Hints(lexicon) if counts else None
    words_first = [
        Problem(
            Kind.UNKNOWN_WORD,
            f"'{word}' is not in the lexicon: {count}× in {utterances[word]} "
            f"utterance{'' if utterances[word] == 1 else 's'}, first in "
            f"{printable(first[word].id)}{hints.hint(word) if hints else ''}",
            first[word].origin.text_file,
            first[word].origin.text_line,
            fatal=False,
        )
        for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    return words_first + bad


class _Hints:
    """Finds lexicon entries that differ from a word only in how they are spelled in Unicode."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._by_form = {_form(word): word for word in lexicon}

    def hint(self, word: str) -> str:
        near = self._by_form.get(_form(word))
        if near is None:
            return ""
        if unicodedata.normalize("NFC", near) == unicodedata.normalize("NFC", word):
            return "; the lexicon has it in another Unicode normal form"
        return f"; the lexicon has '{near}'"


def _form(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()
