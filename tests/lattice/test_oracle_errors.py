"""Oracle errors and the reference in the lattice, against all paths of lattices."""

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from outergrad.errors import InputError
from outergrad.lattice.building import LatticeArc, lattice_from_arcs
from outergrad.lattice.n_best import n_best
from outergrad.lattice.one_alignment import one_alignment_per_word_string
from outergrad.lattice.oracle import oracle_errors
from outergrad.lattice.paths import best_path, log_z
from outergrad.lattice.reference import contains_words, with_numerator, with_path

SCALE = 0.3
# Sums in float64 of the same terms in another order.
EXACT = 1e-9


def references(rng, num_words):
    return [tuple(rng.integers(1, num_words + 2, size=length).tolist()) for length in range(5)]


def test_oracle_errors_are_the_fewest_of_all_paths(lattices, oracle):
    rng = np.random.default_rng(0)
    for lattice, _ in lattices[:80]:
        words = one_alignment_per_word_string(lattice, np.inf, 64)
        strings = {path.words for path in oracle.lattice_paths(lattice, SCALE)}
        for reference in references(rng, 3):
            fewest = min(Levenshtein.distance(reference, string) for string in strings)
            for kind in (lattice, words):
                found = oracle_errors(kind, reference)
                assert found.errors == fewest
                assert found.words in strings
                assert Levenshtein.distance(reference, found.words) == fewest


def test_words_in_a_lattice(lattices, oracle):
    rng = np.random.default_rng(1)
    known = 0
    for lattice, _ in lattices[:80]:
        strings = {path.words for path in oracle.lattice_paths(lattice, SCALE)}
        words = one_alignment_per_word_string(lattice, np.inf, 64)
        for reference in (*references(rng, 3), *list(strings)[:3]):
            known += reference in strings
            assert contains_words(lattice, reference) == (reference in strings)
            assert contains_words(words, reference) == (reference in strings)
    assert known > 80


def test_a_lost_word_string_comes_back_once(lattices, oracle):
    """Narrow word lattices get the path of a string that pruning lost; sums grow by exactly it."""
    added = 0
    for lattice, scores in lattices:
        if np.isneginf(scores).any():
            continue
        wide = one_alignment_per_word_string(lattice, np.inf, 64)
        narrow = one_alignment_per_word_string(lattice, 0.5, 64)
        for path in n_best(wide, 20):
            before = {p.words: p.score for p in oracle.word_lattice_paths(narrow, SCALE)}
            grown = with_path(narrow, path, scores)
            after = oracle.word_lattice_paths(grown, SCALE)
            assert len({p.words for p in after}) == len(after)
            if path.words in before:
                assert grown is narrow
                continue
            added += 1
            found = {p.words: p for p in after}
            assert found.keys() == before.keys() | {path.words}
            assert found[path.words].score == pytest.approx(path.log_score, abs=EXACT)
            assert found[path.words].pdfs == tuple(path.pdfs.tolist())
            assert found[path.words].transitions == tuple(path.transitions.tolist())
            for words, score in before.items():
                assert found[words].score == pytest.approx(score, abs=EXACT)
            assert contains_words(grown, path.words)
            expected = np.logaddexp(log_z(narrow), path.log_score)
            assert log_z(grown) == pytest.approx(expected, abs=EXACT)
            again = best_path(grown.rescore(scores))
            assert again.log_score == pytest.approx(best_path(wide).log_score, abs=1e-6)
    assert added > 50


def steps(word, pdf, cost):
    return [
        LatticeArc(0, 1, pdf, 1, word, cost, -1.0),
        LatticeArc(1, 2, pdf, 2, 0, cost, -1.0),
    ]


def test_the_numerator_joins_a_lattice_that_lacks_it():
    lattice = lattice_from_arcs(3, 0, steps(1, 0, 0.5), {2: 0.0}, 1.0)
    numerator = lattice_from_arcs(3, 0, steps(2, 1, 0.75), {2: 0.25}, 1.0)
    both = with_numerator(lattice, numerator, [2])
    assert log_z(both) == pytest.approx(np.logaddexp(log_z(lattice), log_z(numerator)), abs=EXACT)
    assert with_numerator(both, numerator, [2]) is both
    assert with_numerator(lattice, numerator, [1]) is lattice


def test_sides_of_different_utterances_are_refused():
    lattice = lattice_from_arcs(3, 0, steps(1, 0, 0.5), {2: 0.0}, 1.0)
    short = lattice_from_arcs(2, 0, steps(2, 0, 0.5)[:1], {1: 0.0}, 1.0)
    with pytest.raises(InputError, match="different utterances"):
        with_numerator(lattice, short, [2])
    other = lattice_from_arcs(3, 0, steps(2, 0, 0.5), {2: 0.0}, 0.1)
    with pytest.raises(InputError, match="acoustic_scale"):
        with_numerator(lattice, other, [2])
    words = one_alignment_per_word_string(lattice, 8.0)
    with pytest.raises(InputError, match="different utterances"):
        with_path(words, best_path(short), np.zeros((1, 1), dtype=np.float32))


@pytest.mark.parametrize("length", [0, 1, 62, 63, 64, 65, 127, 128, 200])
def test_long_word_strings_in_a_lattice(length):
    """A chain of words with repetitions, and silences between them: blocks of 64 are crossed."""
    spoken = (np.arange(length) % 3 + 1).tolist()
    labels = [0, *(label for word in spoken for label in (word, 0))]
    arcs = [LatticeArc(n, n + 1, 0, 1, label, 0.0, 0.0) for n, label in enumerate(labels)]
    lattice = lattice_from_arcs(len(labels) + 1, 0, arcs, {len(labels): 0.0}, SCALE)
    assert contains_words(lattice, spoken)
    assert not contains_words(lattice, [*spoken, 1])
    assert not contains_words(lattice, spoken[1:]) or not spoken
    if length > 1:
        assert not contains_words(lattice, [*spoken[:-1], 4])
        assert not contains_words(lattice, [spoken[1], spoken[0], *spoken[2:]])
