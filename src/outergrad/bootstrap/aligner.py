"""Alignment of all training utterances with a GMM."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from outergrad.arrays import Int32Array
from outergrad.bootstrap.config import AlignmentConfig
from outergrad.bootstrap.frames import GmmFrames
from outergrad.corpus.lexicon import Lexicon
from outergrad.decoder.alignment import AlignConfig, align
from outergrad.decoder.errors import DecodingError
from outergrad.decoder.records import Workspace
from outergrad.errors import InputError, RunError
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.graph.units import GraphConfig
from outergrad.graph.utterance import UtteranceGraphs
from outergrad.hmm.gmm import DiagonalGmm
from outergrad.hmm.model import HmmModel

SHOWN = 5
"""Utterances that a message names for each reason."""


class Aligner:
    """Aligns the utterances of a corpus again and again; their graphs are compiled once.

    The graphs keep the transition probabilities of the model they were compiled for. At the
    usual self-loop scale of 0.1 these hardly matter for the alignment.

    Attributes:
        failed: utterance id → why the last pass could not align it.
    """

    def __init__(
        self,
        frames: GmmFrames,
        transcripts: Mapping[str, tuple[str, ...]],
        lexicon: Lexicon,
        hmm: HmmModel,
        config: AlignmentConfig,
        *,
        threads: int = 1,
    ) -> None:
        """Compile the graph of each utterance.

        Args:
            frames: features.
            transcripts: utterance id → words.
            lexicon: pronunciations.
            hmm: phones, topology, tying and transitions.
            config: beams and scales.
            threads: threads that align.

        Raises:
            InputError: an utterance has no transcript, or a word is not in the lexicon.
        """
        self.failed: dict[str, str] = {}
        self._frames = frames
        self._hmm = hmm
        self._config = config
        self._threads = threads
        graphs = UtteranceGraphs(lexicon, hmm, GraphConfig())
        self._graphs: list[DecodingGraph] = []
        self._pdfs: list[Int32Array] = []
        for utterance in frames.ids:
            if utterance not in transcripts:
                raise InputError(f"utterance {utterance} has no transcript")
            graph = graphs.compile(transcripts[utterance])
            pdfs = graph.arcs().pdf
            self._graphs.append(graph)
            self._pdfs.append(np.unique(pdfs[pdfs >= 0]).astype(np.int32))

    def align(self, gmm: DiagonalGmm, beam: float) -> dict[str, Int32Array]:
        """Best path of each utterance through its graph.

        Args:
            gmm: mixtures of the model's pdfs.
            beam: beam of the first try.

        Returns:
            utterance id → int32 [T] transition_ids, of those that could be aligned; `failed` has
            the others.
        """
        silence = [
            pdf
            for state in range(self._hmm.topology.num_states(self._hmm.phones.silence))
            for pdf in self._hmm.tying.pdfs(self._hmm.phones.silence, state)
        ]
        boost = np.float32(np.log(self._config.silence_boost))
        config = AlignConfig(
            beam=beam,
            retry_beam=self._config.retry_beam,
            acoustic_scale=self._config.acoustic_scale,
        )

        buffers = threading.local()

        def align_one(position: int) -> Int32Array | str:
            scores = gmm.scores(self._frames.utterance(position), self._pdfs[position])
            if boost:
                scores[:, silence] += boost
            if not hasattr(buffers, "workspace"):
                buffers.workspace = Workspace()
            try:
                path = align(self._graphs[position], scores, config, workspace=buffers.workspace)
            except DecodingError as error:
                return error.reason
            return np.asarray(path.transitions, dtype=np.int32)

        with ThreadPoolExecutor(self._threads) as pool:
            outcomes = list(pool.map(align_one, range(len(self._frames))))
        named = list(zip(self._frames.ids, outcomes, strict=True))
        self.failed = {name: outcome for name, outcome in named if isinstance(outcome, str)}
        return {name: outcome for name, outcome in named if not isinstance(outcome, str)}


MAX_FAILED = "bootstrap.alignment.max_failed"
"""Setting that says how many utterances may be without alignment at the end."""


def check_failures(
    failed: Mapping[str, str],
    num_utterances: int,
    max_failed: float,
    what: str,
    limit: str = MAX_FAILED,
) -> None:
    """Stop when too many utterances are without alignment.

    Args:
        failed: utterance id → reason.
        num_utterances: utterances that there are.
        max_failed: share of them that may fail.
        what: what could not be done with them, for the message.
        limit: where `max_failed` comes from, for the message.

    Raises:
        RunError: more failed.
    """
    if len(failed) <= max_failed * num_utterances and len(failed) < num_utterances:
        return
    lines = [f"{len(failed)} of {num_utterances} utterances: {what}"]
    for reason, count in Counter(failed.values()).most_common():
        examples = [name for name, why in failed.items() if why == reason][:SHOWN]
        more = ", ..." if count > SHOWN else ""
        lines.append(f"  {reason}: {count} ({', '.join(examples)}{more})")
    lines.append(
        "Check that transcripts and recordings belong together and the lexicon fits; "
        f"at most {max_failed:.0%} may fail ({limit})."
    )
    raise RunError("\n".join(lines))
