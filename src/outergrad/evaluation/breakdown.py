"""Where the word errors are: by speaker, and the words most often confused."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from outergrad.errors import InputError
from outergrad.evaluation.wer import WordErrors, align_words

T = TypeVar("T", str, tuple[str, str])


@dataclass(frozen=True, slots=True)
class SpeakerErrors:
    """The word errors of one speaker."""

    speaker: str
    utterances: int
    errors: WordErrors


@dataclass(frozen=True, slots=True)
class Confusions:
    """The most frequent errors, each with its count, most frequent first.

    Args:
        substitutions: ((word spoken, word recognized), count).
        insertions: (word recognized, count).
        deletions: (word spoken, count).
    """

    substitutions: tuple[tuple[tuple[str, str], int], ...]
    insertions: tuple[tuple[str, int], ...]
    deletions: tuple[tuple[str, int], ...]


def speaker_errors(
    errors: Mapping[str, WordErrors], speakers: Mapping[str, str]
) -> tuple[SpeakerErrors, ...]:
    """Add up the word errors of each speaker.

    Args:
        errors: utterance id → counts.
        speakers: utterance id → speaker; may hold more utterances than `errors`.

    Returns:
        One entry per speaker, highest word error rate first, then by name. A speaker without
        reference words comes last.

    Raises:
        InputError: if the speaker of an utterance is not given.
    """
    totals: dict[str, WordErrors] = {}
    utterances: Counter[str] = Counter()
    for utterance, counts in errors.items():
        if utterance not in speakers:
            raise InputError(f"the speaker of utterance {utterance!r} is not given")
        speaker = speakers[utterance]
        totals[speaker] = totals.get(speaker, WordErrors()) + counts
        utterances[speaker] += 1

    def order(entry: SpeakerErrors) -> tuple[bool, float, str]:
        worded = entry.errors.words > 0
        return not worded, -entry.errors.rate if worded else 0.0, entry.speaker

    entries = (SpeakerErrors(name, utterances[name], totals[name]) for name in totals)
    return tuple(sorted(entries, key=order))


def confusions(
    references: Mapping[str, Sequence[str]],
    hypotheses: Mapping[str, Sequence[str]],
    limit: int = 20,
) -> Confusions:
    """Find the most frequent substitutions, insertions and deletions.

    Args:
        references: utterance id → words spoken.
        hypotheses: utterance id → words recognized; none = nothing was recognized.
        limit: how many of each kind.

    Returns:
        The most frequent errors; equally frequent ones in alphabetical order.
    """
    substitutions: Counter[tuple[str, str]] = Counter()
    insertions: Counter[str] = Counter()
    deletions: Counter[str] = Counter()
    for utterance, reference in references.items():
        for pair in align_words(reference, hypotheses.get(utterance, ())):
            if pair.reference is None and pair.hypothesis is not None:
                insertions[pair.hypothesis] += 1
            elif pair.hypothesis is None and pair.reference is not None:
                deletions[pair.reference] += 1
            elif pair.kind == "substitution" and pair.reference and pair.hypothesis:
                substitutions[pair.reference, pair.hypothesis] += 1

    return Confusions(
        _most_frequent(substitutions, limit),
        _most_frequent(insertions, limit),
        _most_frequent(deletions, limit),
    )


def _most_frequent(counts: Counter[T], limit: int) -> tuple[tuple[T, int], ...]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(ordered[:limit])
