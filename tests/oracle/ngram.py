"""Witten-Bell and modified Kneser-Ney straight from their definitions, by scanning the text."""

from collections.abc import Sequence

Text = Sequence[Sequence[str]]


def _padded(text: Text) -> list[list[str]]:
    return [["<s>", *sentence, "</s>"] for sentence in text]


def _occurrences(text: Text, ngram: Sequence[str]) -> list[tuple[int, int]]:
    return [
        (number, i)
        for number, sentence in enumerate(_padded(text))
        for i in range(len(sentence) - len(ngram) + 1)
        if sentence[i : i + len(ngram)] == list(ngram)
    ]


def _followers(text: Text, history: Sequence[str], words: Sequence[str]) -> dict[str, int]:
    counts = {word: len(_occurrences(text, [*history, word])) for word in words}
    return {word: count for word, count in counts.items() if count}


def witten_bell(text: Text, word: str, history: Sequence[str], words: Sequence[str]) -> float:
    """p(word | history); `words` is the vocabulary with the sentence end."""
    lower = witten_bell(text, word, history[1:], words) if history else 1 / len(words)
    counts = _followers(text, history, words)
    total, types = sum(counts.values()), len(counts)
    if total == 0:
        return lower
    return (counts.get(word, 0) + types * lower) / (total + types)


def kneser_ney(
    text: Text, word: str, history: Sequence[str], words: Sequence[str], order: int
) -> float:
    """p(word | history), discounts from the counts of counts or 0.5, 1, 1.5."""
    n = len(history) + 1
    lower = kneser_ney(text, word, history[1:], words, order) if history else 1 / len(words)
    counts = _adjusted(text, history, words, order)
    total = sum(counts.values())
    if total == 0:
        return lower
    discounts = _discounts(text, n, words, order)
    cut = {w: discounts[min(c, 3)] for w, c in counts.items()}
    direct = (counts.get(word, 0) - cut.get(word, 0.0)) / total
    return direct + sum(cut.values()) / total * lower


def _adjusted(
    text: Text, history: Sequence[str], words: Sequence[str], order: int
) -> dict[str, int]:
    counts = _followers(text, history, words)
    if len(history) + 1 == order or "<s>" in history:
        return counts
    padded = _padded(text)
    return {
        word: len({padded[k][i - 1] for k, i in _occurrences(text, [*history, word])})
        for word in counts
    }


def _discounts(text: Text, n: int, words: Sequence[str], order: int) -> dict[int, float]:
    histories = {
        tuple(sentence[i : i + n - 1])
        for sentence in _padded(text)
        for i in range(len(sentence) - n + 1)
    }
    everything = [c for h in histories for c in _adjusted(text, h, words, order).values()]
    n1, n2, n3, n4 = (everything.count(r) for r in (1, 2, 3, 4))
    fallback = {1: 0.5, 2: 1.0, 3: 1.5}
    if 0 in (n1, n2, n3, n4):
        return fallback
    y = n1 / (n1 + 2 * n2)
    found = {1: 1 - 2 * y * n2 / n1, 2: 2 - 3 * y * n3 / n2, 3: 3 - 4 * y * n4 / n3}
    return found if all(0 < d < r for r, d in found.items()) else fallback
