"""Back-off n-gram language models: what they are and what they say about a text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from outergrad.errors import InputError

BEGIN = "<s>"
"""Begin of a sentence: only ever a history, never predicted."""
END = "</s>"
"""End of a sentence: predicted, never a history."""
UNKNOWN = ("<unk>", "<UNK>")
"""Words that stand for all words outside the vocabulary, in models that have one."""

Ngram = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class NgramModel:
    """A back-off n-gram model.

    p(w | h) is the listed probability of the n-gram (h, w) if there is one; otherwise the back-off
    weight of h (1 if none is listed) times p(w | h without its first word).

    Attributes:
        order: longest n-gram, in words.
        log_probs: natural log p(w | h) by n-gram (h, w), n-grams of all orders together; -inf is
            allowed and is what ``<s>`` has.
        backoffs: natural log of the back-off weight by history.

    Raises:
        InputError: an n-gram that is empty or longer than `order`, whose history or words are not
            listed themselves, a probability above 1, or a weight that is nan or +inf.
    """

    order: int
    log_probs: Mapping[Ngram, float]
    backoffs: Mapping[Ngram, float]

    def __post_init__(self) -> None:
        if self.order < 1:
            raise InputError(f"the order of an n-gram model must be at least 1, not {self.order}")
        for ngram, value in self.log_probs.items():
            if not 1 <= len(ngram) <= self.order:
                raise InputError(f"n-gram {' '.join(ngram)!r} in a model of order {self.order}")
            if math.isnan(value) or value > 1e-5:
                raise InputError(f"n-gram {' '.join(ngram)!r} has log probability {value}")
            for part in (ngram[:-1], (ngram[-1],)) if len(ngram) > 1 else ():
                if part not in self.log_probs:
                    raise InputError(
                        f"n-gram {' '.join(ngram)!r} is listed, but {' '.join(part)!r} is not"
                    )
        for history, value in self.backoffs.items():
            if history not in self.log_probs or len(history) >= self.order:
                raise InputError(f"back-off weight for {' '.join(history)!r}, which is no history")
            if math.isnan(value) or value == math.inf:
                raise InputError(f"back-off weight {value} of {' '.join(history)!r}")

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Words that can be predicted, sorted, without the sentence end."""
        words = (ngram[0] for ngram in self.log_probs if len(ngram) == 1)
        return tuple(sorted(set(words) - {BEGIN, END}))

    @cached_property
    def unknown(self) -> str | None:
        """The word that stands for unknown words, None in a model of a closed vocabulary."""
        return next((word for word in UNKNOWN if (word,) in self.log_probs), None)

    def log_prob(self, word: str, history: Sequence[str] = ()) -> float:
        """Natural log p(word | history), -inf for a word that is not listed.

        Args:
            word: a word of the vocabulary or ``</s>``.
            history: words before it, ``<s>`` included at the begin of a sentence.
        """
        context = tuple(history[-(self.order - 1) :]) if self.order > 1 else ()
        weight = 0.0
        while True:
            listed = self.log_probs.get((*context, word))
            if listed is not None:
                return weight + listed
            if not context:
                return -math.inf
            weight += self.backoffs.get(context, 0.0)
            context = context[1:]

    def sentence_log_probs(self, words: Sequence[str]) -> list[float]:
        """Natural log p of each word given those before it, and of the sentence end.

        Unknown words are scored as the model's unknown word, or -inf if it has none.
        """
        history = [BEGIN]
        scores = []
        for word in (*words, END):
            known = word if (word,) in self.log_probs else self.unknown or word
            scores.append(self.log_prob(known, history[-self.order :]))
            history.append(known)
        return scores
