"""Transcripts as people write them → words as the lexicon spells them."""

import unicodedata
from collections import Counter
from dataclasses import replace

from outergrad.corpus.lexicon import Lexicon
from outergrad.corpus.problems import Kind, Problem, printable
from outergrad.corpus.utterance import Corpus

_SHOWN = 5


def respell(corpus: Corpus, lexicon: Lexicon) -> tuple[Corpus, list[Problem]]:
    """Drop punctuation, and take the lexicon's upper and lower case where that finds the word.

    A token that the lexicon has is left alone. Another one loses the punctuation at its ends and
    is looked up, then without regard to case and Unicode normal form, if only one word fits.
    Tokens of punctuation alone are dropped. What was done is a notice, but for words not found:
    they keep their case, and are one missing word wherever in a sentence they stand.

    Args:
        corpus: From a layout whose transcripts are running text.
        lexicon: Pronunciations.
    """
    forms: dict[str, set[str]] = {}
    for word in lexicon:
        forms.setdefault(_form(word), set()).add(word)
    done: Counter[tuple[str, str]] = Counter()
    known: dict[str, str | None] = {}

    def lookup(token: str) -> str | None:
        if token in lexicon:
            return token
        bare = without_punctuation(token)
        if not bare:
            return None
        fitting = forms.get(_form(bare), set())
        if bare in lexicon:
            return bare
        return next(iter(fitting)) if len(fitting) == 1 else bare

    utterances = []
    for utterance in corpus:
        words: list[str] = []
        for token in utterance.words:
            if token not in known:
                known[token] = lookup(token)
            found = known[token]
            if found != token and (found is None or found in lexicon):
                done[token, found or ""] += 1
            if found is not None:
                words.append(found)
        utterances.append(replace(utterance, words=tuple(words)))
    return Corpus(corpus.name, tuple(utterances)), _notices(done)


def _notices(done: Counter[tuple[str, str]]) -> list[Problem]:
    if not done:
        return []
    shown = ", ".join(
        f"{printable(token)} → {printable(word) or 'nothing'}"
        for (token, word), _ in done.most_common(_SHOWN)
    )
    message = (
        f"{done.total()} words of {len(done)} spellings written as the lexicon does "
        f"(case, punctuation): {shown}{', …' if len(done) > _SHOWN else ''}"
    )
    return [Problem(Kind.RESPELLED, message, fatal=False)]


def _form(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()


def without_punctuation(token: str) -> str:
    """`token` without punctuation and symbols at its ends; inside they belong to the word."""
    begin, end = 0, len(token)
    while begin < end and _is_punctuation(token[begin]):
        begin += 1
    while end > begin and _is_punctuation(token[end - 1]):
        end -= 1
    return token[begin:end]


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] in "PSC"
