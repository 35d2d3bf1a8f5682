"""Budgets of the decoder: speed against kaldi_decoder, two threads, memory."""

import resource
import threading
import time

import kaldi_decoder
import numpy as np

from outergrad.decoder.decoding import DecoderConfig, decode
from outergrad.decoder.records import Workspace
from outergrad.lattice.paths import best_path
from support.budget import alternate, report
from support.lexicon_tree import make_tree, sample_scores
from support.peer import openfst_graph, peer_words

REPEATS = 5
THREAD_ROUNDS = 2
MEMORY_FRAMES = 6000


def main() -> None:
    tree = make_tree()
    graph = tree.graph
    scores = sample_scores(tree)
    frames = len(scores)
    fst = openfst_graph(graph)

    for beam, name in ((11.0, "decoder-medium"), (13.0, "decoder-large"), (15.0, "decoder-huge")):
        config = DecoderConfig(beam=beam, acoustic_scale=1.0)
        options = kaldi_decoder.FasterDecoderOptions(
            beam=beam, max_active=config.max_active, min_active=config.min_active
        )
        workspace = Workspace()
        ours: list[int] = []
        theirs: list[int] = []

        def decode_ours(config=config, workspace=workspace, ours=ours):
            ours[:] = best_path(decode(graph, scores, config, workspace=workspace)).words

        def decode_theirs(options=options, theirs=theirs):
            theirs[:] = peer_words(kaldi_decoder.FasterDecoder(fst, options), scores)

        times = alternate(REPEATS, decode_ours, decode_theirs, clock=time.thread_time)
        report(
            name,
            [peer / own for own, peer in times],
            must=15,
            aim=30,
            better="higher",
            unit="x FasterDecoder frames/s",
            beam=beam,
            frames_per_second=round(frames / min(own for own, _ in times)),
            peer_frames_per_second=round(frames / min(peer for _, peer in times)),
            same_words=ours == theirs,
        )

    config = DecoderConfig(beam=13.0, acoustic_scale=1.0)
    workspaces = [Workspace(), Workspace()]

    def work(workspace: Workspace, rounds: int) -> None:
        for _ in range(rounds):
            decode(graph, scores, config, workspace=workspace)

    def one() -> None:
        work(workspaces[0], THREAD_ROUNDS)

    def two() -> None:
        threads = [
            threading.Thread(target=work, args=(workspace, THREAD_ROUNDS))
            for workspace in workspaces
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    report(
        "decoder-threads",
        [2 * alone / both for alone, both in alternate(REPEATS, one, two)],
        must=1.8,
        aim=2.0,
        better="higher",
        unit="x frames/s of one thread",
    )

    long_scores = np.tile(scores, (-(-MEMORY_FRAMES // frames), 1))[:MEMORY_FRAMES]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    widest = DecoderConfig(beam=18.0, lattice_beam=8.0, max_active=7000, acoustic_scale=1.0)
    decode(graph, long_scores, widest, workspace=Workspace())
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report(
        "decoder-memory",
        [(after - before) / 1024],
        must=200,
        aim=100,
        better="lower",
        unit="MB beyond graph and scores, 60 s of speech at 7,000 tokens a frame",
    )


if __name__ == "__main__":
    main()
