"""Decoding graphs of single words, small enough to count their paths by hand."""

import numpy as np

from outergrad.graph.decoding_graph import DecodingGraph

WORDS = ("<eps>", "yes", "no")


def word_graph(words):
    """Each word_id is two states with self-loops; yes is pdfs 0 1, no is pdfs 0 2, costs 1 and 2.

    transition_ids are pdf_ids + 1.
    """
    arcs, final = [], [np.inf]
    for word in words:
        first, second = len(final), len(final) + 1
        arcs += [
            (0, first, 0, word, float(word)),
            (first, first, 0, 0, 0.1),
            (first, second, word, 0, 0.2),
            (second, second, word, 0, 0.3),
        ]
        final += [np.inf, 0.0]
    source, destination, pdf, word, cost = zip(*arcs, strict=True)
    return DecodingGraph.from_arcs(
        start=0,
        source=source,
        destination=destination,
        pdf=pdf,
        transition=np.array(pdf, dtype=np.int32) + 1,
        word=word,
        cost=cost,
        final_cost=final,
        num_pdfs=3,
        words=WORDS,
    )
