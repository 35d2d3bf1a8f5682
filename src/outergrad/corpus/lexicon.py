"""Pronunciation lexicons in the layouts of CMUdict and Kaldi."""

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from outergrad.corpus.problems import Kind, Problem, printable
from outergrad.corpus.tables import decode_lines, has_control_characters, read_bytes, split_blanks
from outergrad.errors import InputError

SILENCE_PHONE = "SIL"
"""Phone of the optional silence between words; it is no part of a pronunciation."""

_VARIANT = re.compile(r"(.+)\((\d+)\)")
_RESERVED = re.compile(r"<eps>|<s>|</s>|#\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pronunciation:
    """One way to say a word.

    Args:
        phones: At least one phone.
        probability: Weight of this pronunciation, in (0, 1]; as in Kaldi the largest of a word is
            usually 1, so that they need not sum to one.
    """

    phones: tuple[str, ...]
    probability: float = 1.0


@dataclass(frozen=True)
class Lexicon:
    """Pronunciations of words.

    Args:
        entries: For each word its pronunciations, at least one, without repetitions.

    Raises:
        InputError: A word without pronunciation, a pronunciation without phones, a probability
            outside (0, 1], or a word or phone that contains blanks.
    """

    entries: Mapping[str, tuple[Pronunciation, ...]]

    def __post_init__(self) -> None:
        for word, pronunciations in self.entries.items():
            if split_blanks(word) != [word]:
                raise InputError(f"lexicon: {printable(word)!r} is not one word")
            if not pronunciations:
                raise InputError(f"lexicon: the word {printable(word)} has no pronunciation")
            for pronunciation in pronunciations:
                if not pronunciation.phones or any(
                    split_blanks(phone) != [phone] for phone in pronunciation.phones
                ):
                    raise InputError(
                        f"lexicon: the word {printable(word)} has an empty pronunciation or a "
                        f"phone with blanks: {pronunciation.phones}"
                    )
                if not 0.0 < pronunciation.probability <= 1.0:
                    raise InputError(
                        f"lexicon: a pronunciation of {printable(word)} has probability "
                        f"{pronunciation.probability}; it must be in (0, 1]"
                    )

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __contains__(self, word: object) -> bool:
        return word in self.entries

    def __getitem__(self, word: str) -> tuple[Pronunciation, ...]:
        if word not in self.entries:
            raise InputError(f"the word {printable(word)} is not in the lexicon")
        return self.entries[word]

    @cached_property
    def phones(self) -> tuple[str, ...]:
        """Distinct phones, sorted, without the silence phone."""
        distinct = {phone for ways in self.entries.values() for way in ways for phone in way.phones}
        return tuple(sorted(distinct - {SILENCE_PHONE}))

    def shortest(self, word: str) -> int:
        """Number of phones of the shortest pronunciation of `word`."""
        return min(len(pronunciation.phones) for pronunciation in self[word])


def read_lexicon(path: Path) -> tuple[Lexicon, list[Problem]]:
    """Read a lexicon: one pronunciation per line, ``WORD PHONE PHONE …``.

    Variants are repeated lines or ``WORD(2)``. Lines that start with ``;;;`` and everything after a
    lone ``#`` are comments (CMUdict). When the second field of every line is a number in (0, 1] and
    phones follow it, it is the pronunciation's probability (Kaldi's ``lexiconp.txt``). Stress
    digits belong to the phone and are kept.

    Args:
        path: UTF-8 text file.

    Returns:
        The lexicon and what was wrong with single lines (these are left out).

    Raises:
        InputError: The file cannot be read or has no usable line.
    """
    problems: list[Problem] = []
    file = str(path)
    lines: list[tuple[int, list[str]]] = []
    for number, text in decode_lines(read_bytes(path, "a lexicon"), file, problems):
        fields = split_blanks(text)
        if not fields or fields[0].startswith(";;;"):
            continue
        if "#" in fields[1:]:
            fields = fields[: fields.index("#", 1)]
        lines.append((number, fields))
    # Lines that are unusable either way must not decide whether there is a probability column.
    with_phones = [fields for _, fields in lines if len(fields) > 1]
    weighted = bool(with_phones) and all(
        len(fields) > 2 and _probability(fields[1]) is not None for fields in with_phones
    )
    entries: dict[str, dict[tuple[str, ...], float]] = {}
    for number, fields in lines:
        message = _add_line(fields, weighted, entries)
        if message:
            kind, text, fatal = message
            problems.append(Problem(kind, text, file, number, fatal=fatal))
    if not entries:
        first = f" The first problem: {problems[0]}" if problems else " The file is empty."
        raise InputError(f"{path} has no usable pronunciation.{first}")
    return (
        Lexicon(
            {
                word: tuple(Pronunciation(phones, weight) for phones, weight in ways.items())
                for word, ways in entries.items()
            }
        ),
        problems,
    )


def with_position_marks(lexicon: Lexicon) -> Lexicon:
    """The lexicon with ``_B``, ``_I``, ``_E`` at the phones that begin, are inside and end a word,
    and ``_S`` at those that are one, as Kaldi's ``prepare_lang.sh`` adds them."""

    def mark(way: Pronunciation) -> Pronunciation:
        if len(way.phones) == 1:
            return Pronunciation((way.phones[0] + "_S",), way.probability)
        first, *inside, last = way.phones
        marked = (first + "_B", *(phone + "_I" for phone in inside), last + "_E")
        return Pronunciation(marked, way.probability)

    return Lexicon({word: tuple(map(mark, ways)) for word, ways in lexicon.entries.items()})


def in_phones(lexicon: Lexicon, phones: Container[str]) -> Lexicon:
    """The lexicon as it is, or with position marks when only so a model with `phones` knows any
    of the phones that it lacks otherwise."""
    if all(phone in phones for phone in lexicon.phones):
        return lexicon
    marked = with_position_marks(lexicon)
    return marked if any(phone in phones for phone in marked.phones) else lexicon


def write_lexicon(lexicon: Lexicon, path: Path) -> None:
    """Write a lexicon that `read_lexicon` reads back equal; probabilities only when one is not 1.

    Raises:
        InputError: A word or phone cannot be written so that it is read back as it is.
    """
    weighted = any(way.probability != 1.0 for ways in lexicon.entries.values() for way in ways)
    lines = []
    for word, ways in lexicon.entries.items():
        if _VARIANT.fullmatch(word) or _RESERVED.fullmatch(word) or word.startswith(";;;"):
            raise InputError(f"the word {printable(word)} has a special meaning in a lexicon file")
        for way in ways:
            if "#" in way.phones or way.phones == (SILENCE_PHONE,):
                raise InputError(f"the pronunciation of {printable(word)} cannot be written")
            middle = [repr(way.probability)] if weighted else []
            lines.append(" ".join([word, *middle, *way.phones]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _probability(field: str) -> float | None:
    try:
        value = float(field)
    except ValueError:
        return None
    return value if 0.0 < value <= 1.0 else None


def _add_line(
    fields: list[str], weighted: bool, entries: dict[str, dict[tuple[str, ...], float]]
) -> tuple[Kind, str, bool] | None:
    """Add one line to `entries`, or say why not: kind, message, fatal."""
    variant = _VARIANT.fullmatch(fields[0])
    word = variant[1] if variant else fields[0]
    if has_control_characters(word):
        return Kind.BAD_ID, f"the word {printable(word)} contains control characters", True
    if _RESERVED.fullmatch(word):
        return Kind.BAD_ID, f"{word} is reserved and cannot be a word; the line is ignored", False
    phones = tuple(fields[2:] if weighted else fields[1:])
    if not phones:
        return Kind.PRONUNCIATION, f"the word {printable(word)} has no phones", True
    if set(phones) == {SILENCE_PHONE}:
        text = f"{printable(word)} is only silence, which is optional between words anyway"
        return Kind.PRONUNCIATION, f"{text}; the line is ignored", False
    weight = float(fields[1]) if weighted else 1.0
    ways = entries.setdefault(word, {})
    if phones in ways:
        ways[phones] = max(ways[phones], weight)
        text = f"the word {printable(word)} has this pronunciation already; the line is ignored"
        return Kind.DUPLICATE, text, False
    ways[phones] = weight
    return None
