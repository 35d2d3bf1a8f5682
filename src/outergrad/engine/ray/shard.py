"""A shard as an actor: empty until it is filled, and again after its process has died."""

from collections.abc import Sequence

from outergrad.arrays import Float32Array
from outergrad.engine.ray.cluster import Reference, place, put
from outergrad.engine.ray.protocol import PushReply, ShardState
from outergrad.ps.partition import Span
from outergrad.ps.rules import RuleConfig
from outergrad.ps.shard import Shard
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

    def fill(self, state: ShardState, only_if_empty: bool) -> bool:
        """Start from `state`; False when the shard has parameters and is to keep them."""
        if self._shard is not None and only_if_empty:
            return False
        self._shard = Shard(
            state.values,
            state.rule.rule(),
            state.staleness,
            version=state.version,
            state=state.rule_state,
        )
        self._shard.counts = state.counts
        # The state itself is not kept: its arrays would hold memory of the object store.
        self._settings = (state.rule, state.staleness)
        self._rate, self._published = state.rate, None
        return True

    def set_rate(self, rate: float) -> None:
        """Use another learning rate from now on."""
        self._rate = rate

    def place(self) -> str:
        """Process and node, for people."""
        return place()

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
