"""What lattices of either kind have in common: nodes in topological order, arcs by destination."""

import numpy as np

from outergrad.arrays import Int32Array, Int64Array


class Topology:
    """Nodes and arcs; subclasses are dataclasses with these fields among theirs.

    Attributes:
        num_frames: number of frames.
        frame: int32 [node], number of frames before the node.
        first_arc: int64 [node + 1], the arcs into node n are first_arc[n] to first_arc[n + 1].
        source: int32 [arc], node where the arc begins.
        word: int32 [arc], word_id, 0 if none.
    """

    num_frames: int
    frame: Int32Array
    first_arc: Int64Array
    source: Int32Array
    word: Int32Array

    @property
    def num_nodes(self) -> int:
        """Number of nodes."""
        return len(self.frame)

    @property
    def num_arcs(self) -> int:
        """Number of arcs."""
        return len(self.source)

    @property
    def destination(self) -> Int32Array:
        """int32 [arc], node where the arc ends."""
        nodes = np.arange(self.num_nodes, dtype=np.int32)
        return np.repeat(nodes, np.diff(self.first_arc))
