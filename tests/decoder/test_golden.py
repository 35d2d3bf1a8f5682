"""Against Kaldi's own lattices and posteriors of real speech."""

import json

import numpy as np
import pytest

from outergrad.decoder.alignment import AlignConfig, align
from outergrad.decoder.decoding import DecoderConfig, decode, decode_words
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.lattice.n_best import n_best
from outergrad.lattice.paths import best_path, forward_backward, log_z
from outergrad.lattice.text import parse_lattice, parse_word_lattice
from restrict import restrict

UTTERANCES = ("fcaw-an409-fcaw-b", "fvap-cen6-fvap-b", "mdms2-cen3-mdms2-b")
KAPPA = 0.1
NUM_PDFS = 344


class Golden:
    """One utterance: scores, Kaldi's posteriors, and its lattices."""

    def __init__(self, shared, utterance):
        folder = shared / "golden" / utterance
        self.scores = np.load(folder / "loglikes.npy")
        self.info = json.loads((folder / "info.json").read_text())
        self.arrays = np.load(folder / "kaldi.npz")
        self.numerator = np.load(folder / "numerator.npz")
        transitions = np.load(shared / "golden" / "graph" / "transitions.npz")
        self.pdf_of = transitions["tid2pdf"].astype(np.int32)
        self.raw_text = (folder / "lat_raw.tid.txt").read_text()
        self.raw_pdf_text = (folder / "lat_raw.pdf1.txt").read_text()
        self.det_text = (folder / "lat_det.compact.tid.txt").read_text()


@pytest.fixture(params=UTTERANCES)
def golden(shared, request):
    return Golden(shared, request.param)


def test_given_raw_lattices(golden):
    by_transition = parse_lattice(golden.raw_text, pdf_of=golden.pdf_of)
    by_pdf = parse_lattice(golden.raw_pdf_text, labels="pdfs")
    for lattice in (by_transition, by_pdf):
        found = forward_backward(lattice, KAPPA)
        # The text has six digits per weight.
        assert found.log_z == pytest.approx(golden.info["raw"]["logZ"], abs=1e-4)
        dense = found.dense(NUM_PDFS)
        np.testing.assert_allclose(dense, golden.arrays["den_post_raw"], atol=1e-5)
        path = best_path(lattice, KAPPA)
        np.testing.assert_array_equal(path.pdfs, golden.arrays["best_pdf_raw"])
    path = best_path(by_transition, KAPPA)
    np.testing.assert_array_equal(path.transitions, golden.arrays["best_tid_raw"])
    assert path.graph_cost == pytest.approx(golden.info["raw"]["best_graph_cost"], abs=1e-3)


def test_given_word_lattices(golden):
    lattice = parse_word_lattice(golden.det_text, pdf_of=golden.pdf_of)
    found = forward_backward(lattice, KAPPA)
    # Sums of many costs with six digits each.
    assert found.log_z == pytest.approx(golden.info["det"]["logZ"], abs=1e-4)
    np.testing.assert_allclose(found.dense(NUM_PDFS), golden.arrays["den_post_det"], atol=2e-5)
    path = best_path(lattice, KAPPA)
    np.testing.assert_array_equal(path.transitions, golden.arrays["best_tid_det"])


def test_whole_graph(golden, golden_graph):
    wide = DecoderConfig(beam=400.0, lattice_beam=200.0, max_active=1 << 30, acoustic_scale=KAPPA)
    found = forward_backward(decode(golden_graph, golden.scores, wide))
    assert found.log_z == pytest.approx(golden.info["full"]["logZ_numpy_f64"], abs=1e-5)
    np.testing.assert_allclose(found.dense(NUM_PDFS), golden.arrays["den_post_full"], atol=1e-5)


def test_pruned_lattices_are_kaldis(golden, golden_graph):
    lattice = decode(golden_graph, golden.scores, DecoderConfig(acoustic_scale=KAPPA))
    found = forward_backward(lattice)
    theirs = parse_lattice(golden.raw_text, pdf_of=golden.pdf_of)
    assert lattice.num_arcs == theirs.num_arcs
    assert found.log_z == pytest.approx(golden.info["raw"]["logZ"], abs=1e-4)
    np.testing.assert_allclose(found.dense(NUM_PDFS), golden.arrays["den_post_raw"], atol=1e-5)
    path = best_path(lattice)
    np.testing.assert_array_equal(path.pdfs, golden.arrays["best_pdf_raw"])
    np.testing.assert_array_equal(path.transitions, golden.arrays["best_tid_raw"])
    words = [golden_graph.words[word] for word in path.words]
    assert words == golden.info["raw"]["best_words"]


def test_one_alignment_per_word_string_is_kaldis_determinization(golden, golden_graph):
    lattice = decode_words(golden_graph, golden.scores, DecoderConfig(acoustic_scale=KAPPA))
    found = forward_backward(lattice)
    distance = np.abs(found.dense(NUM_PDFS) - golden.arrays["den_post_det"]).sum(axis=1)
    assert distance.mean() < 1e-3
    # Paths just beyond the beam, which merging lets in for free, differ.
    assert distance.max() < 2e-3
    assert found.log_z == pytest.approx(golden.info["det"]["logZ"], abs=2e-3)
    path = best_path(lattice)
    np.testing.assert_array_equal(path.transitions, golden.arrays["best_tid_det"])


def arcs_of(lattice):
    """Frame, labels and cost of each arc, as a sorted list."""
    arcs = zip(
        lattice.frame[lattice.source].tolist(),
        lattice.transition.tolist(),
        lattice.word.tolist(),
        # The text has six digits per weight.
        (float(f"{cost:.4f}") + 0.0 for cost in lattice.graph_cost),
        strict=True,
    )
    return sorted(arcs)


def test_pruned_lattices_have_exactly_the_arcs_of_kaldis(golden, golden_graph):
    """So every path of Kaldi's raw lattice is in ours, up to the lattice beam itself."""
    ours = decode(golden_graph, golden.scores, DecoderConfig(acoustic_scale=KAPPA))
    theirs = parse_lattice(golden.raw_text, pdf_of=golden.pdf_of)
    assert ours.num_nodes == theirs.num_nodes
    for mine, kaldis in zip(arcs_of(ours), arcs_of(theirs), strict=True):
        assert mine[:3] == kaldis[:3]
        assert mine[3] == pytest.approx(kaldis[3], abs=2e-4)


def test_all_that_differs_from_kaldis_determinization_is_beyond_the_beam(golden, golden_graph):
    """Kaldi prunes arcs, so a string beyond the beam stays if each arc serves a better one too.

    Within the beam both have the same word strings with the same scores; leaving Kaldi's others
    out, the posteriors agree, and the distance of the test above (0.0016 at one frame) is gone.
    """
    config = DecoderConfig(acoustic_scale=KAPPA, word_history=64)
    ours = n_best(decode_words(golden_graph, golden.scores, config), 20_000)
    theirs = parse_word_lattice(golden.det_text, pdf_of=golden.pdf_of)
    theirs = n_best(theirs, 20_000, KAPPA)
    best = theirs[0].log_score
    # Six digits per weight, some hundred weights; strings at the very edge may fall either way.
    rounding = 2e-3
    mine = {path.words: path for path in ours}
    kaldis = {path.words: path for path in theirs if path.log_score > best - 8.0 - rounding}
    for words in mine.keys() ^ kaldis.keys():
        score = (mine.get(words) or kaldis[words]).log_score
        assert score == pytest.approx(best - 8.0, abs=2 * rounding)
    common = mine.keys() & kaldis.keys()
    assert len(common) >= 9
    sums = []
    for paths in (mine, kaldis):
        weights = np.exp([paths[words].log_score - best for words in common])
        dense = np.zeros((len(golden.scores), NUM_PDFS))
        for words, weight in zip(common, weights / weights.sum(), strict=True):
            dense[np.arange(len(golden.scores)), paths[words].pdfs] += weight
        sums.append(dense)
    for words in common:
        assert mine[words].log_score == pytest.approx(kaldis[words].log_score, abs=rounding)
    assert np.abs(sums[0] - sums[1]).sum(axis=1).max() < 1e-4


def test_forced_alignment_and_numerator(golden, golden_graph):
    words = [golden_graph.words.index(word) for word in golden.info["ref"]]
    graph = restrict(golden_graph, words)
    path = align(graph, golden.scores, AlignConfig(acoustic_scale=KAPPA))
    np.testing.assert_array_equal(path.pdfs, golden.numerator["pdf"])
    np.testing.assert_array_equal(path.transitions, golden.numerator["tid"])
    assert list(path.words) == words
    wide = DecoderConfig(beam=400.0, lattice_beam=200.0, max_active=1 << 30, acoustic_scale=KAPPA)
    found = forward_backward(decode(graph, golden.scores, wide))
    assert found.log_z == pytest.approx(golden.info["num_full"]["logZ_numpy_f64"], abs=1e-5)
    np.testing.assert_allclose(found.dense(NUM_PDFS), golden.arrays["num_post_full"], atol=1e-5)


def test_saved_graphs_decode_alike(golden_graph, golden, tmp_path):
    golden_graph.save(tmp_path / "graph")
    loaded = DecodingGraph.load(tmp_path / "graph")
    config = DecoderConfig(acoustic_scale=KAPPA)
    mine = log_z(decode(loaded, golden.scores, config))
    assert mine == log_z(decode(golden_graph, golden.scores, config))
