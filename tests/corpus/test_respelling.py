"""Running text becomes words of the lexicon; what is not found stays as it was."""

import unicodedata
from pathlib import Path

from outergrad.corpus import Corpus, Kind, Lexicon, Pronunciation, Utterance
from outergrad.corpus.respelling import respell
from outergrad.corpus.survey import missing_words

LEXICON = Lexicon(
    {
        word: (Pronunciation(("A",)),)
        for word in ("HELLO", "IT'S", "Polish", "polish", "ísland", ".com")
    }
)


def respelled(text: str) -> tuple[str, list[Kind]]:
    corpus = Corpus("c", (Utterance("u", "s", tuple(text.split()), Path("a.wav")),))
    done, problems = respell(corpus, LEXICON)
    return " ".join(done["u"].words), [problem.kind for problem in problems]


def test_case_and_punctuation_are_taken_from_the_lexicon() -> None:
    assert respelled("“Hello,” – it's Ísland!") == ("HELLO IT'S ísland", [Kind.RESPELLED])
    assert respelled(unicodedata.normalize("NFD", "Ísland")) == ("ísland", [Kind.RESPELLED])


def test_what_the_lexicon_has_is_left_alone() -> None:
    assert respelled("HELLO polish Polish .com") == ("HELLO polish Polish .com", [])


def test_what_is_unknown_or_ambiguous_loses_its_punctuation_only() -> None:
    assert respelled("POLISH, Unknown, Unknown") == ("POLISH Unknown Unknown", [])


def test_a_missing_word_is_one_wherever_it_stands() -> None:
    text = "HELLO on, on (on) on! don't"
    corpus = Corpus("c", (Utterance("u", "s", tuple(text.split()), Path("a.wav")),))
    found = missing_words(respell(corpus, LEXICON)[0], LEXICON)
    assert [(missing.word, missing.count) for missing in found] == [("on", 4), ("don't", 1)]
