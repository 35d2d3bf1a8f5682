"""How the flat parameter vector is cut into shards."""

from collections.abc import Iterator
from dataclasses import dataclass

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
    def whole(self) -> Span:
        """The span of all parameters."""
        return Span(0, self.num_parameters)

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
