"""Word errors: substitutions, insertions and deletions of a hypothesis against its reference.

Of the alignments with the fewest errors there are often several, and they may split the same
number of errors differently. One rule decides everywhere here: fewest errors first, then most words
correct (so fewest substitutions), which is also what NIST's sclite leans to. The counts are
therefore a property of the two word strings, not of the program that aligned them.
"""

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rapidfuzz.distance import Levenshtein

from outergrad.errors import InputError

Kind = Literal["correct", "substitution", "insertion", "deletion"]


@dataclass(frozen=True, slots=True)
class WordErrors:
    """Error counts of one utterance or of many: they add up.

    Args:
        substitutions: reference words recognized as another word.
        insertions: recognized words that the reference does not have.
        deletions: reference words that were not recognized.
        words: words of the reference.
    """

    substitutions: int = 0
    insertions: int = 0
    deletions: int = 0
    words: int = 0

    def __post_init__(self) -> None:
        if min(self.substitutions, self.insertions, self.deletions, self.words) < 0:
            raise InputError(f"word error counts are never negative: {self}")
        if self.substitutions + self.deletions > self.words:
            raise InputError(f"more reference words wrong than there are: {self}")

    @property
    def errors(self) -> int:
        """Substitutions + insertions + deletions."""
        return self.substitutions + self.insertions + self.deletions

    @property
    def rate(self) -> float:
        """Word error rate in %: 100 · (sub + ins + del) / words; nan without reference words."""
        return 100.0 * self.errors / self.words if self.words else math.nan

    def __add__(self, other: "WordErrors") -> "WordErrors":
        return WordErrors(
            self.substitutions + other.substitutions,
            self.insertions + other.insertions,
            self.deletions + other.deletions,
            self.words + other.words,
        )


@dataclass(frozen=True, slots=True)
class AlignedPair:
    """One column of an alignment: a reference word, a hypothesis word, or both."""

    kind: Kind
    reference: str | None
    hypothesis: str | None


def word_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> WordErrors:
    """Count the word errors of one hypothesis.

    With cost K for an insertion or deletion and K + 1 for a substitution, K larger than any number
    of substitutions, the cheapest alignment costs K · errors + substitutions: one weighted
    Levenshtein distance gives the fewest errors and, among those alignments, the fewest
    substitutions. Deletions follow from the lengths: ins − del = hypothesis − reference words.

    Args:
        reference: the words that were spoken.
        hypothesis: the words that were recognized. Words are compared after Unicode
            normalization (NFC), so that a letter with an accent equals the same letter followed by
            its combining accent; case counts.

    Returns:
        The counts; equal to those of `align_words`.

    Raises:
        InputError: if a string is given where a sequence of words is expected.
    """
    source, target = _word_ids(reference, hypothesis)
    scale = len(source) + len(target) + 1
    cost = Levenshtein.distance(source, target, weights=(scale, scale, scale + 1))
    errors, substitutions = divmod(cost, scale)
    longer = len(target) - len(source)
    deletions = (errors - substitutions - longer) // 2
    return WordErrors(substitutions, deletions + longer, deletions, len(source))


def align_words(reference: Sequence[str], hypothesis: Sequence[str]) -> tuple[AlignedPair, ...]:
    """Align a hypothesis with its reference, word by word.

    Fewest errors, then most words correct; where that still leaves a choice, errors are placed as
    early in the utterance as possible, and an insertion stands before a deletion.

    Args:
        reference: the words that were spoken.
        hypothesis: the words that were recognized (compared as in `word_errors`).

    Returns:
        The columns of the alignment, in order of time.

    Raises:
        InputError: if a string is given where a sequence of words is expected.
    """
    source, target = _word_ids(reference, hypothesis)
    # cost[i][j]: (errors, substitutions) of the first i reference and j hypothesis words, as one
    # number errors · scale + substitutions, so that comparing numbers compares the pairs.
    scale = len(source) + len(target) + 1
    cost = [[j * scale for j in range(len(target) + 1)]]
    for i, word in enumerate(source, start=1):
        above = cost[-1]
        row = [i * scale]
        for j, other in enumerate(target, start=1):
            diagonal = above[j - 1] + (0 if word == other else scale + 1)
            row.append(min(diagonal, above[j] + scale, row[j - 1] + scale))
        cost.append(row)

    pairs: list[AlignedPair] = []
    i, j = len(source), len(target)
    while i or j:
        if i and j and source[i - 1] == target[j - 1] and cost[i][j] == cost[i - 1][j - 1]:
            i, j = i - 1, j - 1
            pairs.append(AlignedPair("correct", reference[i], hypothesis[j]))
        elif i and j and cost[i][j] == cost[i - 1][j - 1] + scale + 1:
            i, j = i - 1, j - 1
            pairs.append(AlignedPair("substitution", reference[i], hypothesis[j]))
        elif i and cost[i][j] == cost[i - 1][j] + scale:
            i -= 1
            pairs.append(AlignedPair("deletion", reference[i], None))
        else:
            j -= 1
            pairs.append(AlignedPair("insertion", None, hypothesis[j]))
    return tuple(reversed(pairs))


def utterance_errors(
    references: Mapping[str, Sequence[str]], hypotheses: Mapping[str, Sequence[str]]
) -> dict[str, WordErrors]:
    """Count the word errors of every utterance.

    An utterance without a hypothesis (its decoding failed) is scored as if nothing had been
    recognized, so that a failure can only raise the word error.

    Args:
        references: utterance id → words spoken.
        hypotheses: utterance id → words recognized.

    Returns:
        Utterance id → counts, in order of the ids.

    Raises:
        InputError: if a hypothesis belongs to no reference.
    """
    strangers = sorted(set(hypotheses) - set(references))
    if strangers:
        shown = ", ".join(strangers[:5]) + (", …" if len(strangers) > 5 else "")
        raise InputError(
            f"{len(strangers)} hypotheses have no reference ({shown}): "
            "score against the references of the corpus that was decoded"
        )
    return {
        utterance: word_errors(references[utterance], hypotheses.get(utterance, ()))
        for utterance in sorted(references)
    }


def total_errors(errors: Iterable[WordErrors]) -> WordErrors:
    """Add up the counts of many utterances."""
    return sum(errors, WordErrors())


def pool_runs(runs: Iterable[Mapping[str, WordErrors]]) -> dict[str, WordErrors]:
    """Pool several runs (seeds, folds): the counts of one utterance are added over the runs.

    The same utterance under two seeds is not two independent observations. Kept together as one
    segment, it is resampled and tested as one by the functions of `significance`. What the pool
    cannot show is how a whole run varies with its seed; report the spread over seeds for that.

    Args:
        runs: of each run, utterance id → counts.

    Returns:
        Utterance id → counts over all runs that have it, in order of the ids.
    """
    pooled: dict[str, WordErrors] = {}
    for run in runs:
        for utterance, counts in run.items():
            pooled[utterance] = pooled.get(utterance, WordErrors()) + counts
    return dict(sorted(pooled.items()))


def _word_ids(reference: Sequence[str], hypothesis: Sequence[str]) -> tuple[list[int], list[int]]:
    """Number the distinct words: numbers cannot collide, hashes of strings may."""
    numbers: dict[str, int] = {}

    def ids(words: Sequence[str], role: str) -> list[int]:
        if isinstance(words, str):
            raise InputError(f"the {role} must be a sequence of words, not one string: {words!r}")
        return [
            numbers.setdefault(unicodedata.normalize("NFC", word), len(numbers)) for word in words
        ]

    return ids(reference, "reference"), ids(hypothesis, "hypothesis")
