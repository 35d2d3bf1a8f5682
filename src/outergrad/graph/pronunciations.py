"""L: the lexicon as a transducer from phones to words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from outergrad.corpus.lexicon import Lexicon
from outergrad.graph.openfst import Transducer
from outergrad.graph.units import GraphConfig
from outergrad.hmm.phones import PhoneTable

_START, _LOOP, _SILENCE, _AFTER_SILENCE = range(4)


class Pronunciations(NamedTuple):
    """L and its disambiguation symbols."""

    fst: Transducer
    """Phones in, words out."""
    disambiguation: range
    """Input labels of disambiguation symbols, the first of which is the back-off symbol."""


def pronunciations(
    lexicon: Lexicon,
    word_ids: Mapping[str, int],
    phones: PhoneTable,
    config: GraphConfig,
    backoff: int,
) -> Pronunciations:
    """The closure of all pronunciations, with optional silence at the start and after each word.

    The layout is that of Kaldi's ``make_lexicon_fst.py``: a pronunciation that another word or
    variant shares, or that begins another one, ends with a disambiguation symbol; so does silence.

    Args:
        lexicon: pronunciations.
        word_ids: word_id of each word that is wanted; all must be in the lexicon.
        phones: numbers of the phones.
        config: probability of silence.
        backoff: output label that lets the grammar's back-off arcs pass.
    """
    ways = [
        (word_ids[word], tuple(phones.id(phone) for phone in way.phones), way.probability)
        for word in sorted(word_ids)
        for way in lexicon[word]
    ]
    suffixes = _disambiguate([way for _, way, _ in ways])
    first_symbol = len(phones) + 1
    # #0 is for back-off, #1 ... tell pronunciations apart, the last marks silence.
    end_of_silence = first_symbol + 1 + max(suffixes, default=0)
    silence_cost, no_silence_cost = config.silence_costs
    arcs: list[tuple[int, int, int, int]] = [
        (_START, _LOOP, 0, 0),
        (_START, _SILENCE, 0, 0),
        (_SILENCE, _AFTER_SILENCE, phones.silence, 0),
        (_AFTER_SILENCE, _LOOP, end_of_silence, 0),
        (_LOOP, _LOOP, first_symbol, backoff),
    ]
    costs = [no_silence_cost, silence_cost, 0.0, 0.0, 0.0]
    num_states = _AFTER_SILENCE + 1
    for (word, way, probability), suffix in zip(ways, suffixes, strict=True):
        labels = (*way, first_symbol + suffix) if suffix else way
        state, cost = _LOOP, -math.log(probability)
        for label in labels[:-1]:
            arcs.append((state, num_states, label, word))
            costs.append(cost)
            state, word, cost = num_states, 0, 0.0
            num_states += 1
        arcs.append((state, _LOOP, labels[-1], word))
        costs.append(cost + no_silence_cost)
        arcs.append((state, _SILENCE, labels[-1], word))
        costs.append(cost + silence_cost)
    final_cost = np.full(num_states, np.inf, dtype=np.float32)
    final_cost[_LOOP] = 0.0
    fst = Transducer.of(_START, arcs, costs, final_cost)
    return Pronunciations(fst, range(first_symbol, end_of_silence + 1))


def _disambiguate(ways: list[tuple[int, ...]]) -> list[int]:
    """For each pronunciation the number of the symbol it must end with, 0 for none."""
    counts: dict[tuple[int, ...], int] = {}
    for way in ways:
        counts[way] = counts.get(way, 0) + 1
    beginnings = {way[:length] for way in counts for length in range(1, len(way))}
    used: dict[tuple[int, ...], int] = {}
    suffixes = []
    for way in ways:
        if counts[way] == 1 and way not in beginnings:
            suffixes.append(0)
        else:
            used[way] = used.get(way, 0) + 1
            suffixes.append(used[way])
    return suffixes
