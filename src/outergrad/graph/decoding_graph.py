"""The decoding graph as the decoder reads it: compact, immutable, memory-mapped, shared."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from outergrad.arrays import BoolArray, Float32Array, Int32Array
from outergrad.errors import InputError
from outergrad.graph.state_order import compressed_rows, epsilon_levels, useful_states

# One state is 32 bytes, so that a cache line holds two of them. The self-loop, which nearly every
# active state takes in every frame, lies in the state itself; so does a copy of its first arc, as
# most states have but one.
STATE = np.dtype(
    [
        ("loop_pdf", "i4"),
        ("loop_cost", "f4"),
        ("arc_pdf", "i4"),
        ("arc_cost", "f4"),
        ("arc_destination", "i4"),
        ("first_arc", "i4"),
        ("num_arcs", "i4"),
        ("unused", "i4"),
    ]
)
# Emitting and epsilon arcs (pdf -1) alike.
ARC = np.dtype([("destination", "i4"), ("pdf", "i4"), ("cost", "f4"), ("word", "i4")])

_FORMAT = 2
_ARRAYS = {
    "states": STATE,
    "arc_table": ARC,
    "epsilon_first": np.dtype(np.int32),
    "epsilon_level": np.dtype(np.int32),
    "transitions": np.dtype(np.int32),
    "final_cost": np.dtype(np.float32),
}

Records = npt.NDArray[Any]


class Arcs(NamedTuple):
    """The arcs of a graph as flat arrays, one entry per arc."""

    source: Int32Array
    destination: Int32Array
    pdf: Int32Array
    transition: Int32Array
    word: Int32Array
    cost: Float32Array

    def select(self, which: BoolArray) -> "Arcs":
        """The arcs where `which` (bool [arc]) holds."""
        return Arcs(
            self.source[which],
            self.destination[which],
            self.pdf[which],
            self.transition[which],
            self.word[which],
            self.cost[which],
        )


@dataclass(frozen=True, eq=False)
class DecodingGraph:
    """A weighted graph whose paths are the word strings and alignments that can be recognized.

    Emitting arcs consume one frame of one pdf, epsilon arcs (pdf -1) none; both may carry a word.
    Costs are negative natural logs. States without outgoing epsilon arcs have the lowest numbers;
    after them come the others by epsilon level, so that expanding states level by level
    visits each epsilon arc once, after its source is complete.

    An arc has a number: emitting arcs first (those of a state are adjacent), then epsilon arcs,
    then one self-loop per state (``loop_base + state``).

    Attributes:
        start: start state.
        states: STATE [state], with its self-loop and a copy of its first arc.
        arc_table: ARC [emitting and epsilon arc], self-loops inside `states` left out.
        epsilon_first: int32 [state with epsilon arcs + 1], offsets into `arc_table`.
        epsilon_level: int32 [state with epsilon arcs], 1-based, ascending.
        transitions: int32 [arc number], transition_id, 0 if none.
        final_cost: float32 [state], inf where a state is not final.
        num_pdfs: number of columns that acoustic scores must have.
        words: word of each word_id, ``words[0] == "<eps>"``.
    """

    start: int
    states: Records
    arc_table: Records
    epsilon_first: Int32Array
    epsilon_level: Int32Array
    transitions: Int32Array
    final_cost: Float32Array
    num_pdfs: int
    words: tuple[str, ...]

    def __post_init__(self) -> None:
        # A writeable array would be another type to the compiler and compile all kernels twice.
        for name in _ARRAYS:
            getattr(self, name).setflags(write=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return DecodingGraph, tuple(getattr(self, field.name) for field in fields(self))

    @classmethod
    def from_arcs(
        cls,
        *,
        start: int,
        source: npt.ArrayLike,
        destination: npt.ArrayLike,
        pdf: npt.ArrayLike,
        transition: npt.ArrayLike,
        word: npt.ArrayLike,
        cost: npt.ArrayLike,
        final_cost: npt.ArrayLike,
        num_pdfs: int,
        words: Sequence[str],
    ) -> "DecodingGraph":
        """Build a graph from flat arcs; states off every path to a final state are left out.

        Args:
            start: start state.
            source: int [arc], source state.
            destination: int [arc], destination state.
            pdf: int [arc], pdf_id, -1 for an epsilon arc.
            transition: int [arc], transition_id, 0 for none.
            word: int [arc], word_id, 0 for none.
            cost: float [arc], negative natural log.
            final_cost: float [state], inf where a state is not final.
            num_pdfs: number of pdfs.
            words: word of each word_id; the first is "<eps>".

        Raises:
            InputError: ids out of range, costs that are nan or -inf, epsilon cycles, or no path
                from the start to a final state.
        """
        final = np.ascontiguousarray(final_cost, dtype=np.float32)
        weights = np.ascontiguousarray(cost, dtype=np.float32)
        size = len(weights)
        num_states = len(final)
        if not 0 <= start < num_states:
            raise InputError(f"start state {start} is not one of the graph's {num_states} states")
        if not words or words[0] != "<eps>":
            raise InputError('the first word of a graph\'s word table must be "<eps>" (word_id 0)')
        arcs = Arcs(
            source=_ids("source state", source, size, 0, num_states),
            destination=_ids("destination state", destination, size, 0, num_states),
            pdf=_ids("pdf_id", pdf, size, -1, num_pdfs),
            transition=_ids("transition_id", transition, size, 0, 1 << 31),
            word=_ids("word_id", word, size, 0, len(words)),
            cost=weights,
        )
        for name, values in (("arc costs", weights), ("final costs", final)):
            if np.isnan(values).any() or np.isneginf(values).any():
                raise InputError(f"the graph's {name} must not be nan or -inf")
        arcs = arcs.select(weights < np.inf)
        kept = useful_states(start, arcs.source, arcs.destination, final)
        if not len(kept):
            raise InputError("the graph has no path from its start state to a final state")
        number = np.full(num_states, -1, dtype=np.int32)
        number[kept] = np.arange(len(kept), dtype=np.int32)
        arcs = arcs.select((number[arcs.source] >= 0) & (number[arcs.destination] >= 0))
        arcs = arcs._replace(source=number[arcs.source], destination=number[arcs.destination])
        return _pack(int(number[start]), arcs, final[kept], num_pdfs, tuple(words))

    @property
    def num_states(self) -> int:
        """Number of states."""
        return len(self.states)

    @property
    def num_arcs(self) -> int:
        """Number of arcs, self-loops included."""
        return len(self.arc_table) + int((self.states["loop_pdf"] >= 0).sum())

    @property
    def num_levels(self) -> int:
        """Longest chain of epsilon arcs."""
        return int(self.epsilon_level[-1]) if len(self.epsilon_level) else 0

    @property
    def first_epsilon_state(self) -> int:
        """The first state that has outgoing epsilon arcs."""
        return self.num_states - len(self.epsilon_level)

    @property
    def loop_base(self) -> int:
        """Arc number of the self-loop of state 0."""
        return len(self.arc_table)

    def arcs(self) -> Arcs:
        """All arcs as flat arrays, in order of their numbers, absent self-loops left out."""
        first_epsilon = int(self.epsilon_first[0])
        state = np.arange(self.num_states, dtype=np.int32)
        looping = state[self.states["loop_pdf"] >= 0]
        table = self.arc_table
        spans = np.diff(self.epsilon_first)
        return Arcs(
            source=np.concatenate(
                [
                    np.repeat(state, self.states["num_arcs"]),
                    np.repeat(state[self.first_epsilon_state :], spans),
                    looping,
                ]
            ),
            destination=np.concatenate([table["destination"], looping]),
            pdf=np.concatenate([table["pdf"], self.states["loop_pdf"][looping]]),
            transition=np.concatenate(
                [
                    self.transitions[:first_epsilon],
                    self.transitions[first_epsilon : self.loop_base],
                    self.transitions[self.loop_base + looping],
                ]
            ),
            word=np.concatenate([table["word"], np.zeros_like(looping)]),
            cost=np.concatenate([table["cost"], self.states["loop_cost"][looping]]),
        )

    def save(self, directory: Path) -> None:
        """Write the graph as ``graph.json`` and one ``.npy`` file per array."""
        directory.mkdir(parents=True, exist_ok=True)
        for name in _ARRAYS:
            np.save(directory / f"{name}.npy", getattr(self, name), allow_pickle=False)
        description = {
            "format": _FORMAT,
            "start": self.start,
            "num_pdfs": self.num_pdfs,
            "words": self.words,
        }
        (directory / "graph.json").write_text(json.dumps(description), encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> "DecodingGraph":
        """Open a saved graph without copying it; processes that load it share its memory.

        Raises:
            InputError: files missing, damaged, or of another version.
        """
        try:
            description = json.loads((directory / "graph.json").read_text(encoding="utf-8"))
            arrays = {
                name: np.load(directory / f"{name}.npy", mmap_mode="r", allow_pickle=False)
                for name in _ARRAYS
            }
        except Exception as error:
            # What NumPy's parser of damaged headers raises is not documented, and much.
            raise InputError(f"{directory}: not a readable decoding graph: {error}") from error
        try:
            if description["format"] != _FORMAT:
                raise InputError(
                    f"{directory}: decoding graph format {description['format']!r},"
                    f" this version reads format {_FORMAT}; compile the graph again"
                )
            graph = cls(
                start=int(description["start"]),
                num_pdfs=int(description["num_pdfs"]),
                words=tuple(str(word) for word in description["words"]),
                **{name: np.asarray(array) for name, array in arrays.items()},
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"{directory}/graph.json: damaged: {error!r}") from error
        problem = _problem(graph)
        if problem:
            raise InputError(f"{directory}: damaged decoding graph: {problem}")
        return graph


def _ids(name: str, values: npt.ArrayLike, size: int, low: int, high: int) -> Int32Array:
    array = np.asarray(values)
    if array.shape != (size,):
        raise InputError(f"{name}: expected {size} entries, one per arc, got shape {array.shape}")
    if size and (array.min() < low or array.max() >= high):
        raise InputError(
            f"{name} out of range: found {array.min()} to {array.max()},"
            f" allowed {low} to {high - 1}"
        )
    return np.ascontiguousarray(array, dtype=np.int32)


def _pack(
    start: int, arcs: Arcs, final_cost: Float32Array, num_pdfs: int, words: tuple[str, ...]
) -> DecodingGraph:
    """Number states by epsilon level and lay the arcs out in the decoder's order."""
    num_states = len(final_cost)
    epsilon = arcs.pdf < 0
    level = epsilon_levels(arcs.source[epsilon], arcs.destination[epsilon], num_states)
    if not len(level):
        raise InputError("the graph has a cycle of epsilon arcs, which a decoder cannot follow")
    order = np.argsort(level, kind="stable")
    number = np.empty(num_states, dtype=np.int32)
    number[order] = np.arange(num_states, dtype=np.int32)
    level = level[order]
    source, destination = number[arcs.source], number[arcs.destination]

    candidates = np.flatnonzero((source == destination) & ~epsilon & (arcs.word == 0))
    looping, which = np.unique(source[candidates], return_index=True)
    loops = candidates[which]
    is_loop = np.zeros(len(source), dtype=np.bool_)
    is_loop[loops] = True
    emitting = np.flatnonzero(~epsilon & ~is_loop)
    by_source, offsets = compressed_rows(source[emitting], num_states)
    emitting = emitting[by_source]
    silent = np.flatnonzero(epsilon)
    first_epsilon_state = int(np.searchsorted(level, 1))
    by_source, epsilon_offsets = compressed_rows(
        source[silent] - np.int32(first_epsilon_state), num_states - first_epsilon_state
    )
    silent = silent[by_source]
    in_table = np.concatenate([emitting, silent])

    table = np.empty(len(in_table), dtype=ARC)
    table["destination"] = destination[in_table]
    for name in ("pdf", "cost", "word"):
        table[name] = getattr(arcs, name)[in_table]
    states = _aligned_zeros(num_states, STATE)
    states["loop_pdf"] = -1
    states["loop_pdf"][looping] = arcs.pdf[loops]
    states["loop_cost"][looping] = arcs.cost[loops]
    states["arc_pdf"] = -1
    states["first_arc"] = offsets[:-1]
    states["num_arcs"] = np.diff(offsets)
    leaving = states["num_arcs"] > 0
    first = table[states["first_arc"][leaving]]
    for name in ("pdf", "cost", "destination"):
        states[f"arc_{name}"][leaving] = first[name]
    transitions = np.zeros(len(in_table) + num_states, dtype=np.int32)
    transitions[: len(in_table)] = arcs.transition[in_table]
    transitions[len(in_table) + looping] = arcs.transition[loops]
    return DecodingGraph(
        start=int(number[start]),
        states=states,
        arc_table=table,
        epsilon_first=(len(emitting) + epsilon_offsets).astype(np.int32),
        epsilon_level=level[first_epsilon_state:].astype(np.int32),
        transitions=transitions,
        final_cost=final_cost[order],
        num_pdfs=num_pdfs,
        words=words,
    )


def _aligned_zeros(size: int, dtype: np.dtype[Any]) -> Records:
    """Zeros at the beginning of a cache line, so that no record lies in two of them."""
    line = 64
    buffer = np.zeros(size * dtype.itemsize + line, dtype=np.uint8)
    begin = -buffer.ctypes.data % line
    return buffer[begin : begin + size * dtype.itemsize].view(dtype)


def _problem(graph: DecodingGraph) -> str | None:
    """What is wrong with the arrays of a graph that comes from a file, if anything."""
    for name, dtype in _ARRAYS.items():
        array = getattr(graph, name)
        if array.dtype != dtype or array.ndim != 1:
            return f"{name} is {array.dtype} with {array.ndim} axes, expected {dtype} with one"
    states, table = graph.states, graph.arc_table
    num_states, size = len(states), len(table)
    first = graph.epsilon_first
    if (
        len(graph.final_cost) != num_states
        or len(graph.transitions) != size + num_states
        or len(first) != len(graph.epsilon_level) + 1
        or len(first) > num_states + 1
        or not 0 <= graph.start < num_states
        or graph.words[:1] != ("<eps>",)
    ):
        return "the sizes of its arrays do not fit together"
    ends = np.cumsum(states["num_arcs"], dtype=np.int64)
    if (
        states["num_arcs"].min() < 0
        or not np.array_equal(states["first_arc"], ends - states["num_arcs"])
        or first[0] != ends[-1]
        or first[-1] != size
        or (np.diff(first) <= 0).any()
    ):
        return "the arc offsets of its states are wrong"
    level = np.zeros(num_states, dtype=np.int32)
    level[graph.first_epsilon_state :] = graph.epsilon_level
    arcs = graph.arcs()
    if size and (
        table["destination"].min() < 0
        or table["destination"].max() >= num_states
        or table["word"].min() < 0
        or table["word"].max() >= len(graph.words)
    ):
        return "an arc leads to a state or carries a word that does not exist"
    leaving = states["num_arcs"] > 0
    copied = table[states["first_arc"][leaving]]
    if (states["arc_pdf"][~leaving] != -1).any() or any(
        states[f"arc_{name}"][leaving].tobytes() != copied[name].tobytes()
        for name in ("pdf", "cost", "destination")
    ):
        return "the first arcs of its states are not those of its arc table"
    emits = np.arange(size) < first[0]
    if (
        not np.array_equal(table["pdf"] >= 0, emits)
        or min(table["pdf"].min(initial=-1), states["loop_pdf"].min()) < -1
        or arcs.pdf.max(initial=-1) >= max(graph.num_pdfs, 0)
    ):
        return "an arc has a pdf_id that does not exist"
    above = level[arcs.destination] > level[arcs.source]
    silent = arcs.pdf < 0
    if (
        (np.diff(graph.epsilon_level) < 0).any()
        or (graph.epsilon_level < 1).any()
        or not (above | (level[arcs.destination] == 0))[silent].all()
    ):
        return "its epsilon levels are wrong"
    costs = np.concatenate([arcs.cost, graph.final_cost])
    if np.isnan(costs).any() or np.isneginf(costs).any() or graph.transitions.min(initial=0) < 0:
        return "a cost is nan or -inf, or a transition_id is negative"
    return None
