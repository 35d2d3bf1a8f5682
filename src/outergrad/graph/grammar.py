"""G: the language model as a transducer of words."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from outergrad.graph.ngram import BEGIN, END, Ngram, NgramModel
from outergrad.graph.openfst import Transducer


def grammar(lm: NgramModel, word_ids: Mapping[str, int], backoff: int) -> Transducer:
    """A state per history, an arc per n-gram, and a back-off arc from each history.

    Back-off arcs carry the input label `backoff` (Kaldi's ``#0``) and may also be taken where an
    n-gram is listed, as in Kaldi. Histories that no n-gram extends get no state: their back-off
    weight is on the arc that would lead to them. n-grams with a word that is not in `word_ids` are
    left out, and probabilities are not renormalised. So are n-grams that end in ``<s>``: nothing
    is ever followed by a begin, whatever probability a file gives it (KenLM writes 0 for 1).

    Args:
        lm: language model.
        word_ids: word_id of each word that may occur.
        backoff: label of back-off arcs.

    Returns:
        The transducer; word_ids on both sides of its arcs.
    """
    usable = {*word_ids, BEGIN, END}
    ngrams = {
        ngram: score
        for ngram, score in lm.log_probs.items()
        if score > -math.inf and ngram[-1] != BEGIN and usable.issuperset(ngram)
    }
    histories = {(), *(ngram[:-1] for ngram in ngrams)}
    if lm.order > 1:
        histories.add((BEGIN,))
    states = {history: number for number, history in enumerate(sorted(histories))}

    def reach(history: Ngram) -> tuple[int, float]:
        """State of the longest end of `history` that has one, and the cost of backing off to it."""
        cost = 0.0
        while history not in states:
            cost -= lm.backoffs.get(history, 0.0)
            history = history[1:]
        return states[history], cost

    arcs: list[tuple[int, int, int, int]] = []
    costs: list[float] = []
    final_cost = np.full(len(states), np.inf, dtype=np.float32)
    for ngram, score in ngrams.items():
        state = states[ngram[:-1]]
        if ngram[-1] == END:
            final_cost[state] = -score
            continue
        target, cost = reach(ngram[max(0, len(ngram) - lm.order + 1) :])
        word = word_ids[ngram[-1]]
        arcs.append((state, target, word, word))
        costs.append(cost - score)
    for history, state in states.items():
        if history:
            target, cost = reach(history[1:])
            arcs.append((state, target, backoff, 0))
            costs.append(cost - lm.backoffs.get(history, 0.0))
    start = states[(BEGIN,) if lm.order > 1 else ()]
    return Transducer.of(start, arcs, costs, final_cost)
