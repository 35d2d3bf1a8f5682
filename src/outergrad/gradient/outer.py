"""Outer gradient of an utterance: score, align, decode, forward-backward, compare."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from outergrad.arrays import Float32Array
from outergrad.criteria.mmi import MmiConfig, Sum, mmi
from outergrad.criteria.outcome import OuterGradient
from outergrad.decoder.alignment import AlignConfig, align
from outergrad.decoder.decoding import DecoderConfig, decode, decode_words
from outergrad.decoder.errors import DecodingError
from outergrad.decoder.records import Workspace
from outergrad.errors import InputError, RunError
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.lattice.occupancies import Occupancies
from outergrad.lattice.paths import forward_backward
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
    mmi: MmiConfig = field(default_factory=MmiConfig)
    """Frame rejection and cancellation."""

    def __post_init__(self) -> None:
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
        """The graph of all alignments of `words`, with the denominator's word costs."""


def outer_gradient(
    scores: Float32Array,
    numerator_graph: DecodingGraph,
    denominator_graph: DecodingGraph,
    config: OuterConfig,
    *,
    utterance: str,
    workspace: Workspace | None = None,
) -> OuterGradient:
    """MMI outer gradient from acoustic scores.

    Args:
        scores: float32 ``[frames, pdfs]``, natural log, unscaled.
        numerator_graph: the reference word string's alignments.
        denominator_graph: the weak language model's decoding graph.
        config: beams, thresholds, kind of sum.
        utterance: its id, for the outcome.
        workspace: search buffers to reuse; one per thread.

    Returns:
        The outer gradient, or a failure whose reason is ``numerator-`` or ``denominator-`` and the
        decoder's code.

    Raises:
        InputError: scores that do not fit the graphs.

    Source: PAPER section 2 and section 7 ("Which sum").
    """
    side = "numerator"
    try:
        numerator = _numerator(scores, numerator_graph, config, workspace)
        side = "denominator"
        denominator = _denominator(scores, denominator_graph, config, workspace)
    except DecodingError as error:
        return OuterGradient.failure(utterance, len(scores), f"{side}-{error.reason}")
    return mmi(
        numerator,
        denominator,
        config.mmi,
        utterance=utterance,
        numerator_sum=config.sum,
        denominator_sum=config.sum,
    )


def _numerator(
    scores: Float32Array, graph: DecodingGraph, config: OuterConfig, workspace: Workspace | None
) -> Occupancies:
    if config.sum == Sum.BEST_ALIGNMENT:
        return align(graph, scores, config.alignment, workspace=workspace).occupancies()
    return forward_backward(decode(graph, scores, config.decoder, workspace=workspace))


def _denominator(
    scores: Float32Array, graph: DecodingGraph, config: OuterConfig, workspace: Workspace | None
) -> Occupancies:
    if config.sum == Sum.BEST_ALIGNMENT:
        return forward_backward(decode_words(graph, scores, config.decoder, workspace=workspace))
    return forward_backward(decode(graph, scores, config.decoder, workspace=workspace))


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
    ):
        """Bring together what all utterances share.

        Args:
            model: DNN and priors.
            features: stacked frames by utterance.
            numerator_graphs: graphs of reference word strings, same word costs as below.
            denominator_graph: the weak language model's decoding graph.
            config: beams, thresholds, kind of sum.

        Raises:
            InputError: the graph is of another model.
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
        self._workspace = Workspace()

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
        stacked = self._features.stacked(utterance)
        try:
            numerator_graph = self._numerator_graphs.compile(words)
        except InputError:
            return OuterGradient.failure(utterance, len(stacked), "numerator-no-graph")
        try:
            scores = self.model.scores(stacked)
        except RunError:
            return OuterGradient.failure(utterance, len(stacked), "scores-not-finite")
        return outer_gradient(
            scores,
            numerator_graph,
            self._denominator_graph,
            self._config,
            utterance=utterance,
            workspace=self._workspace,
        )
