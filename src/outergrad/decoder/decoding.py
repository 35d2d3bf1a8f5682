"""Decoding an utterance into a lattice."""

from dataclasses import dataclass

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.decoder.collect import collect
from outergrad.decoder.cutoff import LARGEST
from outergrad.decoder.errors import DecodingError
from outergrad.decoder.pruning import prune_final
from outergrad.decoder.records import Limits, Workspace, graph_view
from outergrad.decoder.search import INVALID_SCORE, NO_PATH, search
from outergrad.errors import InputError
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.lattice.lattice import Lattice
from outergrad.lattice.one_alignment import one_alignment_per_word_string
from outergrad.lattice.word_lattice import WordLattice


@dataclass(frozen=True)
class DecoderConfig:
    """How widely to search; beams are in natural log after acoustic scaling."""

    beam: float = 13.0
    """Paths worse than the best of the same frame by more than this are dropped."""
    lattice_beam: float = 8.0
    """Paths worse than the best path by more than this are not in the lattice."""
    max_active: int = 7000
    """Most tokens expanded per frame; a tighter beam is used where there are more."""
    min_active: int = 200
    """Fewest tokens expanded per frame; a wider beam is used where there are fewer."""
    acoustic_scale: float = 0.1
    """κ, factor on acoustic scores; 1 / language model weight."""
    prune_interval: int = 25
    """Frames between removals of what the lattice will not need."""
    word_history: int = 2
    """Last words that merged paths of a word lattice must have in common."""

    def __post_init__(self) -> None:
        for name in ("beam", "acoustic_scale"):
            if not getattr(self, name) > 0.0:
                raise InputError(f"{name} must be positive, got {getattr(self, name)}")
        if not self.acoustic_scale < np.inf:
            raise InputError("acoustic_scale must be finite")
        if not self.lattice_beam >= 0.0:
            raise InputError(f"lattice_beam must not be negative, got {self.lattice_beam}")
        if self.max_active < 1 or self.min_active < 0 or self.max_active < self.min_active:
            raise InputError(
                "max_active must be positive and at least min_active,"
                f" got max_active {self.max_active} and min_active {self.min_active}"
            )
        for name in ("prune_interval", "word_history"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")


def decode(
    graph: DecodingGraph,
    scores: Float32Array,
    config: DecoderConfig | None = None,
    *,
    workspace: Workspace | None = None,
) -> Lattice:
    """Beam search; all alignments of all word strings within the lattice beam of the best path.

    Args:
        graph: the decoding graph; only read, so any number of threads may share it.
        scores: float32 [frame, pdf], acoustic scores, natural log, unscaled; -inf is impossible.
        config: beams and limits.
        workspace: buffers to reuse; one per thread.

    Raises:
        InputError: the scores have the wrong shape.
        DecodingError: zero frames, scores with nan or +inf, no path to a final state, or more
            frames than memory allows.

    Source: Povey et al., Generating exact lattices in the WFST framework (2012), before
    determinization; we prune by exact forward-backward Viterbi scores.
    """
    config = DecoderConfig() if config is None else config
    scores = checked_scores(graph, scores)
    workspace = Workspace() if workspace is None else workspace
    num_frames = len(scores)
    view = graph_view(graph)
    limits = Limits(
        acoustic_scale=np.float32(config.acoustic_scale),
        beam=np.float32(config.beam),
        lattice_beam=np.float32(min(config.lattice_beam, LARGEST)),
        max_active=config.max_active,
        min_active=config.min_active,
        prune_interval=config.prune_interval,
    )
    try:
        outcome, frame, trellis = search(
            view, scores, limits, workspace.scratch(graph), workspace.trellis(num_frames)
        )
    except MemoryError as error:
        raise DecodingError(
            "no-memory",
            f"{num_frames} frames need more memory than there is: tokens and links of {config}"
            f" on a graph of {graph.num_states} states; narrow the beams or cut the utterance",
        ) from error
    workspace.keep(trellis)
    if outcome == INVALID_SCORE:
        raise DecodingError(
            "invalid-scores", f"acoustic scores of frame {frame} contain nan or +inf"
        )
    if outcome == NO_PATH:
        raise DecodingError(
            "no-path",
            f"no path survives frame {frame} of {num_frames}: all its acoustic scores are -inf"
            " or the graph allows no path that long",
        )
    if not prune_final(trellis, num_frames, graph.final_cost, limits.lattice_beam):
        raise DecodingError(
            "no-final-state",
            f"no final state is alive after the last of {num_frames} frames;"
            " a wider beam may help, or the utterance is too short for the graph",
        )
    arrays = collect(view, graph.transitions, scores, trellis)
    return Lattice(num_frames, config.acoustic_scale, *arrays)


def decode_words(
    graph: DecodingGraph,
    scores: Float32Array,
    config: DecoderConfig | None = None,
    *,
    workspace: Workspace | None = None,
) -> WordLattice:
    """Beam search; the best alignment of each word string within the lattice beam.

    Arguments and errors are those of `decode`.
    """
    config = DecoderConfig() if config is None else config
    lattice = decode(graph, scores, config, workspace=workspace)
    return one_alignment_per_word_string(lattice, config.lattice_beam, config.word_history)


def checked_scores(graph: DecodingGraph, scores: Float32Array) -> Float32Array:
    """A read-only, contiguous view (or copy) of scores that fit the graph.

    Raises:
        InputError: not a float32 array [frame, pdf] with the graph's number of pdfs.
        DecodingError: zero frames.
    """
    if scores.dtype != np.float32 or scores.ndim != 2 or scores.shape[1] != graph.num_pdfs:
        raise InputError(
            f"acoustic scores must be float32 [frame, {graph.num_pdfs} pdfs],"
            f" got {scores.dtype} {list(scores.shape)}"
        )
    if not len(scores):
        raise DecodingError("no-frames", "the utterance has no frames")
    # One array type for the compiler, whatever the caller's array was.
    view = np.ascontiguousarray(scores).view(np.ndarray)[:]
    view.flags.writeable = False
    return view
