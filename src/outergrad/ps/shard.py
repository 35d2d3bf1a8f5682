"""One shard of the parameter server: pure state, `pull` and `push`."""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.errors import InputError
from outergrad.ps.partition import Span
from outergrad.ps.rules import RuleState, UpdateRule
from outergrad.ps.staleness import StalenessConfig

BLOCK = 1 << 16
"""Entries updated at a time: the temporaries of a rule (256 KiB each) then stay in the cache."""


class PushOutcome(Enum):
    """What became of a push."""

    APPLIED = "applied"
    STALE = "stale"
    REJECTED = "rejected"


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


class Shard:
    """A slice of the parameters, its version and the state of its update rule.

    The slice alternates between two buffers: an update is written to the spare one, which then
    becomes the active one. So a reader in another process can copy version v while v + 1 is being
    computed, and an update costs no copy of its own.
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
        self._version = version
        self.counts = ShardCounts()
        self._active[:] = values
        initial = rule.init(values) if state is None else state
        self._state = {name: array.copy() for name, array in initial.items()}

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
        """State of the update rule, by name float32 [n]; valid until the next push."""
        return self._state

    def pull(self, out: Float32Array, start: int = 0) -> int:
        """Copy the entries from `start` on into `out`; returns their version."""
        out[:] = self._active[start : start + out.size]
        return self._version

    def push(
        self, gradient: Float32Array, computed_at: int, rate: float, start: int = 0
    ) -> PushOutcome:
        """Apply an ascent direction for the entries from `start` on, or refuse it.

        Args:
            gradient: float32 [m], m ≤ n − start.
            computed_at: version of this shard that the gradient was computed at.
            rate: learning rate, before the staleness policy scales it.
            start: first entry the gradient is for.

        Returns:
            REJECTED when the gradient is not finite (or its squared norm overflows float32),
            STALE when the policy drops it; both leave parameters, state and version alone.
        """
        part = Span(start, start + gradient.size)
        if part.stop > self.size:
            raise InputError(
                f"push of entries {part.start}:{part.stop} to a shard that has {self.size}"
            )
        # One pass at memory speed finds every nan and inf: none survives a sum of squares. Not
        # np.dot: BLAS would start threads of its own.
        if not np.isfinite(np.einsum("i,i->", gradient, gradient)):
            self.counts.rejected += 1
            return PushOutcome.REJECTED
        weight = self._policy.weight(max(0, self._version - computed_at))
        if weight == 0.0:
            self.counts.stale += 1
            return PushOutcome.STALE
        self._update(gradient, rate * weight, part)
        self.counts.applied += 1
        self.counts.damped += weight < 1.0
        return PushOutcome.APPLIED

    def _update(self, gradient: Float32Array, rate: float, part: Span) -> None:
        active, spare = self._active, self._buffers[(self._version + 1) % 2]
        spare[: part.start] = active[: part.start]
        spare[part.stop :] = active[part.stop :]
        for begin in range(part.start, part.stop, BLOCK):
            end = min(begin + BLOCK, part.stop)
            values, state = self._rule.apply(
                active[begin:end],
                gradient[begin - part.start : end - part.start],
                {name: array[begin:end] for name, array in self._state.items()},
                rate,
                self._version + 1,
            )
            spare[begin:end] = values
            for name, array in state.items():
                self._state[name][begin:end] = array
        self._version += 1
