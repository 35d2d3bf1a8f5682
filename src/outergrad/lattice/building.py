"""Lattices from arcs in any order."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from outergrad.arrays import Int32Array, Int64Array
from outergrad.errors import InputError
from outergrad.lattice.lattice import Lattice
from outergrad.lattice.word_lattice import WordLattice


class LatticeArc(NamedTuple):
    """An arc that consumes one frame, or none if its pdf is -1."""

    source: int
    destination: int
    pdf: int
    transition: int
    word: int
    graph_cost: float
    acoustic_score: float


class WordArc(NamedTuple):
    """An arc that consumes as many frames as it has pdfs."""

    source: int
    destination: int
    word: int
    graph_cost: float
    acoustic_score: float
    pdfs: Sequence[int]
    transitions: Sequence[int]


class _Order(NamedTuple):
    """Topological order of nodes, and arcs grouped by destination."""

    frame: Int32Array
    number: Int32Array
    first_arc: Int64Array
    arcs: list[int]


def _order(
    num_nodes: int, start: int, ends: Sequence[tuple[int, int]], lengths: Sequence[int]
) -> _Order:
    outgoing: list[list[int]] = [[] for _ in range(num_nodes)]
    incoming: list[list[int]] = [[] for _ in range(num_nodes)]
    for arc, (source, destination) in enumerate(ends):
        for node in (source, destination):
            if not 0 <= node < num_nodes:
                raise InputError(f"a lattice arc names node {node} of {num_nodes} nodes")
        outgoing[source].append(arc)
        incoming[destination].append(arc)
    if incoming[start]:
        raise InputError(f"arcs lead into the start node {start} of the lattice")
    frame = np.full(num_nodes, -1, dtype=np.int32)
    waiting = [len(arcs) for arcs in incoming]
    frame[start] = 0
    ready = [node for node in range(num_nodes) if not waiting[node] and node != start]
    if ready:
        raise InputError(f"no arc leads to node {ready[0]} of the lattice, which is not its start")
    ready = [start]
    order = []
    while ready:
        node = ready.pop()
        order.append(node)
        for arc in outgoing[node]:
            target = ends[arc][1]
            begin = int(frame[node]) + lengths[arc]
            if frame[target] not in (-1, begin):
                raise InputError(
                    f"paths of different length lead to node {target} of the lattice:"
                    f" {frame[target]} and {begin} frames"
                )
            frame[target] = begin
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    if len(order) < num_nodes:
        raise InputError("the arcs of the lattice form a cycle")
    number = np.empty(num_nodes, dtype=np.int32)
    number[order] = np.arange(num_nodes, dtype=np.int32)
    first_arc = np.zeros(num_nodes + 1, dtype=np.int64)
    np.cumsum([len(incoming[node]) for node in order], out=first_arc[1:])
    return _Order(
        frame[order], number, first_arc, [arc for node in order for arc in incoming[node]]
    )


def _num_frames(frame: Int32Array, final: Sequence[int], number: Int32Array) -> int:
    lengths = {int(frame[number[node]]) for node in final}
    if len(lengths) != 1:
        raise InputError(
            "the lattice has no final node"
            if not lengths
            else f"paths of the lattice end after different numbers of frames: {sorted(lengths)}"
        )
    return lengths.pop()


def lattice_from_arcs(
    num_nodes: int,
    start: int,
    arcs: Sequence[LatticeArc],
    final_cost: dict[int, float],
    acoustic_scale: float,
) -> Lattice:
    """A state-level lattice from arcs in any order.

    Args:
        num_nodes: number of nodes.
        start: start node.
        arcs: the arcs.
        final_cost: negative natural log of ending in each final node.
        acoustic_scale: κ that the lattice was made with.

    Raises:
        InputError: a cycle, nodes that cannot be reached, paths of different length to one node,
            or no final node.
    """
    lengths = [int(arc.pdf >= 0) for arc in arcs]
    order = _order(num_nodes, start, [arc[:2] for arc in arcs], lengths)
    chosen = [arcs[arc] for arc in order.arcs]
    finals = np.full(num_nodes, np.inf, dtype=np.float32)
    for node, cost in final_cost.items():
        finals[order.number[node]] = cost
    return Lattice(
        num_frames=_num_frames(order.frame, list(final_cost), order.number),
        acoustic_scale=acoustic_scale,
        frame=order.frame,
        first_arc=order.first_arc,
        source=order.number[np.array([arc.source for arc in chosen], dtype=np.int64)],
        pdf=np.array([arc.pdf for arc in chosen], dtype=np.int32),
        transition=np.array([arc.transition for arc in chosen], dtype=np.int32),
        word=np.array([arc.word for arc in chosen], dtype=np.int32),
        graph_cost=np.array([arc.graph_cost for arc in chosen], dtype=np.float32),
        acoustic_score=np.array([arc.acoustic_score for arc in chosen], dtype=np.float32),
        final_cost=finals,
    )


def word_lattice_from_arcs(
    num_nodes: int, start: int, end: int, arcs: Sequence[WordArc], acoustic_scale: float
) -> WordLattice:
    """A word lattice from arcs in any order; all paths lead from node `start` to node `end`.

    Raises:
        InputError: a cycle, nodes that cannot be reached, or paths of different length to one
            node.
    """
    ends = [arc[:2] for arc in arcs]
    if any(source == end for source, _ in ends):
        raise InputError(f"arcs leave the end node {end} of the word lattice")
    order = _order(num_nodes, start, ends, [len(arc.pdfs) for arc in arcs])
    if order.number[end] != num_nodes - 1:
        order = _move_last(order, int(order.number[end]))
    chosen = [arcs[arc] for arc in order.arcs]
    first_entry = np.zeros(len(arcs) + 1, dtype=np.int64)
    np.cumsum([len(arc.pdfs) for arc in chosen], out=first_entry[1:])
    return WordLattice(
        num_frames=int(order.frame[-1]),
        acoustic_scale=acoustic_scale,
        frame=order.frame,
        first_arc=order.first_arc,
        source=order.number[np.array([arc.source for arc in chosen], dtype=np.int64)],
        word=np.array([arc.word for arc in chosen], dtype=np.int32),
        graph_cost=np.array([arc.graph_cost for arc in chosen], dtype=np.float64),
        acoustic_score=np.array([arc.acoustic_score for arc in chosen], dtype=np.float64),
        first_entry=first_entry,
        pdf=np.array([pdf for arc in chosen for pdf in arc.pdfs], dtype=np.int32),
        transition=np.array([tid for arc in chosen for tid in arc.transitions], dtype=np.int32),
    )


def _move_last(order: _Order, place: int) -> _Order:
    """The same order with the node at `place`, which no arc leaves, moved to the end."""
    num_nodes = len(order.number)
    moved = np.append(np.delete(np.arange(num_nodes), place), place)
    rank = np.empty(num_nodes, dtype=np.int32)
    rank[moved] = np.arange(num_nodes, dtype=np.int32)
    spans = [
        order.arcs[order.first_arc[node] : order.first_arc[node + 1]] for node in moved.tolist()
    ]
    first_arc = np.zeros(num_nodes + 1, dtype=np.int64)
    np.cumsum([len(span) for span in spans], out=first_arc[1:])
    return _Order(
        order.frame[moved], rank[order.number], first_arc, [arc for span in spans for arc in span]
    )
