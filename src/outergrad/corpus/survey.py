"""What a corpus is like before anything is trained on it: durations, speakers, fit of the texts."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from rapidfuzz import fuzz, process

from outergrad.corpus.lexicon import Lexicon
from outergrad.corpus.problems import Kind, Problem
from outergrad.corpus.utterance import Corpus, Utterance

_SUGGESTED = 3
_SIMILAR = 70.0
_MOST_SUGGESTIONS = 500
# An utterance is odd when it is this many times as fast or slow as the corpus, and also far
# outside the corpus's own spread (in robust standard deviations).
_ODD_RATIO = 2.0
_ODD_DEVIATIONS = 4.0


@dataclass(frozen=True, slots=True)
class MissingWord:
    """A word that the lexicon lacks: how often, and lexicon words that look like it."""

    word: str
    count: int
    utterances: int
    suggestions: tuple[str, ...]


def durations(corpus: Corpus) -> dict[str, float]:
    """Utterance id → seconds, from the headers; recordings that cannot be opened are left out."""
    lengths: dict[Path, float | None] = {}
    found: dict[str, float] = {}
    for utterance in corpus:
        if utterance.audio not in lengths:
            lengths[utterance.audio] = _length(utterance.audio)
        length = lengths[utterance.audio]
        if length is None:
            continue
        end = length if utterance.end is None else min(utterance.end, length)
        if end > utterance.begin:
            found[utterance.id] = end - utterance.begin
    return found


def missing_words(corpus: Corpus, lexicon: Lexicon) -> list[MissingWord]:
    """Words of the transcripts that the lexicon lacks, the most frequent first.

    Suggestions are the lexicon's words with the most similar spelling (normalised edit
    distance), for the most frequent words only.
    """
    counts: Counter[str] = Counter()
    utterances: Counter[str] = Counter()
    for utterance in corpus:
        unknown = [word for word in utterance.words if word not in lexicon]
        counts.update(unknown)
        utterances.update(set(unknown))
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    folded: dict[str, str] = {}
    for word in lexicon:
        folded.setdefault(word.casefold(), word)
    choices = list(folded)
    return [
        MissingWord(
            word,
            counts[word],
            utterances[word],
            _similar(word, choices, folded) if place < _MOST_SUGGESTIONS else (),
        )
        for place, word in enumerate(ordered)
    ]


def odd_speaking_rates(
    corpus: Iterable[Utterance], seconds: Mapping[str, float], lexicon: Lexicon
) -> tuple[float | None, list[Problem]]:
    """Utterances whose text does not seem to fit their audio.

    The rate is phones (of the shortest pronunciations) per second. Odd is an utterance at
    least `_ODD_RATIO` times as fast or slow as the median, and `_ODD_DEVIATIONS` robust standard
    deviations (1.4826 × median absolute deviation of log rates) away from it.

    Returns:
        Median rate in phones per second (None without any), and a notice per odd utterance.
    """
    rates = {
        utterance: sum(lexicon.shortest(word) for word in utterance.words) / seconds[utterance.id]
        for utterance in corpus
        if utterance.words
        and utterance.id in seconds
        and all(word in lexicon for word in utterance.words)
    }
    if not rates:
        return None, []
    logs = np.log(np.array(list(rates.values())))
    centre = float(np.median(logs))
    spread = max(1.4826 * float(np.median(np.abs(logs - centre))), 1e-6)
    median = float(np.exp(centre))
    problems = []
    for utterance, rate in rates.items():
        distance = abs(float(np.log(rate)) - centre)
        if distance >= np.log(_ODD_RATIO) and distance / spread >= _ODD_DEVIATIONS:
            what = "more" if rate > median else "less"
            message = (
                f"{rate:.1f} phones per second, the corpus has {median:.1f}: is there {what} text "
                "than speech?"
            )
            origin = utterance.origin
            problems.append(
                Problem(
                    Kind.SPEAKING_RATE,
                    message,
                    origin.text_file,
                    origin.text_line,
                    utterance.id,
                    fatal=False,
                )
            )
    return median, problems


def spread_of(seconds: Iterable[float]) -> dict[str, float]:
    """Total, shortest, median and longest, in seconds."""
    values = sorted(seconds)
    if not values:
        return {"total": 0.0, "shortest": 0.0, "median": 0.0, "longest": 0.0}
    return {
        "total": round(sum(values), 2),
        "shortest": round(values[0], 2),
        "median": round(statistics.median(values), 2),
        "longest": round(values[-1], 2),
    }


def _length(path: Path) -> float | None:
    try:
        info = soundfile.info(str(path))
        return int(info.frames) / int(info.samplerate)
    except (soundfile.LibsndfileError, OSError, RuntimeError, ValueError, TypeError):
        return None


def _similar(word: str, choices: list[str], folded: Mapping[str, str]) -> tuple[str, ...]:
    found = process.extract(
        word.casefold(), choices, scorer=fuzz.ratio, limit=_SUGGESTED, score_cutoff=_SIMILAR
    )
    return tuple(folded[choice] for choice, _, _ in found)
