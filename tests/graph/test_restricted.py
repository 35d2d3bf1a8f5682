import numpy as np
import pytest

from outergrad.errors import InputError
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.graph.openfst_text import read_openfst_text, read_word_table
from restrict import restrict


def small_graph():
    #      0 -a-> 1 -b-> 2(final), 1 -eps:c-> 0, 2 -a-> 2
    return DecodingGraph.from_arcs(
        start=0,
        source=[0, 1, 1, 2, 1],
        destination=[1, 2, 0, 2, 1],
        pdf=[0, 1, -1, 2, 0],
        transition=[1, 2, 0, 3, 4],
        word=[1, 2, 3, 1, 0],
        cost=[0.5, 1.0, 0.25, 2.0, 0.125],
        final_cost=[np.inf, np.inf, 0.75],
        num_pdfs=3,
        words=["<eps>", "a", "b", "c"],
    )


def test_keeps_exactly_the_paths_with_these_words(path_oracle):
    graph = small_graph()
    everything = path_oracle.paths_of(graph, 6)
    for words in [("a", "b"), ("a", "b", "a"), ("a", "c", "a", "b"), ("a", "b", "a", "a")]:
        found = path_oracle.paths_of(restrict(graph, [graph.words.index(w) for w in words]), 6)
        wanted = {path: costs for path, costs in everything.items() if path[1] == words}
        assert len(wanted) > 2
        path_oracle.assert_same(found, wanted, 1e-6)


@pytest.mark.parametrize("word_ids", [[], [1], [2], [1, 2, 2]])
def test_words_that_the_graph_cannot_say_are_refused(word_ids):
    with pytest.raises(InputError, match="no path with the words"):
        restrict(small_graph(), word_ids)


@pytest.mark.parametrize("word_ids", [[0], [4], [-1]])
def test_unknown_word_ids_are_refused(word_ids):
    with pytest.raises(InputError, match="outside 1"):
        restrict(small_graph(), word_ids)


def test_alignment_of_the_reference_is_that_of_kaldi(shared):
    golden = shared / "golden"
    words = read_word_table(golden / "graph/words.txt")
    table = np.load(golden / "graph/transitions.npz")
    pdf_of = table["tid2pdf"]
    num_pdfs = int(pdf_of.max()) + 1
    graph = read_openfst_text(golden / "graph/HCLG.tid.fst.txt", words, pdf_of, num_pdfs)
    assert (graph.num_states, graph.num_arcs) == (1207, 3670)
    for line in (golden / "text").read_text(encoding="utf-8").splitlines():
        utterance, *reference = line.split()
        numerator = np.load(golden / utterance / "numerator.npz")
        scores = 0.1 * np.load(golden / utterance / "loglikes.npy").astype(np.float64)
        restricted = restrict(graph, [graph.words.index(word) for word in reference])
        assert best_pdfs(restricted, scores) == numerator["pdf"].tolist()


def best_pdfs(graph, scores):
    """pdf of each frame on the path of the least cost; epsilon arcs by repeated relaxation."""
    arcs = graph.arcs()
    best = {graph.start: (0.0, ())}

    def relax(ends, which, frame):
        reached = {}
        for arc in np.flatnonzero(which):
            if arcs.source[arc] in ends:
                cost, pdfs = ends[arcs.source[arc]]
                cost += float(arcs.cost[arc])
                if frame is not None:
                    cost -= frame[arcs.pdf[arc]]
                    pdfs = (*pdfs, int(arcs.pdf[arc]))
                old = reached.get(arcs.destination[arc])
                if old is None or cost < old[0]:
                    reached[arcs.destination[arc]] = (cost, pdfs)
        return reached

    def with_epsilons(ends):
        new = ends
        while new:
            new = {
                state: end
                for state, end in relax(new, arcs.pdf < 0, None).items()
                if state not in ends or end[0] < ends[state][0]
            }
            ends = {**ends, **new}
        return ends

    best = with_epsilons(best)
    for frame in scores:
        best = with_epsilons(relax(best, arcs.pdf >= 0, frame))
    return list(
        min((cost + graph.final_cost[state], pdfs) for state, (cost, pdfs) in best.items())[1]
    )
