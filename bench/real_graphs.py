"""Decoding real speech on Kaldi's AN4 unigram graph (1,207 states): frames/s and lattice density.

    python bench/real_graphs.py [FOLDER]

FOLDER (or the environment's OUTERGRAD_SHARED_DATA) holds `golden/`: Kaldi's graph as text and
acoustic scores of test utterances. Without it a line says that nothing was measured.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.decoder.decoding import DecoderConfig
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.graph.openfst_text import read_openfst_text, read_word_table
from support.compare import compare
from support.peer import openfst_graph

REPEATS = 7
SCALE = 0.1


def load(golden: Path) -> tuple[DecodingGraph, list[Float32Array]]:
    transitions = np.load(golden / "graph" / "transitions.npz", allow_pickle=False)
    scores = [
        np.load(golden / utterance / "loglikes.npy", allow_pickle=False)
        for utterance in (golden / "utts").read_text(encoding="utf-8").split()
    ]
    graph = read_openfst_text(
        golden / "graph" / "HCLG.tid.fst.txt",
        read_word_table(golden / "graph" / "words.txt"),
        transitions["tid2pdf"],
        scores[0].shape[1],
    )
    return graph, scores


def main() -> None:
    folder = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("OUTERGRAD_SHARED_DATA", "")
    golden = Path(folder) / "golden"
    if not folder or not golden.is_dir():
        skipped = "no folder with golden/ given; see bench/real_graphs.py"
        print(json.dumps({"budget": "decoder-an4", "skipped": skipped}))
        return
    graph, utterances = load(golden)
    fst = openfst_graph(graph)
    for beam in (11.0, 13.0, 15.0):
        config = DecoderConfig(beam=beam, acoustic_scale=SCALE)
        compare(f"decoder-an4-beam-{beam:.0f}", REPEATS, graph, fst, utterances, config)


if __name__ == "__main__":
    main()
