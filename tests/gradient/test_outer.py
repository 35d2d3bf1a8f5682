import json
from dataclasses import replace

import numpy as np
import pytest

from outergrad.criteria.config import CriterionConfig, Sum
from outergrad.decoder.alignment import AlignConfig
from outergrad.decoder.decoding import DecoderConfig
from outergrad.errors import InputError
from outergrad.gradient.auxiliary import AuxiliaryConfig
from outergrad.gradient.outer import OuterConfig, OuterGradientSource, outer_gradient
from outergrad.graph.openfst_text import read_openfst_text, read_word_table
from outergrad.nnet.acoustic import AcousticModel
from outergrad.nnet.dnn import DnnConfig, build
from outergrad.nnet.parameters import flatten, load_flat
from outergrad.randomness import rng
from restrict import restrict
from yes_no import word_graph

KEEP_ALL = CriterionConfig(rejection=0.0, cancellation=0.0)
WIDE = DecoderConfig(beam=60.0, lattice_beam=60.0, acoustic_scale=0.5)
CONFIG = OuterConfig(decoder=WIDE, alignment=AlignConfig(acoustic_scale=0.5), criterion=KEEP_ALL)
ALL = replace(CONFIG, sum=Sum.ALL_ALIGNMENTS)


YES, EITHER = word_graph([1]), word_graph([1, 2])


def run(scores, config=CONFIG, numerator=YES, denominator=EITHER):
    return outer_gradient(scores, numerator, denominator, config, utterance="u")


def dense(outer, num_pdfs=3):
    rows = np.repeat(outer.frames, np.diff(outer.offsets))
    out = np.zeros((outer.num_frames, num_pdfs))
    out[rows, outer.pdfs] = outer.values
    return out


def test_two_words_by_hand():
    """Two frames allow one alignment per word: yes 0 1 scores 0.5 (1+3) - 1.2, no 0 2 at most."""
    scores = np.array([[1.0, -9.0, -9.0], [-9.0, 3.0, 2.0]], dtype=np.float32)
    yes, no = 0.5 * 4.0 - 1.2, 0.5 * 3.0 - 2.2
    posterior = np.exp(no) / (np.exp(yes) + np.exp(no))
    for config in (CONFIG, ALL):
        outer = run(scores, config)
        assert outer.value == pytest.approx(np.log(1.0 - posterior), abs=1e-6)  # float32 costs
        expected = [[0, 0, 0], [0, posterior, -posterior]]
        np.testing.assert_allclose(dense(outer), expected, atol=1e-6)


@pytest.mark.parametrize("config", [CONFIG, ALL])
def test_a_reference_that_the_lattice_beam_cuts_off_is_counted(config):
    """yes scores some 6 nats less than no, so log Z_den > log Z_num all the time."""
    scores = np.array([[1.0, -9.0, -9.0], [-9.0, 0.0, 10.0]], dtype=np.float32)
    narrow = replace(config, decoder=replace(config.decoder, lattice_beam=2.0))
    assert not run(scores, config).reference_missing
    lost = run(scores, narrow)
    assert lost.value < 0.0
    assert lost.reference_missing


def random_scores(num_frames=6):
    return rng(8, "scores").standard_normal((num_frames, 3)).astype(np.float32)


@pytest.mark.parametrize("config", [CONFIG, ALL])
def test_outer_gradient_is_the_derivative_of_the_criterion_by_the_scores(config):
    scores, step, kappa = random_scores(), 0.01, 0.5
    outer = dense(run(scores, config))
    for t, s in np.ndindex(scores.shape):
        up, down = scores.copy(), scores.copy()
        up[t, s] += step
        down[t, s] -= step
        slope = (run(up, config).value - run(down, config).value) / float(up[t, s] - down[t, s])
        # float32 scores: differences of values near 10 over 0.02 are good to about 1e-4.
        assert slope == pytest.approx(kappa * outer[t, s], abs=5e-4)
    assert np.abs(outer).max() > 0.1


@pytest.mark.parametrize("config", [CONFIG, ALL])
def test_a_constant_added_to_a_frames_scores_changes_nothing(config):
    scores = random_scores()
    shift = np.array([[3.0], [-2.0], [0.5], [8.0], [-4.0], [1.0]], dtype=np.float32)
    before, after = run(scores, config), run(scores + shift, config)
    assert after.value == pytest.approx(before.value, abs=1e-5)
    np.testing.assert_allclose(dense(after), dense(before), atol=1e-5)


@pytest.mark.parametrize(
    ("scores", "numerator", "denominator", "reason"),
    [
        (random_scores(1), YES, EITHER, "numerator-no-final-state"),
        (random_scores(0), YES, EITHER, "numerator-no-frames"),
        (np.full((4, 3), np.nan, np.float32), YES, EITHER, "numerator-invalid-scores"),
        (random_scores() - [[0, np.inf, 0]], YES, EITHER, "numerator-no-final-state"),
        (random_scores() - [[0, 0, np.inf]], YES, word_graph([2]), "denominator-no-final-state"),
    ],
)
def test_utterances_that_cannot_be_aligned_or_decoded_have_a_reason(
    scores, numerator, denominator, reason
):
    outer = run(scores.astype(np.float32), CONFIG, numerator, denominator)
    assert outer.failed
    assert outer.reason == reason
    assert outer.counts.frames == outer.num_frames == len(scores)
    assert len(outer.frames) == 0


def test_both_sides_need_the_same_acoustic_scale():
    with pytest.raises(InputError, match="need the same"):
        OuterConfig(decoder=DecoderConfig(acoustic_scale=0.2))


class Features:
    def stacked(self, utterance):
        return rng(8, utterance).standard_normal((6, 4), dtype=np.float32)


class Graphs:
    def compile(self, words):
        if words != ["yes"]:
            raise InputError("not in the lexicon")
        return YES


@pytest.fixture
def model():
    module = build(DnnConfig(input_dim=4, hidden_layers=1, hidden_units=5, num_pdfs=3), seed=1)
    return AcousticModel(module, np.log(np.array([0.5, 0.3, 0.2], dtype=np.float32)))


def test_the_source_follows_the_models_parameters(model):
    source = OuterGradientSource(model, Features(), Graphs(), EITHER, CONFIG)
    for change in (0.0, 1.0):
        load_flat(model.module, flatten(model.module) + np.float32(change))
        outer = source.compute("u", ["yes"])
        expected = run(model.scores(Features().stacked("u")))
        assert not outer.failed
        assert outer.value == expected.value
        np.testing.assert_array_equal(dense(outer), dense(expected))


def test_the_gap_is_between_the_auxiliary_function_and_the_criterion(model):
    for kind in ("tangential", "proximal", "bounded"):
        auxiliary = AuxiliaryConfig(kind=kind)
        source = OuterGradientSource(
            model, Features(), Graphs(), EITHER, CONFIG, auxiliary=auxiliary
        )
        probe = source.probe("u", ["yes"])
        at_once = source.gap(probe)
        assert at_once.auxiliary == pytest.approx(at_once.value, abs=1e-5)  # float32 anchors
        start = flatten(model.module)
        step = rng(8, "step").standard_normal(len(start), dtype=np.float32)
        load_flat(model.module, start + np.float32(0.5) * step)
        later = source.gap(probe)
        now = run(model.scores(Features().stacked("u")))
        assert later.value == now.value
        assert later.before == at_once.value
        assert abs(later.per_frame) > 1e-4
        load_flat(model.module, start)
    assert source.probe("u", ["maybe"]) is None


def test_control_needs_no_denominator(model):
    alone = replace(CONFIG, criterion=replace(KEEP_ALL, smoothing=1.0))
    outer = OuterGradientSource(model, Features(), Graphs(), word_graph([2]), alone).compute(
        "u", ["yes"]
    )
    assert outer.mass == 1.0
    assert len(outer.frames) == outer.num_frames == 6
    np.testing.assert_allclose(dense(outer).sum(axis=1), 1.0)


def test_the_source_counts_what_it_cannot_compute(model):
    source = OuterGradientSource(model, Features(), Graphs(), EITHER, CONFIG)
    outer = source.compute("u", ["maybe"])
    assert (outer.reason, outer.num_frames) == ("numerator-no-graph", 6)
    load_flat(model.module, np.full_like(flatten(model.module), np.inf))
    outer = source.compute("u", ["yes"])
    assert (outer.reason, outer.num_frames) == ("scores-not-finite", 6)


def test_graph_and_network_must_belong_together():
    module = build(DnnConfig(input_dim=4, hidden_layers=0, num_pdfs=4), seed=1)
    with pytest.raises(InputError, match="3 pdfs, the network 4"):
        OuterGradientSource(
            AcousticModel(module, np.zeros(4, np.float32)), Features(), Graphs(), EITHER
        )


@pytest.fixture(scope="module")
def kaldi_graph(shared):
    folder = shared / "golden" / "graph"
    words = read_word_table(folder / "words.txt")
    pdf_of = np.load(folder / "transitions.npz")["tid2pdf"]
    return read_openfst_text(folder / "HCLG.tid.fst.txt", words, pdf_of, int(pdf_of.max()) + 1)


def golden(shared, graph, name):
    folder = shared / "golden" / name
    info = json.loads((folder / "info.json").read_text())
    reference = restrict(graph, [graph.words.index(word) for word in info["ref"]])
    return folder, info, reference, np.load(folder / "loglikes.npy")


GOLDEN = ["fcaw-an409-fcaw-b", "fvap-cen6-fvap-b", "mdms2-cen3-mdms2-b"]


@pytest.mark.parametrize("name", GOLDEN)
def test_kaldi_outer_gradients_from_scores_one_alignment_per_word_string(shared, kaldi_graph, name):
    folder, _, reference, scores = golden(shared, kaldi_graph, name)
    outer = run(scores, OuterConfig(criterion=KEEP_ALL), reference, kaldi_graph)
    expected = np.load(folder / "kaldi.npz")["num_minus_den_det"]
    distance = np.abs(dense(outer, scores.shape[1]) - expected).sum(axis=1)
    # Ours keeps apart what differs in the last two words, Kaldi's whole strings, and both prune:
    # 0.0004 per frame in L1 were measured with a sketch at these beams.
    assert distance.mean() < 0.002


@pytest.mark.parametrize("name", GOLDEN)
def test_kaldi_outer_gradients_from_scores_all_alignments(shared, kaldi_graph, name):
    folder, info, reference, scores = golden(shared, kaldi_graph, name)
    exact = DecoderConfig(beam=100.0, lattice_beam=30.0, max_active=100_000)
    config = OuterConfig(sum=Sum.ALL_ALIGNMENTS, decoder=exact, criterion=KEEP_ALL)
    outer = run(scores, config, reference, kaldi_graph)
    expected = np.load(folder / "kaldi.npz")["num_minus_den_full"]
    # Paths 30 nats below the best are left out, and Kaldi adds up in float32.
    np.testing.assert_allclose(dense(outer, scores.shape[1]), expected, atol=1e-4)
    assert outer.value == pytest.approx(info["num_full"]["true_mmi_total"], abs=1e-3)
