"""One shard of the parameter server: pure state, `pull` and `push`."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.errors import InputError
from outergrad.ps.partition import Span
from outergrad.ps.rules import RuleState, UpdateRule
from outergrad.ps.staleness import StalenessConfig

BLOCK = 1 << 17
"""Entries updated at a time: the temporaries of a rule (512 KiB each) then stay in the cache."""


class PushOutcome(Enum):
    """What became of a push."""

    APPLIED = "applied"
    STALE = "stale"
    REJECTED = "rejected"
    LOST = "lost"
    """Its shard died over it; only where shards live in processes of their own."""


@dataclass(slots=True)
class ShardCounts:
    """What became of the pushes to a shard."""

    applied: int = 0
    """Pushes applied, damped ones among them."""
    damped: int = 0
    """Pushes applied with less than their full rate, because of their age."""
    stale: int = 0
    """Pushes dropped, because of their age."""
    rejected: int = 0
    """Pushes refused, because they were not finite."""
    compensated: int = 0
    """Pushes applied after their delay was compensated."""

    def __add__(self, other: "ShardCounts") -> "ShardCounts":
        return ShardCounts(
            self.applied + other.applied,
            self.damped + other.damped,
            self.stale + other.stale,
            self.rejected + other.rejected,
            self.compensated + other.compensated,
        )


class Shard:
    """A slice of the parameters, its version and the state of its update rule.

    The slice and the rule state alternate between two buffers: an update is written to the spare
    one, which then becomes the active one. So an update that is refused or interrupted half-way
    leaves no trace, a reader in another process can copy version v while v + 1 is being computed,
    and an update costs no copy of its own.
    """

    def __init__(
        self,
        values: Float32Array,
        rule: UpdateRule,
        policy: StalenessConfig | None = None,
        *,
        version: int = 0,
        state: RuleState | None = None,
        buffers: Float32Array | None = None,
    ) -> None:
        """A shard that holds `values`.

        Args:
            values: float32 [n], copied.
            rule: the update rule.
            policy: staleness policy; accept everything by default.
            version: number of updates that led to `values`.
            state: rule state that goes with `values`, copied; fresh by default.
            buffers: float32 [2, n] to keep the slice in, for example shared memory; version v
                lives in buffer v modulo 2.
        """
        if values.ndim != 1 or values.dtype != np.float32:
            raise InputError(
                f"a shard holds a float32 vector, got {values.dtype} {list(values.shape)}"
            )
        self._buffers = np.empty((2, values.size), np.float32) if buffers is None else buffers
        self._rule = rule
        self._policy = policy or StalenessConfig()
        self._compensation = self._policy.delay_compensation()
        self._past: dict[int, Float32Array] = {}
        self._version = version
        self.counts = ShardCounts()
        self._active[:] = values
        initial = rule.init(values) if state is None else state
        self._states = {name: np.stack((array, array)) for name, array in initial.items()}

    @property
    def _active(self) -> Float32Array:
        active: Float32Array = self._buffers[self._version % 2]
        return active

    @property
    def size(self) -> int:
        """Number of parameters in the slice."""
        return int(self._buffers.shape[1])

    @property
    def version(self) -> int:
        """Number of updates applied, those before a restart included."""
        return self._version

    @property
    def values(self) -> Float32Array:
        """The slice as it is now, float32 [n], read-only; valid until the next but one push."""
        view = self._active.view()
        view.flags.writeable = False
        return view

    @property
    def state(self) -> RuleState:
        """State of the update rule, by name float32 [n]; valid until the next but one push."""
        return {name: rows[self._version % 2] for name, rows in self._states.items()}

    def pull(self, out: Float32Array, start: int = 0) -> int:
        """Copy the entries from `start` on into `out`; returns their version."""
        out[:] = self._active[start : start + out.size]
        return self._version

    def push(
        self,
        gradient: Float32Array,
        computed_at: int,
        rate: float,
        parts: Sequence[Span] | None = None,
    ) -> PushOutcome:
        """Apply an ascent direction for the entries of `parts`, or refuse it.

        Args:
            gradient: float32 [m], the entries of `parts`, one part after the other.
            computed_at: version of this shard that the gradient was computed at.
            rate: learning rate, before the staleness policy scales it.
            parts: which entries the gradient is for, in increasing order; by default the first m.

        Returns:
            STALE when the policy drops it, REJECTED when it is not finite (or the squared norm of
            a block overflows float32); both leave parameters, state and version alone.
        """
        parts = (Span(0, gradient.size),) if parts is None else parts
        if parts and parts[-1].stop > self.size:
            raise InputError(
                f"push of entries {parts[-1].start}:{parts[-1].stop} to a shard of {self.size}"
            )
        age = max(0, self._version - computed_at)
        weight = self._policy.weight(age)
        if weight == 0.0:
            self.counts.stale += 1
            return PushOutcome.STALE
        then = self._past.get(computed_at) if age else None
        if not self._update(gradient, rate * weight, parts, then):
            self.counts.rejected += 1
            return PushOutcome.REJECTED
        self._remember()
        self._version += 1
        self.counts.applied += 1
        self.counts.damped += weight < 1.0
        self.counts.compensated += then is not None
        return PushOutcome.APPLIED

    def _remember(self) -> None:
        """Keep the version that is about to become the past, where delays are compensated."""
        if self._compensation is not None:
            self._past[self._version] = self._active.copy()
            self._past.pop(self._version - self._policy.remembered, None)

    def _update(
        self, gradient: Float32Array, rate: float, parts: Sequence[Span], then: Float32Array | None
    ) -> bool:
        """Write the next version to the spare buffers; False when the gradient is not finite."""
        now, spare = self._version % 2, (self._version + 1) % 2
        for gap in _gaps(parts, self.size):
            for rows in (self._buffers, *self._states.values()):
                rows[spare, gap] = rows[now, gap]
        for block, place in _blocks(parts):
            piece = gradient[place]
            # No nan or inf survives a sum of squares. Not np.dot: BLAS would start threads.
            if not math.isfinite(np.einsum("i,i->", piece, piece)):
                return False
            if self._compensation is not None and then is not None:
                piece = self._compensation.apply(piece, self._buffers[now, block], then[block])
            _, state = self._rule.apply(
                self._buffers[now, block],
                piece,
                {name: rows[now, block] for name, rows in self._states.items()},
                rate,
                self._version + 1,
                out=self._buffers[spare, block],
            )
            for name, array in state.items():
                self._states[name][spare, block] = array
        return True


def _gaps(parts: Sequence[Span], size: int) -> Iterator[slice]:
    """What lies before, between and after `parts` of a slice of `size` entries."""
    begin = 0
    for part in parts:
        if begin < part.start:
            yield slice(begin, part.start)
        begin = part.stop
    if begin < size:
        yield slice(begin, size)


def _blocks(parts: Sequence[Span]) -> Iterator[tuple[slice, slice]]:
    """(entries of the shard, their places in the gradient), at most BLOCK at a time."""
    place = 0
    for part in parts:
        for begin in range(part.start, part.stop, BLOCK):
            end = min(begin + BLOCK, part.stop)
            yield slice(begin, end), slice(place, place + end - begin)
            place += end - begin
