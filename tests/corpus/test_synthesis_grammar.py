"""The query grammar and the two languages written in it."""

import re
from collections import Counter

import pytest

from outergrad.corpus.synthesis.english import ENGLISH
from outergrad.corpus.synthesis.grammar import Grammar, entries, table
from outergrad.corpus.synthesis.icelandic import ICELANDIC
from outergrad.errors import InputError, RunError
from outergrad.randomness import rng


def _small(**changes: object) -> Grammar:
    arguments = {
        "language": "xx",
        "templates": {"greet": ("hello {who}", "good morning {who?} {when}")},
        "slots": {"who": ("anna", "{when} people"), "when": ("today", "now")},
        **changes,
    }
    return Grammar(**arguments)  # type: ignore[arg-type]


ALL_SMALL = {
    "hello anna",
    "hello today people",
    "hello now people",
    "good morning today",
    "good morning now",
    "good morning anna today",
    "good morning anna now",
    "good morning today people today",
    "good morning today people now",
    "good morning now people today",
    "good morning now people now",
}


def test_a_grammar_gives_exactly_its_language() -> None:
    sentences = _small().sentences(len(ALL_SMALL), rng(0, "all"))
    assert {" ".join(words) for words in sentences} == ALL_SMALL
    assert _small().vocabulary() == (
        "anna",
        "good",
        "hello",
        "morning",
        "now",
        "people",
        "today",
    )


def test_excluded_and_too_long_sentences_never_come_out() -> None:
    grammar = _small(max_words=3)
    excluded = [("hello", "anna"), ("good", "morning", "now")]
    sentences = grammar.sentences(3, rng(1, "few"), exclude=excluded)
    assert len(set(sentences)) == 3
    assert not set(sentences) & set(excluded)
    assert all(len(words) <= 3 for words in sentences)


def test_an_exhausted_grammar_says_so() -> None:
    with pytest.raises(RunError, match="only 11 of 12 distinct sentences"):
        _small().sentences(12, rng(0, "too many"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"templates": {"greet": ("hello {whom}",)}}, "unknown slots .*whom"),
        ({"slots": {"who": (), "when": ("now",)}}, "'who' is empty"),
    ],
)
def test_mistakes_in_a_grammar_are_errors(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        _small(**changes)


def test_tables_become_slots_by_column() -> None:
    slots = table("\n anna, önnu \n jón, jóni\n", "nominative", "dative")
    assert slots == {"nominative": ("anna", "jón"), "dative": ("önnu", "jóni")}
    with pytest.raises(InputError, match="needs exactly the cells"):
        table("anna, önnu, önnu", "nominative", "dative")
    assert entries(" a b,\n c ,") == ("a b", "c")


def test_entries_listed_first_are_drawn_more_often() -> None:
    words = tuple(f"w{index}" for index in range(50))
    grammar = _small(templates={"t": ("the {word}",)}, slots={"word": words}, exponent=1.0)
    generator = rng(2, "zipf")
    counts = Counter(grammar.draw(generator)[1] for _ in range(4000))
    weights = {word: 1 / (place + 2) for place, word in enumerate(words)}
    total = sum(weights.values())
    for word in words[:5]:
        expected = 4000 * weights[word] / total
        assert abs(counts[word] - expected) < 5 * expected**0.5


@pytest.mark.parametrize("grammar", [ICELANDIC, ENGLISH], ids=["icelandic", "english"])
def test_queries_are_plenty_short_and_plainly_spelled(grammar: Grammar) -> None:
    sentences = grammar.sentences(8000, rng(0, grammar.language))
    assert len(set(sentences)) == 8000
    assert all(2 <= len(words) <= 8 for words in sentences)
    letters = re.compile(r"[a-záéíóúýþæöð]+" if grammar is ICELANDIC else r"[a-z']+")
    assert [word for word in grammar.vocabulary() if not letters.fullmatch(word)] == []


def test_every_list_of_a_language_is_used_somewhere() -> None:
    for grammar in (ICELANDIC, ENGLISH):
        patterns = [
            *(p for group in grammar.templates.values() for p in group),
            *(p for group in grammar.slots.values() for p in group),
        ]
        named = set(re.findall(r"\{(\w+)", " ".join(patterns)))
        assert set(grammar.slots) - named == set()


def test_icelandic_has_the_vocabulary_of_a_real_task() -> None:
    assert len(ICELANDIC.vocabulary()) >= 1500
    sentences = ICELANDIC.sentences(1000, rng(0, "vocabulary"))
    assert len({word for words in sentences for word in words}) >= 800
