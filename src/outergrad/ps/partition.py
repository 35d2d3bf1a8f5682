"""How the flat parameter vector is cut into shards, and parts of it that move by themselves."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.errors import InputError


@dataclass(frozen=True, slots=True)
class Span:
    """A contiguous part of the parameter vector: entries `start` … `stop` − 1."""

    start: int
    """First entry."""
    stop: int
    """One past the last entry."""

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            raise InputError(f"parameter span {self.start}:{self.stop} is not an increasing range")

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.stop - self.start

    def intersect(self, other: "Span") -> "Span | None":
        """The entries that both spans have, or None."""
        start, stop = max(self.start, other.start), min(self.stop, other.stop)
        return Span(start, stop) if start < stop else None


@dataclass(frozen=True, slots=True)
class Selection:
    """Some of the parameters, e.g. those of the last layer without its silence outputs.

    A vector *of* a selection holds the entries of its spans, one span after the other.
    """

    spans: tuple[Span, ...]
    """In increasing order, none empty, none overlapping another."""

    def __post_init__(self) -> None:
        ordered = all(a.stop <= b.start for a, b in zip(self.spans, self.spans[1:], strict=False))
        if not self.spans or not ordered or any(span.size == 0 for span in self.spans):
            listed = ", ".join(f"{span.start}:{span.stop}" for span in self.spans)
            raise InputError(f"selected parameters ({listed}) must be spans in increasing order")

    @classmethod
    def of(cls, *spans: Span) -> "Selection":
        """The parameters of `spans`, which may be empty, touch one another and come in any order.

        Raises:
            InputError: nothing is selected, or a parameter twice.
        """
        merged: list[Span] = []
        for span in sorted(spans, key=lambda span: (span.start, span.stop)):
            if span.size and merged and merged[-1].stop == span.start:
                merged[-1] = Span(merged[-1].start, span.stop)
            elif span.size:
                merged.append(span)
        return cls(tuple(merged))

    @property
    def size(self) -> int:
        """Number of selected parameters."""
        return sum(span.size for span in self.spans)

    @property
    def stop(self) -> int:
        """One past the last selected parameter."""
        return self.spans[-1].stop

    def without(self, *spans: Span) -> "Selection":
        """What is left of the selection when the parameters of `spans` are taken out.

        Raises:
            InputError: nothing is left.
        """
        left = list(self.spans)
        for out in spans:
            pieces = (
                (
                    Span(s.start, min(s.stop, max(s.start, out.start))),
                    Span(max(s.start, min(s.stop, out.stop)), s.stop),
                )
                for s in left
            )
            left = [piece for pair in pieces for piece in pair if piece.size]
        return Selection.of(*left)

    def gather(self, vector: Float32Array) -> Float32Array:
        """The selected entries of float32 [n]; a view where they lie together."""
        parts = [vector[span.start : span.stop] for span in self.spans]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


@dataclass(frozen=True, slots=True)
class Piece:
    """What a shard holds of a selection."""

    shard: int
    """Which shard."""
    within: Span
    """Its entries of a vector of the selection; they lie together."""
    spans: tuple[Span, ...]
    """The same parameters, counted from the shard's first."""


@dataclass(frozen=True, slots=True)
class Partition:
    """Shard k holds the parameters `bounds[k]` … `bounds[k + 1]` − 1."""

    bounds: tuple[int, ...]
    """Increasing, starts at 0, ends at the number of parameters."""

    def __post_init__(self) -> None:
        increasing = all(a < b for a, b in zip(self.bounds, self.bounds[1:], strict=False))
        if len(self.bounds) < 2 or self.bounds[0] != 0 or not increasing:
            raise InputError(f"shard bounds {self.bounds} must start at 0 and increase")

    @classmethod
    def even(cls, num_parameters: int, num_shards: int) -> "Partition":
        """Shards of equal size but for rounding.

        Raises:
            InputError: fewer parameters than shards, or no shard at all.
        """
        if not 1 <= num_shards <= num_parameters:
            raise InputError(
                f"cannot cut {num_parameters} parameters into {num_shards} shards: "
                f"choose 1 to {num_parameters} shards"
            )
        return cls(tuple(num_parameters * k // num_shards for k in range(num_shards + 1)))

    @property
    def num_parameters(self) -> int:
        """Length of the parameter vector."""
        return self.bounds[-1]

    @property
    def num_shards(self) -> int:
        """Number of shards."""
        return len(self.bounds) - 1

    @property
    def whole(self) -> Selection:
        """All parameters."""
        return _whole(self.num_parameters)

    def shard(self, index: int) -> Span:
        """What shard `index` holds."""
        return Span(self.bounds[index], self.bounds[index + 1])

    def overlaps(self, span: Span) -> Iterator[tuple[int, Span]]:
        """(shard, its part of `span`) for every shard that holds some of it, in order."""
        if span.stop > self.num_parameters:
            raise InputError(
                f"parameter span {span.start}:{span.stop} exceeds {self.num_parameters} parameters"
            )
        for index in range(self.num_shards):
            part = self.shard(index).intersect(span)
            if part is not None:
                yield index, part

    def pieces(self, selection: Selection) -> Sequence[Piece]:
        """What each shard holds of a selection, in order; shards that hold nothing are left out.

        Raises:
            InputError: parameters are selected that there are none of.
        """
        return _pieces(self, selection)


@functools.lru_cache(maxsize=64)
def _whole(size: int) -> Selection:
    return Selection((Span(0, size),))


@functools.lru_cache(maxsize=64)
def _pieces(partition: Partition, selection: Selection) -> Sequence[Piece]:
    parts: dict[int, list[Span]] = {}
    for span in selection.spans:
        for index, part in partition.overlaps(span):
            first = partition.bounds[index]
            parts.setdefault(index, []).append(Span(part.start - first, part.stop - first))
    pieces, position = [], 0
    for index, spans in parts.items():
        size = sum(span.size for span in spans)
        pieces.append(Piece(index, Span(position, position + size), tuple(spans)))
        position += size
    return tuple(pieces)
