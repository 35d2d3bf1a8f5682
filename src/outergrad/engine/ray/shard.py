"""A shard as an actor: empty until it is filled, and again after its process has died."""

from collections.abc import Sequence

from outergrad.arrays import Float32Array
from outergrad.engine.ray.cluster import Reference, put
from outergrad.engine.ray.protocol import PushReply, ShardState
from outergrad.ps.partition import Span
from outergrad.ps.rules import RuleConfig
from outergrad.ps.shard import PushOutcome, Shard
from outergrad.ps.staleness import StalenessConfig


class ShardActor:
    """Serves one shard; None is the answer of one that is empty.

    Each version that anybody asks for is put once into the object store, and only references are
    handed out. Ray brings an object to a node once, however many workers there want it, and they
    all read the same shared memory: that is how pulls of a node are coalesced.
    """

    def __init__(self) -> None:
        self._shard: Shard | None = None
        self._settings: tuple[RuleConfig, StalenessConfig]
        self._rate = 0.0
        self._published: tuple[int, list[Reference]] | None = None
        self._oldest = 0
        """Pushes computed at versions before this one are refused."""

    def fill(self, state: ShardState, only_if_empty: bool) -> int | None:
        """Start from `state`; None when the shard has parameters and is to keep them.

        Other parameters than a shard has come with a new version, whatever `state` says. Pushes
        of workers that were killed over the exchange can still be under way; they were computed
        at earlier versions, and are refused.

        Returns:
            The version it starts with.
        """
        version = state.version
        if self._shard is not None:
            if only_if_empty:
                return None
            version = max(version, self._shard.version + 1)
        # One that has died starts anew with parameters from before: pushes are as good as ever.
        self._oldest = 0 if only_if_empty else version
        self._shard = Shard(
            state.values,
            state.rule.rule(),
            state.staleness,
            version=version,
            state=state.rule_state,
        )
        self._shard.counts = state.counts
        # The state itself is not kept: its arrays would hold memory of the object store.
        self._settings = (state.rule, state.staleness)
        self._rate, self._published = state.rate, None
        return version

    def set_rate(self, rate: float) -> None:
        """Use another learning rate from now on."""
        self._rate = rate

    def version(self) -> int | None:
        """Updates applied."""
        return None if self._shard is None else self._shard.version

    def pull(self) -> tuple[int, list[Reference]] | None:
        """The present version and [reference] to its parameters, float32 [size]."""
        shard = self._shard
        if shard is None:
            return None
        if self._published is None or self._published[0] != shard.version:
            self._published = (shard.version, [put(shard.values)])
        return self._published

    def push(
        self, gradient: Float32Array, computed_at: int, parts: Sequence[Span]
    ) -> PushReply | None:
        """Apply an ascent direction for the entries of `parts`, or refuse it."""
        shard = self._shard
        if shard is None:
            return None
        before = shard.version
        if computed_at < self._oldest:
            shard.counts.stale += 1
            return PushReply(PushOutcome.STALE, before, before)
        outcome = shard.push(gradient, computed_at, self._rate, parts)
        return PushReply(outcome, before, shard.version)

    def state(self) -> ShardState | None:
        """What it takes to fill it again."""
        shard = self._shard
        if shard is None:
            return None
        return ShardState(
            shard.values,
            shard.state,
            shard.version,
            shard.counts,
            self._rate,
            *self._settings,
        )
