"""HCLG of a Kaldi system: a real one decodes real scores to what Kaldi found."""

import json
from pathlib import Path

import kaldifst
import numpy as np
import pytest

from outergrad.decoder.decoding import DecoderConfig, decode
from outergrad.errors import InputError
from outergrad.graph.openfst import Transducer, to_openfst
from outergrad.kaldi.graph import read_kaldi_graph
from outergrad.kaldi.system import KaldiSystem
from outergrad.lattice.paths import best_path


@pytest.fixture
def graph(shared: Path, tmp_path: Path) -> Path:
    """The real HCLG in OpenFst's binary form, as mkgraph.sh leaves it."""
    folder = tmp_path / "graph_lm1"
    folder.mkdir()
    golden = shared / "golden" / "graph"
    fst = kaldifst.compile((golden / "HCLG.tid.fst.txt").read_text(), acceptor=False)
    assert fst.write(str(folder / "HCLG.fst"))
    (folder / "words.txt").write_text((golden / "words.txt").read_text())
    return folder


def words_of(folder: Path) -> list[str]:
    named = [line.split()[0] for line in (folder / "words.txt").read_text().splitlines()]
    usual = [word for word in named if not word.startswith(("<", "#", "!"))]
    usual.remove("RUBOUT")  # which the three utterances do not say
    return ["<eps>", *sorted(usual, reverse=True)]


@pytest.mark.parametrize("constant", [False, True])
def test_a_real_graph_finds_what_kaldi_found(
    shared: Path, an4: KaldiSystem, graph: Path, constant: bool
) -> None:
    if constant:  # fstconvert --fst_type=const
        fst = kaldifst.StdVectorFst.read(str(graph / "HCLG.fst"))
        assert kaldifst.StdConstFst(fst).write(str(graph / "HCLG.fst"))
    noticed: list[str] = []
    found = read_kaldi_graph(graph, an4, words_of(graph), noticed.append)
    assert len(noticed) == 1
    assert "words that the lexicon lacks cannot be recognized: RUBOUT" in noticed[0]
    golden = shared / "golden"
    for utterance in (golden / "utts").read_text().split():
        scores = np.load(golden / utterance / "loglikes.npy")
        kaldi = np.load(golden / utterance / "kaldi.npz")
        info = json.loads((golden / utterance / "info.json").read_text())
        path = best_path(decode(found, scores, DecoderConfig(beam=13.0, acoustic_scale=0.1)))
        np.testing.assert_array_equal(path.transitions, kaldi["best_tid_raw"])
        # Text with nine digits, summed over a hundred arcs in float32.
        assert path.graph_cost == pytest.approx(info["raw"]["best_graph_cost"], abs=1e-3)
        said = [found.words[word] for word in path.words]
        assert said == info["raw"]["best_words"]
    assert "RUBOUT" not in found.words


def test_what_does_not_belong_together_is_refused(an4: KaldiSystem, graph: Path) -> None:
    lines = (graph / "words.txt").read_text().splitlines()
    (graph / "words.txt").write_text("\n".join(lines[:5]) + "\n")
    with pytest.raises(InputError, match=r"words\.txt: no words for the ids \[5, 6"):
        read_kaldi_graph(graph, an4, ["<eps>"], print)
    final = np.array([np.inf, 0.0], dtype=np.float32)
    arcs = [(0, 1, an4.hmm.transitions.num_transition_ids + 1, 0)]
    assert to_openfst(Transducer.of(0, arcs, [0.0], final)).write(str(graph / "HCLG.fst"))
    with pytest.raises(InputError, match=r"transition_ids up to 745, .* made for another model"):
        read_kaldi_graph(graph, an4, ["<eps>"], print)
    (graph / "HCLG.fst").unlink()
    with pytest.raises(InputError, match=r"there is no HCLG\.fst; .*mkgraph\.sh"):
        read_kaldi_graph(graph, an4, ["<eps>"], print)
