"""Word error counts against an oracle that enumerates every alignment."""

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outergrad.errors import InputError
from outergrad.evaluation.wer import (
    WordErrors,
    align_words,
    pool_runs,
    total_errors,
    utterance_errors,
    word_errors,
)

words = st.lists(st.sampled_from(["já", "nei", "kannski", "a"]), max_size=6)


def enumerated_counts(reference: list[str], hypothesis: list[str]) -> set[tuple[int, int, int]]:
    """(sub, ins, del) of every alignment: every way to pair k words of one with k of the other."""
    found = set()
    for k in range(min(len(reference), len(hypothesis)) + 1):
        for left in combinations(reference, k):
            for right in combinations(hypothesis, k):
                wrong = sum(a != b for a, b in zip(left, right, strict=True))
                found.add((wrong, len(hypothesis) - k, len(reference) - k))
    return found


@given(words, words)
def test_fewest_errors_then_most_words_correct_of_all_alignments(reference, hypothesis):
    best = min(
        enumerated_counts(reference, hypothesis), key=lambda counts: (sum(counts), counts[0])
    )
    counts = word_errors(reference, hypothesis)
    assert (counts.substitutions, counts.insertions, counts.deletions) == best
    assert counts.words == len(reference)


@given(words, words)
def test_the_alignment_has_the_counts_and_spells_both_sides(reference, hypothesis):
    pairs = align_words(reference, hypothesis)
    kinds = Counter(pair.kind for pair in pairs)
    assert word_errors(reference, hypothesis) == WordErrors(
        kinds["substitution"], kinds["insertion"], kinds["deletion"], len(reference)
    )
    assert [pair.reference for pair in pairs if pair.reference is not None] == reference
    assert [pair.hypothesis for pair in pairs if pair.hypothesis is not None] == hypothesis
    for pair in pairs:
        assert (pair.kind == "correct") == (pair.reference == pair.hypothesis)


@given(words, words)
def test_swapping_the_sides_swaps_insertions_and_deletions(reference, hypothesis):
    there, back = word_errors(reference, hypothesis), word_errors(hypothesis, reference)
    assert (there.substitutions, there.insertions, there.deletions) == (
        back.substitutions,
        back.deletions,
        back.insertions,
    )


def test_a_tie_goes_to_the_alignment_with_the_correct_word():
    # Two substitutions would cost as many errors, but then no word is correct.
    assert word_errors(["a", "b"], ["b", "c"]) == WordErrors(0, 1, 1, 2)
    kinds = [pair.kind for pair in align_words(["a", "b"], ["b", "c"])]
    assert kinds == ["deletion", "correct", "insertion"]


def test_the_place_of_a_repeated_word_is_fixed():
    kinds = [pair.kind for pair in align_words(["a"], ["a", "a"])]
    assert kinds == ["insertion", "correct"]


def test_composed_and_combining_accents_are_the_same_word():
    composed, combining = "n\u00e6st\u00e1", "n\u00e6sta\u0301"
    assert composed != combining
    assert word_errors([composed], [combining]) == WordErrors(words=1)
    assert [pair.kind for pair in align_words([composed], [combining])] == ["correct"]
    assert word_errors(["Já"], ["já"]).errors == 1, "case counts"
    assert word_errors(["東京", "🎤"], ["東京", "🎙"]) == WordErrors(1, 0, 0, 2)


def test_a_string_is_not_a_sequence_of_words():
    with pytest.raises(InputError, match="hypothesis must be a sequence of words"):
        word_errors(["já", "takk"], "já takk")
    with pytest.raises(InputError, match="reference must be a sequence of words"):
        align_words("já takk", ["já", "takk"])


def test_rate_is_in_percent_and_exceeds_100_with_many_insertions():
    assert WordErrors(1, 1, 1, 12).rate == 25.0
    assert word_errors(["a"], ["b", "c", "d"]).rate == 300.0
    rate = WordErrors(0, 2, 0, 0).rate
    assert rate != rate, "no reference words, no rate"


def test_counts_add_up():
    parts = [WordErrors(1, 2, 3, 10), WordErrors(0, 1, 0, 5)]
    assert total_errors(parts) == WordErrors(1, 3, 3, 15)
    assert total_errors([]) == WordErrors()


@pytest.mark.parametrize("counts", [(-1, 0, 0, 3), (2, 0, 2, 3)])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(InputError):
        WordErrors(*counts)


def test_an_utterance_that_was_not_decoded_counts_as_deleted():
    errors = utterance_errors({"u2": ["a", "b"], "u1": ["c"]}, {"u1": ["c"]})
    assert errors == {"u1": WordErrors(words=1), "u2": WordErrors(0, 0, 2, 2)}
    assert list(errors) == ["u1", "u2"]


def test_a_hypothesis_without_reference_is_refused():
    with pytest.raises(InputError, match="1 hypotheses have no reference \\(u9\\)"):
        utterance_errors({"u1": ["a"]}, {"u1": ["a"], "u9": ["a"]})


def test_runs_are_pooled_utterance_by_utterance():
    pooled = pool_runs([{"u2": WordErrors(1, 0, 0, 2)}, {"u1": WordErrors(0, 0, 1, 4)}] * 2)
    assert pooled == {"u1": WordErrors(0, 0, 2, 8), "u2": WordErrors(2, 0, 0, 4)}
    assert list(pooled) == ["u1", "u2"]
