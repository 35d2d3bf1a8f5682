"""Forced alignment: the best path through an utterance's own graph."""

from dataclasses import dataclass

from outergrad.arrays import Float32Array
from outergrad.decoder.decoding import DecoderConfig, decode
from outergrad.decoder.errors import AlignmentError, DecodingError
from outergrad.decoder.records import Workspace
from outergrad.errors import InputError
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.lattice.path import Path
from outergrad.lattice.paths import best_path


@dataclass(frozen=True)
class AlignConfig:
    """How widely to search for the alignment; beams are in natural log after acoustic scaling."""

    beam: float = 10.0
    """First attempt."""
    retry_beam: float = 40.0
    """Second attempt, when the first one reaches no final state."""
    acoustic_scale: float = 0.1
    """κ, factor on acoustic scores."""
    min_active: int = 20
    """Fewest tokens expanded per frame."""

    def __post_init__(self) -> None:
        if not 0.0 < self.beam <= self.retry_beam:
            raise InputError(
                "beam must be positive and at most retry_beam,"
                f" got beam {self.beam} and retry_beam {self.retry_beam}"
            )


def align(
    graph: DecodingGraph,
    scores: Float32Array,
    config: AlignConfig | None = None,
    *,
    workspace: Workspace | None = None,
) -> Path:
    """The best path of an utterance graph: words, pdfs and transition_ids per frame.

    Args:
        graph: a graph with the paths allowed for the utterance, see UtteranceGraphs.
        scores: float32 [frame, pdf], acoustic scores, natural log, unscaled.
        config: beams.
        workspace: buffers to reuse; one per thread.

    Raises:
        InputError: the scores have the wrong shape.
        DecodingError: zero frames, or scores with nan or +inf.
        AlignmentError: no path to a final state, with the retry beam too.
    """
    config = AlignConfig() if config is None else config
    workspace = Workspace() if workspace is None else workspace
    try:
        return _best_path(graph, scores, config, config.beam, workspace)
    except DecodingError as error:
        if error.reason not in ("no-path", "no-final-state"):
            raise
    try:
        return _best_path(graph, scores, config, config.retry_beam, workspace)
    except DecodingError as error:
        raise AlignmentError(
            error.reason, f"alignment failed with retry beam {config.retry_beam}: {error}"
        ) from None


def _best_path(
    graph: DecodingGraph,
    scores: Float32Array,
    config: AlignConfig,
    beam: float,
    workspace: Workspace,
) -> Path:
    limits = DecoderConfig(
        beam=beam,
        lattice_beam=0.0,
        max_active=1 << 31,
        min_active=config.min_active,
        acoustic_scale=config.acoustic_scale,
    )
    return best_path(decode(graph, scores, limits, workspace=workspace))
