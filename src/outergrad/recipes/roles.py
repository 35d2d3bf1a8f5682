"""What the roles of sequence training compute, built by name in the process that needs it."""

import math
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from outergrad.arrays import Float32Array, Int32Array
from outergrad.config import build
from outergrad.corpus.utterance import Utterance
from outergrad.criteria.config import Kind
from outergrad.criteria.criterion import evaluate
from outergrad.criteria.frame_error import FrameErrors, frame_errors
from outergrad.criteria.numerator import Denominator, Numerator
from outergrad.criteria.outcome import OuterGradient
from outergrad.decoder.errors import DecodingError
from outergrad.decoder.records import Workspace
from outergrad.errors import InputError, RunError
from outergrad.evaluation.wer import WordErrors, word_errors
from outergrad.gradient.gap import Gap, Probe
from outergrad.gradient.inner import freeze_outputs, inner_gradient
from outergrad.gradient.outer import OuterGradientSource, denominator_of, numerator_of
from outergrad.gradient.refresh import LatticeCache
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.hmm.model import HmmModel
from outergrad.lattice.accuracy import PhoneClasses
from outergrad.lattice.paths import best_path
from outergrad.nnet.acoustic import AcousticModel
from outergrad.nnet.parameters import ParameterLayout, load_flat
from outergrad.nnet.precision import Precision, check_device
from outergrad.recipes.ce import pdf_targets
from outergrad.recipes.models import Bootstrapped, Graphs, reference_graphs
from outergrad.recipes.prepare import Prepared
from outergrad.recipes.settings import RunConfig
from outergrad.workers.messages import HeldOut
from outergrad.workers.program import Batch

MAX_FAILED = 0.1
"""Share of the held-out utterances that may fail before the criterion counts as lost."""


def phone_classes(hmm: HmmModel) -> PhoneClasses:
    """Phones of a model's transitions, with its one silence."""
    return PhoneClasses(hmm.transitions.phone_of, (hmm.phones.silence,))


class _Speech:
    """A run's data as the roles see them."""

    def __init__(self, run: str, config: dict[str, Any], part: str) -> None:
        root = Path(run)
        self.config = build(RunConfig, config)
        self.prepared = Prepared(root / "prepare")
        self.bootstrapped = Bootstrapped(root / "bootstrap")
        self.hmm = self.bootstrapped.hmm("tri")
        self.classes = phone_classes(self.hmm)
        graphs = Graphs(root / "graph")
        self.model = AcousticModel.load(root / "ce" / "model")
        self.features = self.prepared.filterbank(part)
        self.graph = graphs.decoding("tri", "unigram")
        self.references = reference_graphs(self.prepared, self.bootstrapped, graphs, self.config)


class DecoderSource:
    """Outer gradients of training utterances: the decoder role's `OuterSource`."""

    def __init__(self, run: str, config: dict[str, Any], criterion: str = "mmi") -> None:
        """Open the run directory `run`; `config` is its configuration as plain tables."""
        speech = _Speech(run, config, "train")
        self._words = {u.id: u.words for u in speech.prepared.corpus("train")}
        self._source = OuterGradientSource(
            speech.model,
            speech.features,
            speech.references,
            speech.graph,
            speech.config.sequence.outer,
            kind=Kind(criterion),
            classes=speech.classes,
            auxiliary=speech.config.sequence.auxiliary,
        )

    def load(self, parameters: Float32Array) -> None:
        """Use these parameters from now on."""
        load_flat(self._source.model.module, parameters)

    def seen(self, updates: int) -> None:
        """The parameters have seen so many updates: lattices kept from before may be too old."""
        self._source.lattices.updates = updates

    @property
    def kept(self) -> LatticeCache:
        """Lattices of a decoder's earlier utterances; another decoder brings its own, or None."""
        return self._source.lattices

    @kept.setter
    def kept(self, lattices: LatticeCache | None) -> None:
        self._source.lattices = self._source.new_lattices() if lattices is None else lattices

    def compute(self, utterance: str) -> OuterGradient:
        """Outer gradient of an utterance, or the reason why there is none."""
        return self._source.compute(utterance, self._words[utterance])

    def probe(self, utterance: str) -> Probe | None:
        """What the gap of an utterance is measured from later; None when it fails."""
        return self._source.probe(utterance, self._words[utterance])

    def gap(self, probe: Probe) -> Gap | None:
        """Criterion and auxiliary function of a probed utterance now; None when it fails."""
        return self._source.gap(probe)


class ReplicaSource:
    """Inner gradients of batches: the replica role's `InnerSource`."""

    def __init__(self, run: str, config: dict[str, Any]) -> None:
        """Open the run directory `run`; `config` is its configuration as plain tables.

        On device cuda, products are of bfloat16 operands.

        Raises:
            InputError: this machine has not the device that replicas are to use.
        """
        self._sequence = build(RunConfig, config).sequence
        device = self._sequence.device
        check_device(device)
        self._precision: Precision = "bfloat16" if device == "cuda" else "float32"
        self._features = Prepared(Path(run) / "prepare").filterbank("train")
        self._windows = self._features.windows
        self._module = AcousticModel.load(Path(run) / "ce" / "model").module.to(device)
        self._layout = ParameterLayout.of(self._module)
        self._frozen: Int32Array | None = None
        if self._sequence.freeze_silence:
            hmm = Bootstrapped(Path(run) / "bootstrap").hmm("tri")
            self._frozen = silence_pdfs(hmm)

    def load(self, parameters: Float32Array) -> None:
        """Use these parameters from now on."""
        load_flat(self._module, parameters)

    def gradient(self, batch: Batch) -> Float32Array:
        """Ascent direction of the batch, summed over its frames, float32 [n]."""
        first = [self._features.first_window(utterance) for utterance in batch.utterances]
        rows = np.asarray(first, dtype=np.int64) + batch.frames
        x = self._windows[rows]
        gradient = inner_gradient(
            self._module,
            self._layout,
            x,
            batch.offsets,
            batch.pdfs,
            batch.values,
            precision=self._precision,
            mass=batch.mass,
            auxiliary=self._sequence.auxiliary.kind,
            anchor=batch.anchor,
            acoustic_scale=self._sequence.outer.decoder.acoustic_scale,
        )
        if self._frozen is not None:
            freeze_outputs(gradient, self._layout, self._frozen)
        return gradient


def silence_pdfs(hmm: HmmModel) -> Int32Array:
    """int32 [n], ascending: pdf_ids of the silence phone's states."""
    silence = hmm.phones.silence
    states = range(hmm.topology.num_states(silence))
    return np.array(
        sorted({pdf for state in states for pdf in hmm.tying.pdfs(silence, state)}), np.int32
    )


class EvaluatorSource:
    """Criterion, word errors and frame errors of the tuning speech, with the unigram LM."""

    def __init__(self, run: str, config: dict[str, Any], criterion: str = "mmi") -> None:
        """Open the run directory `run`; `config` is its configuration as plain tables."""
        self._speech = _Speech(run, config, "tune")
        self._kind = Kind(criterion)
        self._corpus = self._speech.prepared.corpus("tune")
        self._targets = pdf_targets(
            self._speech.bootstrapped.alignments("tune"), self._speech.hmm.transitions
        )
        self._workspace = Workspace()
        self._graphs = self._references()

    def _references(self) -> dict[str, DecodingGraph]:
        """utterance id → graph of its transcript; the others count for WER, not for the criterion.

        Without graph are words that have no pronunciation, and words to which the language model
        of training gives no probability (``lm.vocabulary=text``).
        """
        found = {}
        for utterance in self._corpus:
            if utterance.id in self._targets:
                with suppress(InputError):
                    found[utterance.id] = self._speech.references.compile(utterance.words)
        return found

    def load(self, parameters: Float32Array) -> None:
        """Use these parameters from now on."""
        load_flat(self._speech.model.module, parameters)

    def evaluate(self) -> HeldOut:
        """Statistics at the loaded parameters.

        The criterion is a mean over the utterances that it can be computed for; the others are
        counted. When many of those with a reference fail, it would be a mean over the easy ones,
        and with nothing else an excellent zero: it is -inf then, and training goes back to better
        parameters.
        """
        value, frames, failed = 0.0, 0, 0
        errors, wrong_frames = WordErrors(), FrameErrors()
        model = self._speech.model
        for utterance in self._corpus:
            try:
                scores = model.scores(self._speech.features.stacked(utterance.id))
            except RunError:
                # Parameters that ran away: nothing can be measured.
                return HeldOut(criterion=-math.inf, failed=len(self._corpus))
            words, outer = self._searched(utterance, scores)
            if outer is not None and outer.failed:
                failed += 1
            elif outer is not None:
                value += outer.value
                frames += len(scores)
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
            failed=failed,
            without_reference=len(self._corpus) - len(self._graphs),
        )

    def _searched(
        self, utterance: Utterance, scores: Float32Array
    ) -> tuple[list[str], OuterGradient | None]:
        """Words of the best path, none without one; the criterion, None where it has no reference.

        Args:
            utterance: what was said.
            scores: float32 [frames, pdfs], natural log, unscaled.
        """
        config, graph = self._speech.config.sequence.outer, self._speech.graph
        reference = self._graphs.get(utterance.id)
        words: list[str] = []
        try:
            lattice = denominator_of(scores, graph, config, self._workspace)
            words = [graph.words[word] for word in best_path(lattice).words]
            if reference is None:
                return words, None
            numerator = numerator_of(scores, reference, config, self._workspace)
        except DecodingError as error:
            return words, OuterGradient.failure(utterance.id, len(scores), error.reason)
        return words, self._criterion(utterance.id, numerator, lattice)

    def _criterion(
        self, utterance: str, numerator: Numerator, denominator: Denominator
    ) -> OuterGradient:
        """The criterion by itself, without smoothing and weights, as `value`, or a failure.

        For every kind it is what training climbs, a reference that was added included: otherwise
        a search that loses the reference would be rewarded here.
        """
        config = replace(
            self._speech.config.sequence.outer.criterion, smoothing=0.0, silence_weight=1.0
        )
        return evaluate(
            self._kind,
            numerator,
            denominator,
            config,
            utterance=utterance,
            classes=self._speech.classes,
        )
