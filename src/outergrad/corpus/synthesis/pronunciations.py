"""A lexicon from espeak-ng's own phones: words alone and as they come out in sentences."""

from collections import Counter
from collections.abc import Sequence

from outergrad.corpus.lexicon import Lexicon, Pronunciation
from outergrad.corpus.synthesis.grammar import Grammar
from outergrad.corpus.synthesis.speech import Espeak
from outergrad.errors import RunError

_RARE = {
    "is": {"ɔɪ": ("ɔ", "ɪ"), "yɪ": ("y", "ɪ"), "z": ("s",), "ɲ#": ("ŋ#",), "tl#": ("t", "l#")},
    "en-us": {
        "aɪɚ": ("aɪ", "ɚ"),
        "aɪə": ("aɪ", "ə"),
        "iə": ("i", "ə"),
        "ʊɹ": ("ʊ", "ɹ"),
        "ɔːɹ": ("ɔː", "ɹ"),
        "ɑːɹ": ("ɑː", "ɹ"),
        "ɪɹ": ("ɪ", "ɹ"),
        "ɛɹ": ("ɛ", "ɹ"),
        "əl": ("ə", "l"),
        "n̩": ("ə", "n"),
        "ʔ": ("t",),
        "x": ("k",),
    },
}
"""Phones too rare to train or written in two ways, and what stands for them."""

_VOICELESS = "\u0325"  # combining ring below: espeak-ng writes '#', which starts comments

# A way to say a word is kept when it makes up this share of the most frequent one, at most three.
_SMALLEST_SHARE = 0.1
_MOST_VARIANTS = 3


def spoken_lexicon(
    espeak: Espeak, grammar: Grammar, sentences: Sequence[tuple[str, ...]]
) -> Lexicon:
    """Pronunciations of all words that `grammar` can produce.

    Each word is pronounced alone and counted as it comes out in `sentences` (espeak-ng shortens
    function words in context). Probabilities are relative to the most frequent way.

    Args:
        espeak: who knows how.
        grammar: the language and its words.
        sentences: text in which the words are counted; never that of dev or test.

    Raises:
        RunError: espeak-ng cannot pronounce a word.
    """
    words = grammar.vocabulary()
    ways: dict[str, Counter[tuple[str, ...]]] = {word: Counter() for word in words}
    for word, groups in zip(words, espeak.pronounce(words, grammar.language), strict=True):
        alone = tuple(phone for group in groups for phone in group)
        if not alone:
            raise RunError(f"espeak-ng has no pronunciation of {word!r} in {grammar.language}")
        ways[word][standard_phones(alone, grammar.language)] += 1
    texts = [" ".join(sentence) for sentence in sentences]
    for sentence, groups in zip(sentences, espeak.pronounce(texts, grammar.language), strict=True):
        # Where words are joined nothing tells which phones belong to which.
        if len(groups) == len(sentence):
            for word, phones in zip(sentence, groups, strict=True):
                ways[word][standard_phones(phones, grammar.language)] += 1
    return Lexicon({word: _variants(counts) for word, counts in ways.items()})


def standard_phones(phones: tuple[str, ...], language: str) -> tuple[str, ...]:
    """Phones for the lexicon: rare ones replaced, voiceless ones written with a ring below."""
    rare = _RARE.get(language, {})
    replaced = (part for phone in phones for part in rare.get(phone, (phone,)))
    return tuple(phone.replace("#", _VOICELESS) for phone in replaced)


def _variants(counts: Counter[tuple[str, ...]]) -> tuple[Pronunciation, ...]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_VARIANTS]
    largest = ordered[0][1]
    return tuple(
        Pronunciation(phones, round(count / largest, 3))
        for phones, count in ordered
        if count >= _SMALLEST_SHARE * largest
    )
