"""Decoding real speech on Kaldi's AN4 unigram graph (1,207 states): frames/s and lattice density.

    python bench/real_graphs.py [FOLDER]

FOLDER (or the environment's OUTERGRAD_SHARED_DATA) holds `golden/`: Kaldi's graph as text and
acoustic scores of test utterances. Without it a line says that nothing was measured.
"""

import json
import os
import sys
import time
from pathlib import Path

import kaldi_decoder
import numpy as np

from outergrad.arrays import Float32Array
from outergrad.decoder.decoding import DecoderConfig, decode, decode_words
from outergrad.decoder.records import Workspace
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.graph.openfst_text import read_openfst_text, read_word_table
from outergrad.lattice.paths import best_path, forward_backward
from support.budget import alternate, report
from support.peer import openfst_graph, peer_words

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
    frames = sum(map(len, utterances))
    scaled = [np.ascontiguousarray(scores * np.float32(SCALE)) for scores in utterances]
    workspace = Workspace()
    for beam in (11.0, 13.0, 15.0):
        config = DecoderConfig(beam=beam, acoustic_scale=SCALE)
        options = kaldi_decoder.FasterDecoderOptions(
            beam=beam, max_active=config.max_active, min_active=config.min_active
        )

        def ours(config: DecoderConfig = config) -> list[list[int]]:
            return [
                list(best_path(decode(graph, scores, config, workspace=workspace)).words)
                for scores in utterances
            ]

        def sums(config: DecoderConfig = config) -> None:
            for scores in utterances:
                forward_backward(decode_words(graph, scores, config, workspace=workspace))

        def theirs(options: kaldi_decoder.FasterDecoderOptions = options) -> list[list[int]]:
            return [peer_words(kaldi_decoder.FasterDecoder(fst, options), s) for s in scaled]

        times = alternate(REPEATS, ours, theirs, sums, clock=time.thread_time)
        lattices = [decode(graph, scores, config, workspace=workspace) for scores in utterances]
        report(
            f"decoder-an4-beam-{beam:.0f}",
            [peer / own for own, peer, _ in times],
            must=3,
            aim=6,
            better="higher",
            unit="x FasterDecoder frames/s",
            frames_per_second=round(frames / min(own for own, _, _ in times)),
            peer_frames_per_second=round(frames / min(peer for _, peer, _ in times)),
            frames_per_second_with_word_lattice_and_sums=round(frames / min(s for *_, s in times)),
            arcs_per_frame=round(sum(x.density * x.num_frames for x in lattices) / frames, 1),
            same_words=ours() == theirs(),
        )


if __name__ == "__main__":
    main()
