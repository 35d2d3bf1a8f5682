"""Outer gradient of an utterance: score, align, decode, forward-backward, compare."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from outergrad.arrays import Float32Array
from outergrad.criteria.config import CriterionConfig, Kind, Sum
from outergrad.criteria.criterion import evaluate
from outergrad.criteria.numerator import Denominator, Numerator
from outergrad.criteria.outcome import OuterGradient
from outergrad.criteria.smoothing import control
from outergrad.decoder.alignment import AlignConfig, align
from outergrad.decoder.decoding import DecoderConfig, decode, decode_words
from outergrad.decoder.errors import DecodingError
from outergrad.decoder.records import Workspace
from outergrad.errors import InputError, RunError
from outergrad.gradient.anchor import anchored
from outergrad.gradient.auxiliary import AuxiliaryConfig, AuxiliaryRows, auxiliary_value
from outergrad.gradient.gap import Gap, Probe
from outergrad.gradient.refresh import EVERY_UTTERANCE, LatticeCache, LatticeRefresh
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.lattice.accuracy import PhoneClasses
from outergrad.nnet.acoustic import AcousticModel


@dataclass(frozen=True, slots=True)
class OuterConfig:
    """How outer gradients are made; the acoustic scale is the same on both sides."""

    sum: Sum = Sum.BEST_ALIGNMENT
    """What both sides sum over: the best alignment of each word string, or all of them. For all
    alignments use a lattice beam of 20 or more, or most of the sum is cut off."""
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    """Denominator search; also the numerator's when summing over all alignments."""
    alignment: AlignConfig = field(default_factory=AlignConfig)
    """Numerator search when summing over best alignments."""
    criterion: CriterionConfig = field(default_factory=CriterionConfig)
    """Frame rejection and cancellation, errors, silence, smoothing with CE."""

    lattice_refresh: str = EVERY_UTTERANCE
    """When an utterance's lattice is searched anew: "every utterance", "every N updates" or
    "never". In between the one that is kept gets new acoustic scores."""

    def __post_init__(self) -> None:
        LatticeRefresh.of(self.lattice_refresh)
        scales = self.decoder.acoustic_scale, self.alignment.acoustic_scale
        if scales[0] != scales[1]:
            raise InputError(
                f"the decoder's acoustic_scale is {scales[0]}, the alignment's {scales[1]}: "
                "numerator and denominator need the same"
            )


class Features(Protocol):
    """Where stacked frames come from; `FeatureStore` is one."""

    def stacked(self, utterance_id: str, /) -> Float32Array:
        """float32 ``[frames, input_dim]``, a view."""


class NumeratorGraphs(Protocol):
    """Makes the graph of a word string; `UtteranceGraphs` is one."""

    def compile(self, words: Sequence[str], /) -> DecodingGraph:
        """All alignments of `words`, with word costs and word_ids of the denominator graph."""


def outer_gradient(
    scores: Float32Array,
    numerator_graph: DecodingGraph,
    denominator_graph: DecodingGraph,
    config: OuterConfig,
    *,
    utterance: str,
    kind: Kind = Kind.MMI,
    classes: PhoneClasses | None = None,
    workspace: Workspace | None = None,
) -> OuterGradient:
    """Outer gradient of a sequence criterion from acoustic scores.

    Args:
        scores: float32 ``[frames, pdfs]``, natural log, unscaled.
        numerator_graph: the reference word string's alignments.
        denominator_graph: the weak language model's decoding graph.
        config: beams, thresholds, kind of sum.
        utterance: its id, for the outcome.
        kind: the criterion.
        classes: phones of the graphs' transitions; only MMI does without.
        workspace: search buffers to reuse; one per thread.

    Returns:
        The outer gradient, or a failure whose reason is ``numerator-`` or ``denominator-`` and the
        decoder's code.

    Raises:
        InputError: scores that do not fit the graphs.

    Source: Heigold et al. 2014, Eq. 1 and 2; docs/derivations/criteria.md.
    """
    sides = search_sides(
        scores, numerator_graph, denominator_graph, config, utterance=utterance, workspace=workspace
    )
    if isinstance(sides, OuterGradient):
        return sides
    numerator, denominator = sides
    if denominator is None:
        return control(numerator, utterance=utterance)
    return evaluate(
        kind, numerator, denominator, config.criterion, utterance=utterance, classes=classes
    )


def search_sides(
    scores: Float32Array,
    numerator_graph: DecodingGraph,
    denominator_graph: DecodingGraph,
    config: OuterConfig,
    *,
    utterance: str,
    workspace: Workspace | None = None,
    lattices: LatticeCache | None = None,
) -> tuple[Numerator, Denominator | None] | OuterGradient:
    """Numerator and denominator of an utterance, or the failure; arguments as above.

    With `lattices`, a denominator lattice that is kept there may serve again.

    There is no denominator when the criterion is the numerator alone (smoothing 1).
    """
    side = "numerator"
    try:
        numerator = numerator_of(scores, numerator_graph, config, workspace)
        if config.criterion.smoothing == 1.0:
            return numerator, None
        side = "denominator"
        if lattices is None:
            return numerator, denominator_of(scores, denominator_graph, config, workspace)
        return numerator, lattices.lattice(
            utterance,
            scores,
            lambda: denominator_of(scores, denominator_graph, config, workspace),
        )
    except DecodingError as error:
        return OuterGradient.failure(utterance, len(scores), f"{side}-{error.reason}")


def numerator_of(
    scores: Float32Array, graph: DecodingGraph, config: OuterConfig, workspace: Workspace | None
) -> Numerator:
    """The transcript's side: its best alignment, or the sum over all of them.

    Raises:
        DecodingError: the transcript cannot be aligned.
    """
    if config.sum == Sum.BEST_ALIGNMENT:
        return Numerator.of(align(graph, scores, config.alignment, workspace=workspace))
    return Numerator.of(decode(graph, scores, config.decoder, workspace=workspace))


def denominator_of(
    scores: Float32Array, graph: DecodingGraph, config: OuterConfig, workspace: Workspace | None
) -> Denominator:
    """The lattice of what could have been said, of the kind that the sum asks for.

    Raises:
        DecodingError: nothing survives the search.
    """
    search = decode_words if config.sum == Sum.BEST_ALIGNMENT else decode
    return search(graph, scores, config.decoder, workspace=workspace)


class OuterGradientSource:
    """Computes outer gradients of utterances with the model's parameters as they are.

    One per thread: it owns the search buffers. To follow a parameter server, load new parameters
    into the model's module between utterances.
    """

    def __init__(
        self,
        model: AcousticModel,
        features: Features,
        numerator_graphs: NumeratorGraphs,
        denominator_graph: DecodingGraph,
        config: OuterConfig | None = None,
        *,
        kind: Kind = Kind.MMI,
        classes: PhoneClasses | None = None,
        auxiliary: AuxiliaryConfig | None = None,
    ):
        """Bring together what all utterances share.

        Args:
            model: DNN and priors.
            features: stacked frames by utterance.
            numerator_graphs: graphs of reference word strings, same word costs as below.
            denominator_graph: the weak language model's decoding graph.
            config: beams, thresholds, kind of sum.
            kind: the criterion.
            classes: phones of the graphs' transitions; only MMI does without.
            auxiliary: what the inner gradient will climb; the tangential contact if not given.

        Raises:
            InputError: the graph is of another model, or the auxiliary function does not exist
                for the criterion.
        """
        if denominator_graph.num_pdfs != model.module.config.num_pdfs:
            raise InputError(
                f"the decoding graph has {denominator_graph.num_pdfs} pdfs, the network "
                f"{model.module.config.num_pdfs}: they were made from different state tyings"
            )
        self.model = model
        self._features = features
        self._numerator_graphs = numerator_graphs
        self._denominator_graph = denominator_graph
        self._config = config or OuterConfig()
        self._kind = kind
        self._classes = classes
        self._auxiliary = auxiliary or AuxiliaryConfig()
        self._auxiliary.check(kind, self._config.criterion)
        self._workspace = Workspace()
        self.lattices = self.new_lattices()
        """Lattices that are kept; `lattices.updates` says how new the parameters are."""

    def new_lattices(self) -> LatticeCache:
        """An empty cache that keeps lattices as long as the configuration says."""
        return LatticeCache(LatticeRefresh.of(self._config.lattice_refresh))

    def compute(self, utterance: str, words: Sequence[str]) -> OuterGradient:
        """Outer gradient of one utterance at the model's current parameters.

        Args:
            utterance: its id.
            words: reference transcript.

        Returns:
            The outer gradient. What cannot be scored ("scores-not-finite"), has no graph
            ("numerator-no-graph": a word without pronunciation), cannot be aligned or decoded is
            an outcome with its reason, see `outer_gradient`.

        Raises:
            InputError: the utterance has no features, or they do not fit the network.
        """
        return self._compute(
            utterance,
            words,
            self._config,
            anchor=self._auxiliary.anchored,
            lattices=self.lattices,
        )

    def _compute(
        self,
        utterance: str,
        words: Sequence[str],
        config: OuterConfig,
        *,
        anchor: bool,
        lattices: LatticeCache | None = None,
    ) -> OuterGradient:
        stacked = self._features.stacked(utterance)
        try:
            numerator_graph = self._numerator_graphs.compile(words)
        except InputError:
            return OuterGradient.failure(utterance, len(stacked), "numerator-no-graph")
        try:
            scores = self.model.scores(stacked)
        except RunError:
            return OuterGradient.failure(utterance, len(stacked), "scores-not-finite")
        sides = search_sides(
            scores,
            numerator_graph,
            self._denominator_graph,
            config,
            utterance=utterance,
            workspace=self._workspace,
            lattices=lattices,
        )
        if isinstance(sides, OuterGradient):
            return sides
        numerator, denominator = sides
        if denominator is None:
            return control(numerator, utterance=utterance)
        outer = evaluate(
            self._kind,
            numerator,
            denominator,
            config.criterion,
            utterance=utterance,
            classes=self._classes,
        )
        if not anchor or outer.failed:
            return outer
        return anchored(
            outer,
            numerator,
            scores + self.model.log_priors,
            self._kind,
            self._auxiliary,
            config.decoder.acoustic_scale,
        )

    def probe(self, utterance: str, words: Sequence[str]) -> Probe | None:
        """What `gap` compares with later; None when there is no outer gradient.

        All frames are in it and no CE is, because that is what the criterion is about.
        """
        criterion = replace(
            self._config.criterion,
            rejection=0.0,
            cancellation=0.0,
            silence_weight=1.0,
            smoothing=0.0,
        )
        config = replace(self._config, criterion=criterion)
        outer = self._compute(utterance, words, config, anchor=True)
        return None if outer.failed else Probe(words, outer)

    def gap(self, probe: Probe) -> Gap | None:
        """Criterion and auxiliary function of a probed utterance at the model's parameters now.

        None when the utterance can no longer be searched or scored.
        """
        then = probe.outer
        now = self.probe(then.utterance, probe.words)
        if now is None or then.anchor is None:
            return None
        model, scale = self.model, self._config.decoder.acoustic_scale
        log_posteriors = model.log_posteriors(self._features.stacked(then.utterance))
        rows = AuxiliaryRows.of(
            then.offsets, then.pdfs, then.values, then.anchor, log_posteriors.shape[1]
        )
        change = auxiliary_value(self._auxiliary.kind, rows, log_posteriors[then.frames], scale)
        return Gap(
            utterance=then.utterance,
            frames=then.num_frames,
            before=then.value,
            value=now.outer.value,
            auxiliary=then.value + float(change.sum()),
        )
