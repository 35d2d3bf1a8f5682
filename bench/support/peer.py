"""Kaldi's FasterDecoder, to be measured beside ours."""

import kaldi_decoder
import kaldifst
import numpy as np

from outergrad.arrays import Float32Array
from outergrad.graph.decoding_graph import DecodingGraph


def openfst_graph(graph: DecodingGraph) -> kaldifst.StdVectorFst:
    """The same graph for OpenFst, input labels pdf + 1."""
    fst = kaldifst.StdVectorFst()
    for _ in range(graph.num_states):
        fst.add_state()
    fst.start = graph.start
    for state in np.flatnonzero(graph.final_cost < np.inf).tolist():
        fst.set_final(state, float(graph.final_cost[state]))
    arcs = graph.arcs()
    columns = (arcs.source, arcs.destination, arcs.pdf, arcs.word, arcs.cost)
    for source, target, pdf, word, cost in zip(*(c.tolist() for c in columns), strict=True):
        fst.add_arc(source, kaldifst.StdArc(pdf + 1, word, cost, target))
    return fst


def peer_words(decoder: kaldi_decoder.FasterDecoder, scores: Float32Array) -> list[int]:
    """Words of the best path."""
    decoder.decode(kaldi_decoder.DecodableCtc(scores))
    _, path = decoder.get_best_path()
    _, _, words, _ = kaldifst.get_linear_symbol_sequence(path)
    return list(words)
