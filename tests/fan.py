"""Lattices of parallel paths."""

from outergrad.lattice.building import LatticeArc, lattice_from_arcs


def fan(paths):
    """A lattice of paths (pdfs, score) or (pdfs, score, word_ids) that share only start and end;
    transition_ids are pdf_ids + 1, words stand on the first arcs."""
    arcs, nodes = [], 2
    for pdfs, score, *words in paths:
        words = dict(enumerate(words[0] if words else ()))
        source = 0
        for t, pdf in enumerate(pdfs):
            last = t == len(pdfs) - 1
            target = 1 if last else nodes
            nodes += not last
            cost = -score if last else 0.0
            arcs.append(LatticeArc(source, target, pdf, pdf + 1, words.get(t, 0), cost, 0.0))
            source = target
    return lattice_from_arcs(nodes, 0, arcs, {1: 0.0}, 1.0)
