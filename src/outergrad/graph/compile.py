"""Compilation of decoding graphs: H C L G."""

from __future__ import annotations

import logging
from collections.abc import Callable

import kaldifst
import numpy as np

from outergrad.corpus.lexicon import Lexicon
from outergrad.errors import InputError, RunError
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.graph.epsilon import add_self_loops, remove_epsilons_locally
from outergrad.graph.grammar import grammar
from outergrad.graph.ngram import NgramModel
from outergrad.graph.openfst import Transducer, from_openfst, to_openfst
from outergrad.graph.pronunciations import pronunciations
from outergrad.graph.units import ENTRY, GraphConfig, UnitTable
from outergrad.graph.words import word_table
from outergrad.hmm.model import HmmModel

__all__ = ["GraphConfig", "compile_graph"]

# Costs closer than this count as equal when states are merged. Kaldi takes 1/1024; a finer grid
# keeps the cost of a whole path within 1e-4 of the exact sum and costs few additional states.
_DELTA = 2.0**-16
_LISTED = 20

_log = logging.getLogger(__name__)


def compile_graph(
    lm: NgramModel,
    lexicon: Lexicon,
    hmm: HmmModel,
    config: GraphConfig | None = None,
    notice: Callable[[str], None] | None = None,
) -> DecodingGraph:
    """Compile language model, lexicon, phonetic context and HMMs into one decoding graph.

    min(det(H ∘ C ∘ min(det(L ∘ G)))), as Kaldi's ``mkgraph.sh``, determinized in the log semiring,
    so that the costs of words appear as early in their phones as can be. Every path is a
    word string with pronunciations, silences and HMM paths; its cost is the sum of the costs of
    all of them (transitions included, at the scales of `config`).

    Transitions are in the order of Kaldi's reordered graphs: the arc that enters an hmm_state
    carries the transition that will leave it, and self-loops follow.

    Args:
        lm: language model; its words without pronunciation are left out, with a notice.
        lexicon: pronunciations; its words are the graph's words (see `word_table`).
        hmm: phones, topology, state tying and transitions.
        config: weights.
        notice: takes one line for the user; by default it is logged.

    Raises:
        InputError: no word of the language model has a pronunciation, or a phone of the lexicon is
            not one of the model's.
    """
    config = config or GraphConfig()
    words = word_table(lexicon)
    word_ids = _pronounced(lm, lexicon, words, notice or _log.warning)
    backoff = len(words)
    lexicon_fst, disambiguation = pronunciations(lexicon, word_ids, hmm.phones, config, backoff)
    grammar_fst = grammar(lm, word_ids, backoff)
    lg = _determinized(
        kaldifst.compose(
            _sorted(to_openfst(lexicon_fst), "olabel"), _sorted(to_openfst(grammar_fst), "ilabel")
        ),
        "L ∘ G",
    )
    kaldifst.minimize_encoded(lg, _DELTA)
    tying = hmm.tying
    clg, windows = kaldifst.compose_context(
        list(disambiguation), tying.context_width, tying.central_position, lg
    )
    units = UnitTable(hmm, config)
    labels, num_symbols = _label_windows(windows, units)
    in_context = from_openfst(clg)
    in_context = in_context._replace(ilabel=labels[in_context.ilabel])
    h = _unit_transducer(units, num_symbols)
    hclg = _determinized(
        kaldifst.compose(
            _sorted(to_openfst(h), "olabel"), _sorted(to_openfst(in_context), "ilabel")
        ),
        "H ∘ C ∘ L ∘ G",
    )
    graph = _minimized(_without_symbols(from_openfst(hclg), hmm.transitions.num_transition_ids))
    graph = add_self_loops(graph, hmm.transitions.self_loop_of, units.costs)
    pdf_of = hmm.transitions.pdf_of
    return DecodingGraph.from_arcs(
        start=graph.start,
        source=graph.source,
        destination=graph.destination,
        pdf=pdf_of[graph.ilabel],
        transition=graph.ilabel,
        word=graph.olabel,
        cost=graph.cost,
        final_cost=graph.final_cost,
        num_pdfs=hmm.num_pdfs,
        words=words,
    )


def _pronounced(
    lm: NgramModel, lexicon: Lexicon, words: tuple[str, ...], notice: Callable[[str], None]
) -> dict[str, int]:
    missing = [word for word in lm.vocabulary if word not in lexicon]
    if missing:
        listed = " ".join(missing[:_LISTED]) + (" ..." if len(missing) > _LISTED else "")
        notice(
            f"{len(missing)} of {len(lm.vocabulary)} words of the language model have no "
            f"pronunciation and cannot be recognized: {listed}"
        )
    wanted = set(lm.vocabulary)
    word_ids = {word: number for number, word in enumerate(words) if word in wanted}
    if not word_ids:
        raise InputError(
            "none of the words of the language model is in the lexicon; are they written alike "
            "(upper and lower case)?"
        )
    return word_ids


def _sorted(fst: kaldifst.StdVectorFst, side: str) -> kaldifst.StdVectorFst:
    kaldifst.arcsort(fst, side)
    return fst


def _determinized(fst: kaldifst.StdVectorFst, what: str) -> kaldifst.StdVectorFst:
    if fst.num_states == 0:
        raise InputError(f"{what} accepts nothing: the language model gives no sentence a chance")
    fst = kaldifst.StdVectorFst(fst)
    if kaldifst.determinize_star(fst, delta=_DELTA, use_log=True):
        raise RunError(f"{what} could not be determinized")
    return fst


def _label_windows(windows: list[list[int]], units: UnitTable) -> tuple[np.ndarray, int]:
    """New labels for the windows that C emits: units 1 ..., then disambiguation symbols.

    C marks the start of the utterance with the window (0,), a disambiguation symbol like the rest.
    """
    symbols = [i for i, window in enumerate(windows) if len(window) == 1 and window[0] <= 0]
    labels = np.zeros(len(windows), dtype=np.int32)
    for i, window in enumerate(windows):
        if window and not (len(window) == 1 and window[0] <= 0):
            labels[i] = units.unit(tuple(window)) + 1
    labels[symbols] = len(units) + 1 + np.arange(len(symbols))
    return labels, len(symbols)


def _unit_transducer(units: UnitTable, num_symbols: int) -> Transducer:
    """H: transitions (without self-loops) in, units out; disambiguation symbols pass."""
    flat = units.flat()
    unit = np.repeat(np.arange(len(units)), np.diff(flat.first))
    begin = 1 + np.cumsum(flat.num_nodes) - flat.num_nodes
    leads_out = np.zeros(1 + int(flat.num_nodes.sum()), dtype=np.bool_)
    for number, exits in enumerate(units.exits):
        leads_out[begin[number] + np.array(exits)] = True
    forward = flat.source != flat.destination
    unit, source, destination = unit[forward], flat.source[forward], flat.destination[forward]
    transition = flat.transition[forward]
    enters = source == ENTRY
    source = np.where(enters, 0, begin[unit] + source)
    destination = begin[unit] + destination
    destination = np.where(leads_out[destination], 0, destination)
    symbols = np.arange(num_symbols)
    into = units.hmm.transitions.num_transition_ids + 1 + symbols
    zeros = np.zeros(num_symbols, dtype=np.int32)
    final_cost = np.full(len(leads_out), np.inf, dtype=np.float32)
    final_cost[0] = 0.0
    return Transducer(
        0,
        np.append(source, zeros).astype(np.int32),
        np.append(destination, zeros).astype(np.int32),
        np.append(transition, into).astype(np.int32),
        np.append(np.where(enters, unit + 1, 0), len(units) + 1 + symbols).astype(np.int32),
        np.append(units.costs[transition], zeros).astype(np.float32),
        final_cost,
    )


def _without_symbols(fst: Transducer, num_transition_ids: int) -> Transducer:
    ilabel = np.where(fst.ilabel > num_transition_ids, 0, fst.ilabel).astype(np.int32)
    return remove_epsilons_locally(fst._replace(ilabel=ilabel))


def _minimized(fst: Transducer) -> Transducer:
    openfst = to_openfst(fst)
    kaldifst.connect(openfst)
    kaldifst.minimize_encoded(openfst, _DELTA)
    return from_openfst(openfst)
