"""Memory layouts of the beam search and the buffers that it reuses from utterance to utterance."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from outergrad.arrays import Float32Array, Int32Array, Int64Array
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.jit import kernel

Records = npt.NDArray[Any]

# A token is a graph state alive at a frame, with its best cost relative to its frame's offset.
TOKEN = np.dtype([("state", "i4"), ("cost", "f4")])
# A link is an arc taken from one token to another; its cost is that of the path through it, on the
# destination's scale, so that pruning need not look at the source.
LINK = np.dtype([("source", "i4"), ("destination", "i4"), ("arc", "i4"), ("cost", "f4")])


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

    Attributes:
        tokens: TOKEN [token], with spare room at the end.
        links: LINK [link], with spare room at the end. Those into one frame are adjacent, first
            the emitting ones, then the epsilon ones, sources in order of epsilon level.
        extra: float32 [token], how much worse the best path through a token is than the best.
        rest: float32 [token], `extra` minus the token's cost, of frames being pruned.
        renumbered: int32 [token], new number of each token while dead ones are removed.
        first_token: int64 [frame + 2], where each frame's tokens begin. Frame 0 is before the
            first scores.
        first_link: int64 [frame + 2], where the emitting links into a frame begin.
        first_silent: int64 [frame + 1], where the epsilon links within a frame begin.
    """

    tokens: Records
    links: Records
    extra: Float32Array
    rest: Float32Array
    renumbered: Int32Array
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
    """

    slot: Int32Array
    pending: Int32Array
    chain: Int32Array


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
        self._pending = np.empty(0, dtype=np.int32)
        self._trellis = Trellis(
            np.empty(0, dtype=TOKEN),
            np.empty(0, dtype=LINK),
            np.empty(0, dtype=np.float32),
            np.empty(0, dtype=np.float32),
            np.empty(0, dtype=np.int32),
            np.empty(0, dtype=np.int64),
            np.empty(0, dtype=np.int64),
            np.empty(0, dtype=np.int64),
        )

    def scratch(self, graph: DecodingGraph) -> Scratch:
        """Scratch arrays large enough for `graph`."""
        if len(self._slot) < graph.num_states:
            self._slot = np.empty(graph.num_states, dtype=np.int32)
        if len(self._chain) < len(graph.epsilon_level):
            self._chain = np.empty(len(graph.epsilon_level), dtype=np.int32)
        if len(self._pending) < graph.num_levels + 1:
            self._pending = np.empty(graph.num_levels + 1, dtype=np.int32)
        self._pending[:] = -1
        return Scratch(self._slot, self._pending, self._chain)

    def trellis(self, num_frames: int) -> Trellis:
        """The trellis of the utterance before, to be overwritten, with room for `num_frames`."""
        if len(self._trellis.first_token) < num_frames + 2:
            self._trellis = self._trellis._replace(
                first_token=np.empty(num_frames + 2, dtype=np.int64),
                first_link=np.empty(num_frames + 2, dtype=np.int64),
                first_silent=np.empty(num_frames + 2, dtype=np.int64),
            )
        return self._trellis

    @property
    def num_bytes(self) -> int:
        """Memory reserved; what an utterance did not reach is reserved but not in use."""
        arrays = (self._slot, self._chain, self._pending, *self._trellis)
        return sum(array.nbytes for array in arrays)

    def keep(self, trellis: Trellis) -> None:
        """Take back a trellis whose arrays may have grown."""
        self._trellis = trellis


@kernel
def with_room(trellis: Trellis, tokens: int, links: int, graph: GraphView) -> Trellis:
    """Copy `trellis` to larger arrays unless one more frame fits whatever the scores.

    A frame can have at most one token per state and one link per arc. Memory that is reserved but
    never written is not used up.
    """
    token_room = tokens + graph.states.shape[0]
    link_room = links + graph.arc_table.shape[0] + graph.states.shape[0]
    if trellis.tokens.shape[0] >= token_room and trellis.links.shape[0] >= link_room:
        return trellis
    # Half as much again, so that growing costs little on average.
    new_tokens = np.empty(token_room + token_room // 2 + 4096, trellis.tokens.dtype)
    new_links = np.empty(link_room + link_room // 2 + 4096, trellis.links.dtype)
    new_tokens[:tokens] = trellis.tokens[:tokens]
    new_links[:links] = trellis.links[:links]
    return Trellis(
        new_tokens,
        new_links,
        np.empty(new_tokens.shape[0], np.float32),
        np.empty(new_tokens.shape[0], np.float32),
        np.empty(new_tokens.shape[0], np.int32),
        trellis.first_token,
        trellis.first_link,
        trellis.first_silent,
    )
