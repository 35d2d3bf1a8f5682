"""Weighted transducers as flat arrays, and their way into and out of OpenFst."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path
from typing import NamedTuple

import kaldifst
import numpy as np

from outergrad.arrays import BoolArray, Float32Array, Int32Array, Int64Array
from outergrad.errors import RunError
from outergrad.jit import kernel

_MAGIC = 2125659606
_EXPANDED_AND_MUTABLE = 3
_STATE_WORDS, _ARC_WORDS = 3, 4


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
    header += struct.pack("<iiQqqq", 2, 0, _EXPANDED_AND_MUTABLE, fst.start, num_states, num_arcs)
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
    offset = 4
    for _ in range(2):
        offset += 4 + struct.unpack_from("<i", content, offset)[0]
    _, flags, _, start, num_states, _ = struct.unpack_from("<iiQqqq", content, offset)
    if flags:
        raise RunError(f"a transducer with symbol tables (flags {flags}) cannot be taken apart")
    words = np.frombuffer(content, dtype="<i4", offset=offset + struct.calcsize("<iiQqqq"))
    at_state = _state_offsets(words, num_states)
    degree = words[at_state + 1]
    source = np.repeat(np.arange(num_states, dtype=np.int32), degree)
    at_arc = _STATE_WORDS * (source.astype(np.int64) + 1) + _ARC_WORDS * np.arange(len(source))
    ilabel, olabel, cost, destination = (words[at_arc + i] for i in range(_ARC_WORDS))
    return Transducer(
        start,
        source,
        destination,
        ilabel,
        olabel,
        cost.view(np.float32),
        words[at_state].view(np.float32),
    )


@kernel
def _state_offsets(words: Int32Array, num_states: int) -> Int64Array:
    at_state = np.empty(num_states, dtype=np.int64)
    offset = 0
    for state in range(num_states):
        at_state[state] = offset
        offset += _STATE_WORDS + _ARC_WORDS * words[offset + 1]
    return at_state
