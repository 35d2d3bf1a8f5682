"""The decoder beside Kaldi's FasterDecoder on real speech."""

import time
from collections.abc import Sequence
from typing import Any

import kaldi_decoder
import kaldifst
import numpy as np

from outergrad.arrays import Float32Array
from outergrad.decoder.decoding import DecoderConfig, decode, decode_words
from outergrad.decoder.records import Workspace
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.lattice.paths import best_path, forward_backward
from support.budget import alternate, report
from support.peer import peer_words


def compare(
    budget: str,
    repeats: int,
    graph: DecodingGraph,
    fst: kaldifst.StdVectorFst,
    utterances: Sequence[Float32Array],
    config: DecoderConfig,
    **details: Any,
) -> None:
    """Print frames/s of raw lattices, of word lattices with their sums, and of FasterDecoder.

    Args:
        budget: its name.
        repeats: rounds.
        graph: decoding graph.
        fst: the same for Kaldi.
        utterances: acoustic scores, float32 [frame, pdf] each, unscaled.
        config: beams and acoustic scale.
        details: further entries of the line.
    """
    options = kaldi_decoder.FasterDecoderOptions(
        beam=config.beam, max_active=config.max_active, min_active=config.min_active
    )
    scaled = [np.ascontiguousarray(s * np.float32(config.acoustic_scale)) for s in utterances]
    frames = sum(map(len, utterances))
    workspace = Workspace()

    def ours() -> list[list[int]]:
        return [
            list(best_path(decode(graph, scores, config, workspace=workspace)).words)
            for scores in utterances
        ]

    def sums() -> None:
        for scores in utterances:
            forward_backward(decode_words(graph, scores, config, workspace=workspace))

    def theirs() -> list[list[int]]:
        return [peer_words(kaldi_decoder.FasterDecoder(fst, options), s) for s in scaled]

    times = alternate(repeats, ours, theirs, sums, clock=time.thread_time)
    lattices = [decode(graph, scores, config, workspace=workspace) for scores in utterances]
    report(
        budget,
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
        **details,
    )
