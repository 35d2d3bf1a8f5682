"""Memory layouts of the beam search and the buffers that it reuses from utterance to utterance."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from outergrad.arrays import Float32Array, Int32Array, Int64Array
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.jit import kernel

Records = npt.NDArray[Any]

# A token is a graph state alive at a frame, with its best cost relative to its frame's offset.
# While pruning, `extra` is how much worse the best path through it is than the best of all;
# otherwise it is inf. `last_link` is the newest emitting link into it, -1 if there is none.
TOKEN = np.dtype([("state", "i4"), ("cost", "f4"), ("extra", "f4"), ("last_link", "i4")])
# A link is an emitting arc taken from one token to another; its cost is that of the path through
# it, on the destination's scale, so that pruning need not look at the source. `previous` is the
# link before it into the same token, -1 if there is none; so pruning, which walks backwards, visits
# only links into tokens worth keeping, one in a hundred. (While its frame is being expanded, it is
# the graph state that the link leads to.)
LINK = np.dtype([("source", "i4"), ("previous", "i4"), ("arc", "i4"), ("cost", "f4")])
# An epsilon arc taken from one token to another of the same frame.
SILENT_LINK = np.dtype([("source", "i4"), ("destination", "i4"), ("arc", "i4"), ("cost", "f4")])


class GraphView(NamedTuple):
    """A decoding graph as kernels see it; the fields are those of DecodingGraph."""

    start: int
    states: Records
    arc_table: Records
    epsilon_first: Int32Array
    epsilon_level: Int32Array
    final_cost: Float32Array


class Limits(NamedTuple):
    """Pruning options as kernels see them; the fields are those of DecoderConfig."""

    acoustic_scale: np.float32
    beam: np.float32
    lattice_beam: np.float32
    max_active: int
    min_active: int
    prune_interval: int


class Trellis(NamedTuple):
    """Tokens and links of one utterance, in order of time.

    All arrays have spare room at the end.

    Attributes:
        tokens: TOKEN [token].
        links: LINK [link], those into one frame are adjacent.
        silent: SILENT_LINK [silent link], those within one frame are adjacent, in the order of
            their sources' epsilon levels.
        kept: LINK [link], the links that survive while dead ones are removed.
        renumbered: int32 [token], new number of each token while dead ones are removed.
        marked: int32 [token], tokens picked out: to be expanded, or worth keeping.
        first_token: int64 [frame + 2], where each frame's tokens begin. Frame 0 is before the
            first scores.
        first_link: int64 [frame + 2], where the links into a frame begin.
        first_silent: int64 [frame + 2], where the silent links within a frame begin.
    """

    tokens: Records
    links: Records
    silent: Records
    kept: Records
    renumbered: Int32Array
    marked: Int32Array
    first_token: Int64Array
    first_link: Int64Array
    first_silent: Int64Array


class Scratch(NamedTuple):
    """What the search needs per graph rather than per utterance.

    Attributes:
        slot: int32 [state], where a state's token of the current frame would be. Never cleared: an
            entry counts only if the token it points to is of this frame and of this state.
        pending: int32 [epsilon level + 1], a list per level of the states still to be expanded.
        chain: int32 [state with epsilon arcs], the rest of such a list.
        reached: int32 [state with epsilon arcs + 1], those that emitting arcs reached.
    """

    slot: Int32Array
    pending: Int32Array
    chain: Int32Array
    reached: Int32Array


def graph_view(graph: DecodingGraph) -> GraphView:
    """The graph as kernels see it."""
    return GraphView(
        graph.start,
        graph.states,
        graph.arc_table,
        graph.epsilon_first,
        graph.epsilon_level,
        graph.final_cost,
    )


class Workspace:
    """Buffers of one decoding thread, kept from utterance to utterance; never share one.

    Memory grows to what the largest utterance so far needed and stays there.
    """

    def __init__(self) -> None:
        self._slot = np.empty(0, dtype=np.int32)
        self._chain = np.empty(0, dtype=np.int32)
        self._reached = np.empty(0, dtype=np.int32)
        self._pending = np.empty(0, dtype=np.int32)
        self._trellis = Trellis(
            np.empty(0, dtype=TOKEN),
            np.empty(0, dtype=LINK),
            np.empty(0, dtype=SILENT_LINK),
            np.empty(0, dtype=LINK),
            np.empty(0, dtype=np.int32),
            np.empty(0, dtype=np.int32),
            np.empty(0, dtype=np.int64),
            np.empty(0, dtype=np.int64),
            np.empty(0, dtype=np.int64),
        )

    def scratch(self, graph: DecodingGraph) -> Scratch:
        """Scratch arrays large enough for `graph`."""
        if len(self._slot) < graph.num_states:
            self._slot = np.zeros(graph.num_states, dtype=np.int32)
        if len(self._reached) < len(graph.epsilon_level) + 1:
            self._chain = np.empty(len(graph.epsilon_level), dtype=np.int32)
            self._reached = np.empty(len(graph.epsilon_level) + 1, dtype=np.int32)
        if len(self._pending) < graph.num_levels + 1:
            self._pending = np.empty(graph.num_levels + 1, dtype=np.int32)
        self._pending[:] = -1
        return Scratch(self._slot, self._pending, self._chain, self._reached)

    def trellis(self, num_frames: int) -> Trellis:
        """The trellis of the utterance before, to be overwritten, with room for `num_frames`."""
        if len(self._trellis.first_token) < num_frames + 2:
            self._trellis = self._trellis._replace(
                first_token=np.empty(num_frames + 2, dtype=np.int64),
                first_link=np.empty(num_frames + 2, dtype=np.int64),
                first_silent=np.empty(num_frames + 2, dtype=np.int64),
            )
        return self._trellis

    def keep(self, trellis: Trellis) -> None:
        """Take back a trellis whose arrays may have grown."""
        self._trellis = trellis


@kernel
def _grown(array: Records, used: int) -> Records:
    """A larger array with the same first `used` entries."""
    # Half as much again, so that growing costs little on average.
    larger = np.empty(used + used // 2 + 4096, array.dtype)
    size = min(used, array.shape[0])
    larger[:size] = array[:size]
    return larger


@kernel
def with_room(trellis: Trellis, frame: int, graph: GraphView) -> Trellis:
    """Copy `trellis` to larger arrays unless `frame` fits in whatever the scores.

    A frame can have at most one token per state and one link per arc. Memory that is reserved but
    never written is not used up.
    """
    tokens = trellis.first_token[frame] + graph.states.shape[0] + 1
    links = trellis.first_link[frame] + graph.arc_table.shape[0] + graph.states.shape[0] + 1
    silent = trellis.first_silent[frame] + graph.arc_table.shape[0]
    if (
        trellis.tokens.shape[0] >= tokens
        and trellis.links.shape[0] >= links
        and trellis.silent.shape[0] >= silent
    ):
        return trellis
    new_tokens = _grown(trellis.tokens, tokens)
    new_links = _grown(trellis.links, links)
    return Trellis(
        new_tokens,
        new_links,
        _grown(trellis.silent, silent),
        np.empty(new_links.shape[0], trellis.kept.dtype),
        np.empty(new_tokens.shape[0], np.int32),
        np.empty(new_tokens.shape[0], np.int32),
        trellis.first_token,
        trellis.first_link,
        trellis.first_silent,
    )
