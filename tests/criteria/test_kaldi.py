"""sMBR, MPFE and boosted posteriors and objectives of real speech, as Kaldi computed them."""

import json

import numpy as np
import pytest

from outergrad.criteria.config import CriterionConfig, Kind
from outergrad.criteria.criterion import evaluate
from outergrad.criteria.numerator import Numerator
from outergrad.decoder.decoding import DecoderConfig, decode
from outergrad.graph.openfst_text import read_openfst_text, read_word_table
from outergrad.lattice.accuracy import (
    PhoneClasses,
    boost,
    expected_accuracy,
    phone_accuracies,
    state_accuracies,
)
from outergrad.lattice.path import Path
from outergrad.lattice.paths import forward_backward
from outergrad.lattice.text import parse_lattice, parse_word_lattice

UTTERANCES = ("fcaw-an409-fcaw-b", "fvap-cen6-fvap-b", "mdms2-cen3-mdms2-b")
KAPPA, NUM_PDFS = 0.1, 344

# Kaldi writes float32 posteriors and lattices with six digits per weight; posteriors times
# differences of accuracy are larger than posteriors, and so is their rounding.
TOLERANCE = 1e-5


def close(expected):
    """Tolerance for posteriors times differences of accuracy: of the largest of them."""
    return TOLERANCE * max(1.0, float(np.abs(expected).max()))


class Golden:
    """Kaldi's lattices of one utterance, its reference and its numbers."""

    def __init__(self, shared, name):
        folder = shared / "golden" / name
        transitions = np.load(shared / "golden" / "graph" / "transitions.npz")
        self.pdf_of = transitions["tid2pdf"].astype(np.int32)
        self.classes = PhoneClasses(transitions["tid2phone"].astype(np.int32), (1,))
        self.info = json.loads((folder / "info.json").read_text())
        self.kaldi = np.load(folder / "kaldi.npz")
        self.scores = np.load(folder / "loglikes.npy")
        reference = np.load(folder / "numerator.npz")
        self.reference = Path(
            words=(),
            word_frames=(),
            pdfs=reference["pdf"].astype(np.int32),
            transitions=reference["tid"].astype(np.int32),
            graph_cost=0.0,
            acoustic_score=0.0,
            acoustic_scale=KAPPA,
        )
        self.lattices = {
            "raw": parse_lattice(
                (folder / "lat_raw.tid.txt").read_text(), pdf_of=self.pdf_of, acoustic_scale=KAPPA
            ),
            # Six digits of an acoustic score summed over a word are too few: it is summed again.
            "det": parse_word_lattice(
                (folder / "lat_det.compact.tid.txt").read_text(),
                pdf_of=self.pdf_of,
                acoustic_scale=KAPPA,
            ).rescore(self.scores),
        }

    def states(self, lattice, one_class):
        return state_accuracies(
            lattice,
            self.reference.pdfs,
            self.reference.transitions,
            self.classes,
            one_silence_class=one_class,
        )


@pytest.fixture(params=UTTERANCES)
def golden(shared, request):
    return Golden(shared, request.param)


def dense(found):
    out = np.zeros((len(found.offsets) - 1, NUM_PDFS))
    out[np.repeat(np.arange(len(out)), np.diff(found.offsets)), found.pdf] = found.gradient
    return out


@pytest.mark.parametrize("kind", ["raw", "det"])
@pytest.mark.parametrize("one_class", [True, False])
def test_smbr_posteriors_and_accuracies(golden, kind, one_class):
    lattice = golden.lattices[kind]
    found = expected_accuracy(lattice, golden.states(lattice, one_class))
    name = f"smbr_post_{kind}_osc{int(one_class)}"
    np.testing.assert_allclose(dense(found), golden.kaldi[name], atol=close(golden.kaldi[name]))
    per_frame = golden.info[kind][f"smbr_acc_per_frame_osc{int(one_class)}"]
    assert found.value / lattice.num_frames == pytest.approx(per_frame, abs=TOLERANCE)


@pytest.mark.parametrize("kind", ["raw", "det"])
def test_mpfe_posteriors_and_accuracies(golden, kind):
    lattice = golden.lattices[kind]
    accuracies = phone_accuracies(lattice, golden.reference.transitions, golden.classes)
    found = expected_accuracy(lattice, accuracies)
    np.testing.assert_allclose(dense(found), golden.kaldi[f"mpfe_post_{kind}_osc1"], atol=TOLERANCE)
    per_frame = golden.info[kind]["mpfe_acc_per_frame_osc1"]
    assert found.value / lattice.num_frames == pytest.approx(per_frame, abs=TOLERANCE)


def test_boosted_posteriors_and_log_z(golden):
    boosted = boost(golden.lattices["raw"], golden.reference.transitions, golden.classes, 0.1)
    found = forward_backward(boosted)
    np.testing.assert_allclose(
        found.dense(NUM_PDFS), golden.kaldi["den_post_raw_boost0.1"], atol=TOLERANCE
    )
    # info.json has five decimals, and the lattice six digits per weight.
    assert found.log_z == pytest.approx(golden.info["raw_boost0_1_logZ"], abs=1e-4)


def test_smbr_of_the_whole_graph(shared, golden):
    folder = shared / "golden" / "graph"
    words = read_word_table(folder / "words.txt")
    graph = read_openfst_text(folder / "HCLG.tid.fst.txt", words, golden.pdf_of, NUM_PDFS)
    wide = DecoderConfig(beam=400.0, lattice_beam=200.0, max_active=1 << 30, acoustic_scale=KAPPA)
    lattice = decode(graph, golden.scores, wide)
    found = expected_accuracy(lattice, golden.states(lattice, True))
    np.testing.assert_allclose(
        dense(found), golden.kaldi["smbr_post_full_osc1"], atol=2 * TOLERANCE
    )
    per_frame = golden.info["full"]["smbr_expected_acc_per_frame_kaldi"]
    assert found.value / lattice.num_frames == pytest.approx(per_frame, abs=TOLERANCE)


@pytest.mark.parametrize(("kind", "name"), [(Kind.SMBR, "smbr"), (Kind.MPE, "mpfe")])
def test_outer_gradients_and_values(golden, kind, name):
    lattice = golden.lattices["det"]
    keep_all = CriterionConfig(rejection=0.0, cancellation=0.0)
    outer = evaluate(
        kind,
        Numerator.of(golden.reference),
        lattice,
        keep_all,
        utterance="u",
        classes=golden.classes,
    )
    expected = golden.kaldi[f"{name}_post_det_osc1"]
    out = np.zeros_like(expected)
    out[np.repeat(outer.frames, np.diff(outer.offsets)), outer.pdfs] = outer.values
    np.testing.assert_allclose(out, expected, atol=close(expected))
    errors = lattice.num_frames * (1.0 - golden.info["det"][f"{name}_acc_per_frame_osc1"])
    assert outer.value == pytest.approx(-errors, abs=1e-3)  # six digits, times the frames
