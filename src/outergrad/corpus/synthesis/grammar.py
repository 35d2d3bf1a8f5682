"""Random spoken queries from a template grammar.

A grammar is a list of templates over named slots; the entries of a slot may name further slots:
``"what is the weather {where} {when?}"``. A slot followed by ``?`` is left out half of the time.
Entries are drawn with a Zipf-like law over their place in the list, so tables start with what
people say most.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from outergrad.errors import InputError, RunError

_TOKEN = re.compile(r"\{(\w+)(\?)?\}|([^\s{}]+)")

# Draws without a new sentence after which a grammar counts as exhausted.
_MAX_BARREN_DRAWS = 20_000


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    is_slot: bool
    optional: bool


def entries(text: str) -> tuple[str, ...]:
    """Entries of a slot, written as a list separated by commas, most frequent first."""
    return tuple(item.strip() for item in text.split(",") if item.strip())


def table(text: str, *columns: str) -> dict[str, tuple[str, ...]]:
    """Slots from the columns of a table: one row a line, cells separated by commas.

    Args:
        text: the table, for example one row per name with its four cases.
        columns: the slot that each column fills.

    Returns:
        Slot to its entries, in the order of the rows.

    Raises:
        InputError: a row has too many or too few cells.
    """
    rows = [
        tuple(cell.strip() for cell in line.split(","))
        for line in text.splitlines()
        if line.strip()
    ]
    for row in rows:
        if len(row) != len(columns) or not all(row):
            raise InputError(f"the row {row} needs exactly the cells {columns}: correct the table")
    return {name: tuple(row[index] for row in rows) for index, name in enumerate(columns)}


@dataclass(frozen=True)
class Grammar:
    """Templates and slots of one language's queries.

    Attributes:
        language: voice of espeak-ng that speaks the language, for example `"en-us"`.
        templates: what is asked, grouped in topics; topics are drawn uniformly, templates of a
            topic and entries of a slot with probability proportional to (place + 2) ** -exponent.
        slots: slot to its entries.
        exponent: 0 draws uniformly; larger makes frequent entries more frequent.
        min_words: shortest sentence kept, in words.
        max_words: longest sentence kept, in words.
    """

    language: str
    templates: Mapping[str, tuple[str, ...]]
    slots: Mapping[str, tuple[str, ...]]
    exponent: float = 0.6
    min_words: int = 2
    max_words: int = 8
    _parsed: dict[str, tuple[_Token, ...]] = field(init=False, repr=False, default_factory=dict)
    _cumulative: dict[int, np.ndarray] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        everything = [*self.slots.items(), *self.templates.items()]
        for name, patterns in everything:
            if not patterns:
                raise InputError(f"{self.language}: the list {name!r} is empty: give it entries")
            size = len(patterns)
            weights = (np.arange(size) + 2.0) ** -self.exponent
            self._cumulative[size] = np.cumsum(weights) / weights.sum()
            for pattern in patterns:
                tokens = tuple(
                    _Token(slot or word, bool(slot), bool(optional))
                    for slot, optional, word in _TOKEN.findall(pattern)
                )
                unknown = [t.text for t in tokens if t.is_slot and t.text not in self.slots]
                if unknown:
                    raise InputError(
                        f"{self.language}: {pattern!r} in {name!r} names the unknown slots "
                        f"{unknown}: define them or correct the name"
                    )
                self._parsed[pattern] = tokens

    def draw(self, generator: np.random.Generator) -> tuple[str, ...]:
        """One random sentence, of any length that the templates allow."""
        topics = tuple(self.templates)
        topic = topics[int(generator.integers(len(topics)))]
        words: list[str] = []
        self._expand(self._choose(self.templates[topic], generator), generator, words)
        return tuple(words)

    def sentences(
        self,
        count: int,
        generator: np.random.Generator,
        exclude: Iterable[tuple[str, ...]] = (),
    ) -> list[tuple[str, ...]]:
        """Distinct random sentences of admissible length.

        Args:
            count: how many.
            generator: source of randomness.
            exclude: sentences that must not come out.

        Returns:
            The sentences, each a tuple of words, in the order they were drawn.

        Raises:
            RunError: the grammar has too few sentences.
        """
        seen = set(exclude)
        result: list[tuple[str, ...]] = []
        barren = 0
        while len(result) < count:
            sentence = self.draw(generator)
            if sentence in seen or not self.min_words <= len(sentence) <= self.max_words:
                barren += 1
                if barren > _MAX_BARREN_DRAWS:
                    raise RunError(
                        f"the {self.language} grammar gave only {len(result)} of {count} distinct "
                        "sentences: ask for fewer minutes or fewer sentences for the language model"
                    )
                continue
            barren = 0
            seen.add(sentence)
            result.append(sentence)
        return result

    def vocabulary(self) -> tuple[str, ...]:
        """All words that can occur, sorted."""
        words = {t.text for tokens in self._parsed.values() for t in tokens if not t.is_slot}
        return tuple(sorted(words))

    def _choose(self, patterns: tuple[str, ...], generator: np.random.Generator) -> str:
        cumulative = self._cumulative[len(patterns)]
        place = int(np.searchsorted(cumulative, generator.random(), side="right"))
        return patterns[min(place, len(patterns) - 1)]

    def _expand(self, pattern: str, generator: np.random.Generator, words: list[str]) -> None:
        for token in self._parsed[pattern]:
            if token.optional and generator.random() < 0.5:
                continue
            if token.is_slot:
                self._expand(self._choose(self.slots[token.text], generator), generator, words)
            else:
                words.append(token.text)
