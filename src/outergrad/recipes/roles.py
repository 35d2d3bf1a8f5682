"""What the roles of sequence training compute, built by name in the process that needs it."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.config import build
from outergrad.criteria.mmi import Sum
from outergrad.criteria.outcome import OuterGradient
from outergrad.decoder.alignment import align
from outergrad.decoder.decoding import decode, decode_words
from outergrad.decoder.errors import DecodingError
from outergrad.decoder.records import Workspace
from outergrad.errors import RunError
from outergrad.evaluation.frame_error import FrameErrors, frame_errors
from outergrad.evaluation.wer import WordErrors, word_errors
from outergrad.gradient.inner import inner_gradient
from outergrad.gradient.outer import OuterGradientSource
from outergrad.lattice.lattice import Lattice
from outergrad.lattice.paths import best_path, log_z
from outergrad.lattice.word_lattice import WordLattice
from outergrad.nnet.acoustic import AcousticModel
from outergrad.nnet.parameters import ParameterLayout, load_flat
from outergrad.nnet.precision import Device, Precision, check_device
from outergrad.recipes.ce import pdf_targets
from outergrad.recipes.models import Bootstrapped, Graphs, reference_graphs
from outergrad.recipes.prepare import Prepared
from outergrad.recipes.settings import RunConfig
from outergrad.workers.messages import HeldOut
from outergrad.workers.program import Batch

MAX_FAILED = 0.1
"""Share of the held-out utterances that may fail before the criterion counts as lost."""


class _Speech:
    """A run's data as the roles see them."""

    def __init__(self, run: str, config: dict[str, Any], part: str) -> None:
        root = Path(run)
        self.config = build(RunConfig, config)
        self.prepared = Prepared(root / "prepare")
        self.bootstrapped = Bootstrapped(root / "bootstrap")
        graphs = Graphs(root / "graph")
        self.model = AcousticModel.load(root / "ce" / "model")
        self.features = self.prepared.filterbank(part)
        self.graph = graphs.decoding("tri", "unigram")
        self.references = reference_graphs(self.prepared, self.bootstrapped, graphs, self.config)


class DecoderSource:
    """Outer gradients of training utterances: the decoder role's `OuterSource`."""

    def __init__(self, run: str, config: dict[str, Any]) -> None:
        """Open the run directory `run`; `config` is its configuration as plain tables."""
        speech = _Speech(run, config, "train")
        self._words = {u.id: u.words for u in speech.prepared.corpus("train")}
        self._source = OuterGradientSource(
            speech.model,
            speech.features,
            speech.references,
            speech.graph,
            speech.config.mmi.outer,
        )

    def load(self, parameters: Float32Array) -> None:
        """Use these parameters from now on."""
        load_flat(self._source.model.module, parameters)

    def compute(self, utterance: str) -> OuterGradient:
        """Outer gradient of an utterance, or the reason why there is none."""
        return self._source.compute(utterance, self._words[utterance])


class ReplicaSource:
    """Inner gradients of batches: the replica role's `InnerSource`."""

    def __init__(self, run: str, device: Device = "cpu") -> None:
        """Open the run directory `run`; on `device` cuda, products are of bfloat16 operands.

        Raises:
            InputError: this machine has no such device.
        """
        check_device(device)
        self._precision: Precision = "bfloat16" if device == "cuda" else "float32"
        self._features = Prepared(Path(run) / "prepare").filterbank("train")
        self._windows = self._features.windows
        self._module = AcousticModel.load(Path(run) / "ce" / "model").module.to(device)
        self._layout = ParameterLayout.of(self._module)

    def load(self, parameters: Float32Array) -> None:
        """Use these parameters from now on."""
        load_flat(self._module, parameters)

    def gradient(self, batch: Batch) -> Float32Array:
        """Ascent direction of the batch, summed over its frames, float32 [n]."""
        first = [self._features.first_window(utterance) for utterance in batch.utterances]
        rows = np.asarray(first, dtype=np.int64) + batch.frames
        x = self._windows[rows]
        return inner_gradient(
            self._module,
            self._layout,
            x,
            batch.offsets,
            batch.pdfs,
            batch.values,
            precision=self._precision,
        )


class EvaluatorSource:
    """Criterion, word errors and frame errors of the tuning speech, with the unigram LM."""

    def __init__(self, run: str, config: dict[str, Any]) -> None:
        """Open the run directory `run`; `config` is its configuration as plain tables."""
        self._speech = _Speech(run, config, "tune")
        self._corpus = self._speech.prepared.corpus("tune")
        hmm, _ = self._speech.bootstrapped.gmm("tri")
        self._targets = pdf_targets(self._speech.bootstrapped.alignments("tune"), hmm.transitions)
        self._workspace = Workspace()
        # Utterances with words that have no pronunciation count for WER, not for the criterion.
        self._graphs = {
            u.id: self._speech.references.compile(u.words)
            for u in self._corpus
            if u.id in self._targets
        }

    def load(self, parameters: Float32Array) -> None:
        """Use these parameters from now on."""
        load_flat(self._speech.model.module, parameters)

    def evaluate(self) -> HeldOut:
        """Statistics at the loaded parameters.

        The criterion is a mean over the utterances that can be searched. When many cannot, it
        would be a mean over the easy ones, and with none of them an excellent zero: it is -inf
        then, and training goes back to better parameters.
        """
        value, frames, failed = 0.0, 0, 0
        errors, wrong_frames = WordErrors(), FrameErrors()
        model = self._speech.model
        for utterance in self._corpus:
            try:
                scores = model.scores(self._speech.features.stacked(utterance.id))
            except RunError:
                return HeldOut(criterion=-math.inf)  # parameters that ran away
            words: list[str] = []
            try:
                lattice = self._denominator(scores)
                words = [self._speech.graph.words[word] for word in best_path(lattice).words]
                if utterance.id in self._graphs:
                    value += self._numerator(utterance.id, scores) - log_z(lattice)
                    frames += len(scores)
            except DecodingError:
                failed += 1
            errors += word_errors(utterance.words, words)
            if utterance.id in self._targets:
                scores += model.log_priors
                wrong_frames += frame_errors(scores, self._targets[utterance.id])
        usable = frames > 0 and failed <= MAX_FAILED * len(self._corpus)
        return HeldOut(
            criterion=value / frames if usable else -math.inf,
            substitutions=errors.substitutions,
            insertions=errors.insertions,
            deletions=errors.deletions,
            words=errors.words,
            frame_error=wrong_frames.rate,
        )

    def _denominator(self, scores: Float32Array) -> Lattice | WordLattice:
        outer = self._speech.config.mmi.outer
        search = decode_words if outer.sum == Sum.BEST_ALIGNMENT else decode
        return search(self._speech.graph, scores, outer.decoder, workspace=self._workspace)

    def _numerator(self, utterance: str, scores: Float32Array) -> float:
        outer, graph = self._speech.config.mmi.outer, self._graphs[utterance]
        if outer.sum == Sum.BEST_ALIGNMENT:
            return align(graph, scores, outer.alignment, workspace=self._workspace).log_score
        return log_z(decode(graph, scores, outer.decoder, workspace=self._workspace))
