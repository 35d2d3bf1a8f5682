"""Decoding real speech with the graphs of a finished run, and with a dictionary of 29,000 words.

    python bench/real_speech.py RUN [DICTIONARY]

RUN is a run directory whose CE model has been decoded (or $OUTERGRAD_BENCH_RUN); its test set is
decoded with the unigram, the trigram and, when DICTIONARY is given (CMUdict layout, phones with or
without stress digits), a unigram over 29,000 of its words. Beside the budgets it prints what beams
buy: lattice density, word error of the best path and of the lattice's best word string, frames/s.
Without a run a line says that nothing was measured.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.corpus.lexicon import Lexicon, Pronunciation, read_lexicon
from outergrad.decoder.decoding import DecoderConfig, decode, decode_words
from outergrad.decoder.records import Workspace
from outergrad.evaluation.wer import word_errors
from outergrad.graph.compile import compile_graph
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.graph.estimation import estimate
from outergrad.lattice.oracle import oracle_errors
from outergrad.lattice.paths import best_path
from outergrad.recipes.decode import Recognized, dnn_scorer
from outergrad.recipes.models import Bootstrapped, Graphs
from outergrad.recipes.prepare import Prepared
from support.compare import compare
from support.peer import openfst_graph

REPEATS = 3
WORDS = 29_000
BEAMS = (9.0, 11.0, 13.0, 15.0)
LATTICE_BEAMS = (4.0, 6.0, 8.0, 10.0)


class Speech:
    """Test set of a run: acoustic scores [T, P] of its CE model, and what was said."""

    def __init__(self, run: Path) -> None:
        prepared = Prepared(run / "prepare")
        scorer = dnn_scorer(run / "ce" / "model", "test", prepared)
        corpus = prepared.corpus("test")
        self.scores: list[Float32Array] = [scorer(utterance.id) for utterance in corpus]
        self.words = [list(utterance.words) for utterance in corpus]
        self.frames = sum(map(len, self.scores))


def large_graph(run: Path, dictionary: Path) -> DecodingGraph:
    """A unigram over the run's words and others of the dictionary, as many as make 29,000."""
    prepared = Prepared(run / "prepare")
    hmm, _ = Bootstrapped(run / "bootstrap").gmm("tri")
    entries = dict(prepared.lexicon().entries)
    known = set(prepared.lexicon().phones)
    more, _ = read_lexicon(dictionary)
    candidates = sorted(word.upper() for word in more)
    for word in np.random.default_rng(1).permutation(candidates).tolist():
        if len(entries) == WORDS:
            break
        ways = {
            tuple(phone.rstrip("012") for phone in way.phones)
            for way in more.entries.get(word, more.entries.get(word.lower(), ()))
        }
        usable = sorted(way for way in ways if known.issuperset(way))
        if usable and word not in entries:
            entries[word] = tuple(map(Pronunciation, usable))
    lm = estimate(prepared.corpus("train").sentences, 1, vocabulary=sorted(entries))
    return compile_graph(lm, Lexicon(entries), hmm)


def graphs(run: Path, dictionary: Path | None) -> Iterator[tuple[str, DecodingGraph, float]]:
    """Name, graph and acoustic scale of each decoding."""
    for lm in ("unigram", "trigram"):
        weight = Recognized.load(run / "decode-ce" / f"{lm}.json").lm_weight
        yield lm, Graphs(run / "graph").decoding("tri", lm), 1.0 / weight
    if dictionary is not None:
        begin = time.perf_counter()
        graph = large_graph(run, dictionary)
        seconds = round(time.perf_counter() - begin, 1)
        print(json.dumps({"graph": "large", "states": graph.num_states, "compiled_s": seconds}))
        yield "large", graph, 0.1


def density(name: str, graph: DecodingGraph, scale: float, speech: Speech) -> None:
    """What beam and lattice beam buy: a line per pair."""
    ids = {word: number for number, word in enumerate(graph.words)}
    workspace = Workspace()
    said = sum(map(len, speech.words))
    for beam, lattice_beam in product(BEAMS, LATTICE_BEAMS):
        config = DecoderConfig(beam=beam, lattice_beam=lattice_beam, acoustic_scale=scale)
        errors = oracle = 0
        arcs = word_arcs = seconds = 0.0
        for scores, words in zip(speech.scores, speech.words, strict=True):
            begin = time.thread_time()
            lattice = decode(graph, scores, config, workspace=workspace)
            seconds += time.thread_time() - begin
            found = decode_words(graph, scores, config, workspace=workspace)
            best = [graph.words[word] for word in best_path(lattice).words]
            errors += word_errors(words, best).errors
            # A word that the graph lacks can only be an error: no label equals -1.
            oracle += oracle_errors(found, [ids.get(word, -1) for word in words]).errors
            arcs += lattice.num_arcs
            word_arcs += found.num_arcs
        line = {
            "graph": name,
            "beam": beam,
            "lattice_beam": lattice_beam,
            "arcs_per_frame": round(arcs / speech.frames, 2),
            "word_lattice_arcs_per_frame": round(word_arcs / speech.frames, 2),
            "wer": round(100 * errors / said, 2),
            "oracle_wer": round(100 * oracle / said, 2),
            "frames_per_second": round(speech.frames / seconds),
        }
        print(json.dumps(line), flush=True)


def main() -> None:
    named = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("OUTERGRAD_BENCH_RUN", "")
    if not named:
        skipped = "no run directory given; see bench/real_speech.py"
        print(json.dumps({"budget": "decoder-speech", "skipped": skipped}))
        return
    run = Path(named)
    speech = Speech(run)
    for name, graph, scale in graphs(run, Path(sys.argv[2]) if len(sys.argv) > 2 else None):
        compare(
            f"decoder-speech-{name}",
            REPEATS,
            graph,
            openfst_graph(graph),
            speech.scores,
            DecoderConfig(beam=13.0, acoustic_scale=scale),
            states=graph.num_states,
        )
        density(name, graph, scale, speech)


if __name__ == "__main__":
    main()
