"""Weighted transducers as flat arrays, and their way into and out of OpenFst."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path
from typing import NamedTuple

import kaldifst
import numpy as np

from outergrad.arrays import BoolArray, Float32Array, Int32Array, Int64Array
from outergrad.errors import InputError, RunError
from outergrad.jit import kernel

_MAGIC = 2125659606
_EXPANDED_AND_MUTABLE = 3
_SYMBOLS, _ALIGNED = 3, 4
_ALIGNMENT = 16
_HEADER = "<iiQqqq"
"""Version, flags, properties, start state, states, arcs (not counted in files of type vector)."""
_STATE_WORDS, _CONST_STATE_WORDS, _ARC_WORDS = 3, 5, 4


class Transducer(NamedTuple):
    """A weighted finite-state transducer; arcs of a state need not be adjacent.

    Attributes:
        start: start state.
        source: int32 [arc], state it leaves.
        destination: int32 [arc], state it reaches.
        ilabel: int32 [arc], input label, 0 = none.
        olabel: int32 [arc], output label, 0 = none.
        cost: float32 [arc], negative natural log.
        final_cost: float32 [state], inf where a state is not final.
    """

    start: int
    source: Int32Array
    destination: Int32Array
    ilabel: Int32Array
    olabel: Int32Array
    cost: Float32Array
    final_cost: Float32Array

    @classmethod
    def of(
        cls,
        start: int,
        arcs: list[tuple[int, int, int, int]],
        costs: list[float],
        final_cost: Float32Array,
    ) -> Transducer:
        """A transducer from a list of arcs; those of infinite cost are left out.

        Args:
            start: start state.
            arcs: source, destination, ilabel, olabel of each arc.
            costs: cost of each arc.
            final_cost: float32 [state].
        """
        cost = np.array(costs, dtype=np.float32)
        table = np.array(arcs, dtype=np.int32).reshape(-1, 4)
        whole = cls(start, table[:, 0], table[:, 1], table[:, 2], table[:, 3], cost, final_cost)
        return whole.select(cost < np.inf)

    def select(self, which: BoolArray | Int64Array) -> Transducer:
        """The same states with only some arcs, given by a mask or by their positions."""
        return self._replace(
            source=self.source[which],
            destination=self.destination[which],
            ilabel=self.ilabel[which],
            olabel=self.olabel[which],
            cost=self.cost[which],
        )


def to_openfst(fst: Transducer) -> kaldifst.StdVectorFst:
    """The same transducer in OpenFst's memory.

    It goes through a file in OpenFst's binary format, which numpy writes a thousand times faster
    than arcs can be added one by one from Python.
    """
    num_states, num_arcs = len(fst.final_cost), len(fst.source)
    order = np.argsort(fst.source, kind="stable")
    degree = np.bincount(fst.source, minlength=num_states)
    words = np.zeros(_STATE_WORDS * num_states + _ARC_WORDS * num_arcs, dtype=np.int32)
    at_state = _STATE_WORDS * np.arange(num_states) + _ARC_WORDS * (np.cumsum(degree) - degree)
    words[at_state] = fst.final_cost.view(np.int32)
    words[at_state + 1] = degree
    at_arc = _STATE_WORDS * (fst.source[order] + 1) + _ARC_WORDS * np.arange(num_arcs)
    columns = (fst.ilabel, fst.olabel, fst.cost.view(np.int32), fst.destination)
    for offset, column in enumerate(columns):
        words[at_arc + offset] = column[order]
    header = struct.pack("<i", _MAGIC)
    for name in (b"vector", b"standard"):
        header += struct.pack("<i", len(name)) + name
    header += struct.pack(_HEADER, 2, 0, _EXPANDED_AND_MUTABLE, fst.start, num_states, num_arcs)
    with tempfile.TemporaryDirectory(prefix="outergrad-") as directory:
        path = Path(directory) / "in.fst"
        with path.open("wb") as file:
            file.write(header)
            file.write(words.astype("<i4", copy=False).data)
        read = kaldifst.StdVectorFst.read(str(path))
    if read is None:
        raise RunError("OpenFst could not read back a transducer; is the temporary folder full?")
    return read


def from_openfst(fst: kaldifst.StdVectorFst) -> Transducer:
    """The same transducer as flat arrays, arcs in order of their source states."""
    with tempfile.TemporaryDirectory(prefix="outergrad-") as directory:
        path = Path(directory) / "out.fst"
        if not fst.write(str(path)):
            raise RunError("OpenFst could not write a transducer; is the temporary folder full?")
        content = path.read_bytes()
    found = _parse(content)
    if isinstance(found, str):
        raise RunError(f"a transducer cannot be taken apart: {found}")
    return found


def read_openfst(path: Path) -> Transducer:
    """Read a binary file of OpenFst's, of type ``vector`` or ``const`` over tropical weights.

    Raises:
        InputError: it cannot be read, is damaged, or is another kind of transducer.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    found = _parse(content)
    if isinstance(found, str):
        raise InputError(f"{path}: {found}")
    return found


def _parse(content: bytes) -> Transducer | str:
    """The transducer in a file's content, or what is wrong with it."""
    try:
        if struct.unpack_from("<i", content)[0] != _MAGIC:
            return "not a binary file of OpenFst's"
        offset, names = 4, []
        for _ in range(2):
            size = struct.unpack_from("<i", content, offset)[0]
            names.append(content[offset + 4 : offset + 4 + max(size, 0)].decode("ascii", "replace"))
            offset += 4 + max(size, 0)
        _, flags, _, start, num_states, num_arcs = struct.unpack_from(_HEADER, content, offset)
    except struct.error:
        return "the file ends too early"
    kind, weights = names
    if kind not in ("vector", "const") or weights != "standard":
        return f"a transducer of type {kind!r} with weights {weights!r}; convert it to vector"
    if flags & _SYMBOLS:
        return "it has symbol tables inside; write it without them (fstsymbols --clear_isymbols)"
    if not 0 <= start < num_states <= len(content):
        return f"{num_states} states of which {start} is the start"
    offset += struct.calcsize(_HEADER)
    aligned = kind == "const" and flags & _ALIGNED
    if aligned:
        offset = _next(offset)
    if offset > len(content):
        return "the file ends too early"
    words = np.frombuffer(content[: len(content) - (len(content) - offset) % 4], "<i4", -1, offset)
    read = _vector if kind == "vector" else _const
    found = read(words, num_states, num_arcs, offset if aligned else -1)
    if found is None:
        return "it ends too early, or is damaged"
    degree, final_cost, arcs = found
    source = np.repeat(np.arange(num_states, dtype=np.int32), degree)
    ilabel, olabel, bits, destination = arcs
    cost: Float32Array = bits.view(np.float32)
    if len(source) and not (
        0 <= destination.min() <= destination.max() < num_states
        and min(ilabel.min(), olabel.min()) >= 0
        and not np.any(np.isnan(cost))
    ):
        return "arcs lead to states that are not there, or have labels or costs that cannot be"
    return Transducer(start, source, destination, ilabel, olabel, cost, final_cost)


_Parts = tuple[Int32Array, Float32Array, tuple[Int32Array, ...]]
"""Number of arcs of each state, costs of being final, and ilabel, olabel, cost (as its bits) and
destination of each arc in the order of the states."""


def _vector(words: Int32Array, num_states: int, num_arcs: int, begin: int) -> _Parts | None:
    """States with their arcs behind them."""
    del num_arcs, begin
    at_state = _state_offsets(words, num_states)
    if len(at_state) < num_states:
        return None
    degree = words[at_state + 1]
    source = np.repeat(np.arange(num_states), degree)
    at_arc = _STATE_WORDS * (source + 1) + _ARC_WORDS * np.arange(len(source))
    arcs = tuple(words[at_arc + i] for i in range(_ARC_WORDS))
    return degree, words[at_state].view(np.float32), arcs


def _const(words: Int32Array, num_states: int, num_arcs: int, begin: int) -> _Parts | None:
    """All states (final cost, first arc, arcs, ...), then all arcs."""
    states_end = _CONST_STATE_WORDS * num_states
    arcs_begin = states_end
    if begin >= 0:
        arcs_begin += (_next(begin + 4 * states_end) - (begin + 4 * states_end)) // 4
    arcs_end = arcs_begin + _ARC_WORDS * num_arcs
    if num_arcs < 0 or len(words) < arcs_end:
        return None
    states = words[:states_end].reshape(num_states, _CONST_STATE_WORDS)
    degree = np.ascontiguousarray(states[:, 2])
    first = np.cumsum(degree.astype(np.int64)) - degree
    if np.any(degree < 0) or degree.sum() != num_arcs or np.any(states[:, 1] != first):
        return None
    table = words[arcs_begin:arcs_end].reshape(num_arcs, _ARC_WORDS)
    final_cost = np.ascontiguousarray(states[:, 0]).view(np.float32)
    return degree, final_cost, tuple(np.ascontiguousarray(table[:, i]) for i in range(_ARC_WORDS))


def _next(offset: int) -> int:
    """The next multiple of the alignment in files with aligned arrays."""
    return -(-offset // _ALIGNMENT) * _ALIGNMENT


@kernel
def _state_offsets(words: Int32Array, num_states: int) -> Int64Array:
    """Where each state begins; fewer offsets than states when the words do not suffice."""
    at_state = np.empty(num_states, dtype=np.int64)
    offset = 0
    for state in range(num_states):
        if offset + 2 > words.shape[0] or words[offset + 1] < 0:
            return at_state[:state]
        at_state[state] = offset
        offset += _STATE_WORDS + _ARC_WORDS * words[offset + 1]
        if offset > words.shape[0]:
            return at_state[:state]
    return at_state
