"""Estimation of n-gram models: Witten-Bell and interpolated modified Kneser-Ney smoothing."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, get_args

from outergrad.errors import InputError
from outergrad.graph.ngram import BEGIN, END, UNKNOWN, Ngram, NgramModel

Method = Literal["witten-bell", "kneser-ney"]

# One entry per history: its n-grams' discounted relative frequencies, and the mass left over.
_Discounted = dict[Ngram, tuple[dict[str, float], float]]

# KenLM's --discount_fallback: used where a text is too small to estimate the discounts from.
_FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
# Stands for words outside a closed vocabulary; no word contains a blank.
_OUTSIDE = "out of vocabulary"


def estimate(
    sentences: Iterable[Sequence[str]],
    order: int,
    method: Method = "witten-bell",
    vocabulary: Iterable[str] | None = None,
) -> NgramModel:
    """Estimate an interpolated n-gram model.

    p(w | h) = f(w | h) + λ(h) p(w | h'), h' being h without its first word and the end of the
    recursion the uniform distribution over the vocabulary and ``</s>``; so words of the vocabulary
    that the text lacks get their share, and all probabilities given h sum to 1. λ(h) is also the
    back-off weight, which makes the back-off form exact.

    - Witten-Bell (Witten and Bell 1991, method C): f = c(h w) / (c(h) + T(h)) and
      λ = T(h) / (c(h) + T(h)), T(h) being the number of different words seen after h.
    - Modified Kneser-Ney (Chen and Goodman 1998): f = (c(h w) - D(c)) / c(h); D depends on c = 1, 2
      or more; below the highest order (and unless h starts with ``<s>``) c(h w) is the number
      of different words seen before h w. Texts too small to give discounts get 0.5, 1, 1.5.

    Args:
        sentences: words of each sentence, without ``<s>`` and ``</s>``.
        order: longest n-gram in words, at least 1.
        method: smoothing.
        vocabulary: all words that the model shall know; by default the words of the text. n-grams
            of the text with a word outside the vocabulary are not counted, unless ``<unk>`` or
            ``<UNK>`` is in the vocabulary: then it takes their place.

    Raises:
        InputError: bad order or method, a sentence mark used as a word, no word at all.
    """
    if order < 1:
        raise InputError(f"the order of an n-gram model must be at least 1, not {order}")
    if method not in get_args(Method):
        raise InputError(f"unknown smoothing {method!r}; known are {', '.join(get_args(Method))}")
    text = [tuple(sentence) for sentence in sentences]
    seen = {word for sentence in text for word in sentence}
    known = set(seen if vocabulary is None else vocabulary)
    for mark in (BEGIN, END):
        if mark in known or mark in seen:
            raise InputError(f"{mark} is a word of the text or vocabulary, but has its own meaning")
    if not known:
        raise InputError("a language model needs a text with words, or a vocabulary")
    counts = _count(text, order, known)
    if method == "kneser-ney":
        levels = _kneser_ney(counts)
    else:
        levels = [_witten_bell(_by_history(_inside(level))) for level in counts]
    return _interpolate(levels, known)


def _count(text: Sequence[Ngram], order: int, known: set[str]) -> list[Counter[Ngram]]:
    """n-grams of length 1 ... order; words outside the vocabulary appear as one word."""
    counts: list[Counter[Ngram]] = [Counter() for _ in range(order)]
    outside = next((mark for mark in UNKNOWN if mark in known), _OUTSIDE)
    for sentence in text:
        padded = (BEGIN, *(w if w in known else outside for w in sentence), END)
        counts[0].update((word,) for word in padded[1:])
        for length in range(2, order + 1):
            last = len(padded) - length
            counts[length - 1].update(padded[i : i + length] for i in range(last + 1))
    return counts


def _inside(counts: Mapping[Ngram, int]) -> dict[Ngram, int]:
    return {ngram: count for ngram, count in counts.items() if _OUTSIDE not in ngram}


def _by_history(counts: Mapping[Ngram, int]) -> dict[Ngram, dict[str, int]]:
    histories: dict[Ngram, dict[str, int]] = defaultdict(dict)
    for ngram, count in counts.items():
        histories[ngram[:-1]][ngram[-1]] = count
    return histories


def _witten_bell(histories: Mapping[Ngram, Mapping[str, int]]) -> _Discounted:
    discounted: _Discounted = {}
    for history, words in histories.items():
        total = sum(words.values()) + len(words)
        shares = {word: count / total for word, count in words.items()}
        discounted[history] = shares, len(words) / total
    return discounted


def _kneser_ney(counts: Sequence[Counter[Ngram]]) -> list[_Discounted]:
    levels = []
    for n, level in enumerate(counts, start=1):
        adjusted = _inside(level)
        if n < len(counts):
            before: Counter[Ngram] = Counter(longer[1:] for longer in counts[n])
            for ngram in adjusted:
                if ngram[0] != BEGIN:
                    adjusted[ngram] = before[ngram]
        discounts = _discounts(adjusted.values())
        discounted: _Discounted = {}
        for history, words in _by_history(adjusted).items():
            total = sum(words.values())
            cut = {word: discounts[min(count, 3) - 1] for word, count in words.items()}
            shares = {word: (count - cut[word]) / total for word, count in words.items()}
            discounted[history] = shares, math.fsum(cut.values()) / total
        levels.append(discounted)
    return levels


def _discounts(counts: Iterable[int]) -> tuple[float, float, float]:
    """D1, D2, D3+ of Chen and Goodman (1998), eq. 26, from the counts of counts."""
    n1, n2, n3, n4 = (Counter(counts)[r] for r in (1, 2, 3, 4))
    if not (n1 and n2 and n3 and n4):
        return _FALLBACK_DISCOUNTS
    y = n1 / (n1 + 2 * n2)
    found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    legal = all(0 < discount < r for r, discount in enumerate(found, start=1))
    return found if legal else _FALLBACK_DISCOUNTS


def _interpolate(levels: Sequence[_Discounted], known: set[str]) -> NgramModel:
    uniform = 1.0 / (len(known) + 1)
    shares, rest = levels[0].get((), ({}, 1.0))
    probs: dict[Ngram, float] = {
        (word,): shares.get(word, 0.0) + rest * uniform for word in sorted({*known, END})
    }
    backoffs: dict[Ngram, float] = {}
    for level in levels[1:]:
        for history, (shares, rest) in sorted(level.items()):
            backoffs[history] = math.log(rest)
            for word, share in shares.items():
                probs[(*history, word)] = share + rest * probs[(*history[1:], word)]
    log_probs = {ngram: math.log(prob) for ngram, prob in probs.items()}
    log_probs[(BEGIN,)] = -math.inf
    return NgramModel(len(levels), log_probs, backoffs)
