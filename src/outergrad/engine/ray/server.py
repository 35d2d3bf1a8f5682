"""The shards as the coordinator sees them: filled, copied for snapshots, restored when they die."""

import dataclasses
import time
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.engine.ray.client import RETRY_SECONDS, ShardClient, answers
from outergrad.engine.ray.cluster import Handle, Reference, wait
from outergrad.engine.ray.protocol import PushReply, ShardState
from outergrad.errors import RunError
from outergrad.ps.partition import Partition, Selection
from outergrad.ps.rules import RuleConfig
from outergrad.ps.server import ParameterServer, ServerState
from outergrad.ps.shard import PushOutcome, ShardCounts
from outergrad.ps.staleness import StalenessConfig


@dataclasses.dataclass(frozen=True, slots=True)
class ServerPlan:
    """What does not change while a run lasts."""

    partition: Partition
    """How the parameters are cut."""
    rule: RuleConfig
    """Update rule."""
    staleness: StalenessConfig
    """What to do with old pushes."""
    lead: int
    """Updates that a shard may have seen and the coordinator not heard of, at most."""
    max_deaths: int
    """Deaths in a row of one shard, without an update between them, that are borne."""


@dataclasses.dataclass(frozen=True, slots=True)
class Restored:
    """A shard had died and has parameters again."""

    shard: int
    """Which one."""
    age: float
    """How old they are, in seconds: what was lost."""


class RemoteServer:
    """Shard actors, behind what a session needs of a parameter server."""

    def __init__(
        self, shards: Sequence[Handle], state: ServerState, plan: ServerPlan, rate: float
    ) -> None:
        """Fill `shards`, one actor per shard of the plan, with `state`, cut in any way.

        Raises:
            InputError: the state belongs to another number of parameters or another rule.
        """
        self._handles = shards
        self._plan = plan
        self._rate = rate
        self._deaths = [0] * len(shards)
        self._filling: dict[int, tuple[Reference, int]] = {}
        self._client = ShardClient(shards, plan.partition, self._restore_at_once)
        # The rules for what a state may be restored into are the same wherever shards live.
        cut = ParameterServer.restore(state, plan.partition, plan.rule.rule(), plan.staleness)
        self._copy = cut.state()
        self._counts = [shard.counts for shard in cut.shards]
        self._copied_at = time.monotonic()
        self._known = list(self._copy.versions)
        self._settled = False
        self.restored: list[Restored] = []
        """Shards restored since somebody looked here."""
        pieces = [self._piece(index, version) for index, version in enumerate(self._known)]
        filled = answers(
            [s.fill.remote(piece, False) for s, piece in zip(shards, pieces, strict=True)]
        )
        # One that dies over this will be missed, and filled then.
        self._known = [
            known if version is None else version
            for known, version in zip(self._known, filled, strict=True)
        ]

    def _piece(self, index: int, version: int) -> ShardState:
        """What shard `index` is filled with: its part of the last copy, as `version`."""
        span, plan = self._plan.partition.shard(index), self._plan
        part = slice(span.start, span.stop)
        return ShardState(
            self._copy.values[part],
            {name: array[part] for name, array in self._copy.rule_state.items()},
            version,
            self._counts[index],
            self._rate,
            plan.rule,
            plan.staleness,
        )

    # ---- what a session asks for ----

    @property
    def versions(self) -> tuple[int, ...]:
        """Per shard: updates that the coordinator has heard of."""
        return tuple(self._known)

    def pull(
        self,
        out: Float32Array,
        parts: Selection | None = None,
        shards: Collection[int] | None = None,
    ) -> tuple[int, ...]:
        """Copy what `shards` hold of `parts` (defaults: all) to its place in `out` float32 [n]."""
        return self._client.pull(out, parts, shards)

    def push(
        self,
        gradient: Float32Array,
        computed_at: Sequence[int],
        rate: float,
        parts: Selection | None = None,
        shards: Collection[int] | None = None,
    ) -> tuple[PushOutcome, ...]:
        """Hand each shard its part of an ascent direction; replicas do it by themselves."""
        self.set_rate(rate)
        parts = parts or self._plan.partition.whole
        sent = self._client.push(gradient, computed_at, parts, shards)
        outcomes, _ = self.heard(self._client.replies(sent), computed_at)
        return outcomes

    def values(self) -> Float32Array:
        """A copy of all parameters, float32 [n]."""
        return self.state().values

    def state(self) -> ServerState:
        """A copy of everything; also what shards that die later are restored from."""
        if not self._settled:
            states: list[ShardState] = self._client.states()
            self._copy = ServerState(
                np.concatenate([shard.values for shard in states]),
                {
                    name: np.concatenate([shard.rule_state[name] for shard in states])
                    for name in states[0].rule_state
                },
                self._plan.partition,
                tuple(shard.version for shard in states),
            )
            self._counts = [shard.counts for shard in states]
            self._copied_at = time.monotonic()
            self._known = [
                max(*pair) for pair in zip(self._known, self._copy.versions, strict=True)
            ]
        return self._copy

    def counts(self) -> ShardCounts:
        """Counts summed over shards, as of the last copy."""
        return sum(self._counts, ShardCounts())

    # ---- what the engine asks for ----

    @property
    def copy_age(self) -> float:
        """Seconds since the last copy of the shards."""
        return time.monotonic() - self._copied_at

    @property
    def missing(self) -> tuple[int, ...]:
        """Shards that somebody has missed and that are not known to be back."""
        return tuple(self._filling)

    def settle(self) -> None:
        """No worker is left: keep a last copy, which outlives the actors."""
        self.state()
        self._settled = True

    def set_rate(self, rate: float) -> None:
        """Pushes count so much from now on."""
        if rate != self._rate:
            self._rate = rate
            for handle in self._handles:
                handle.set_rate.remote(rate)

    def heard(
        self, replies: Mapping[int, PushReply | None], computed_at: Sequence[float]
    ) -> tuple[tuple[PushOutcome, ...], tuple[int, ...]]:
        """What shards say of a push computed at given versions.

        Returns:
            What each of them did with it, and the versions of all shards before it.
        """
        before = list(self._known)
        for index, reply in replies.items():
            if reply is None:
                # What the gradient was computed at may be ahead of all that was heard.
                before[index] = max(before[index], int(computed_at[index]))
                continue
            before[index] = reply.before
            self._known[index] = max(self._known[index], reply.after)
            if reply.outcome is PushOutcome.APPLIED:
                self._deaths[index] = 0
        outcomes = tuple(PushOutcome.LOST if r is None else r.outcome for r in replies.values())
        return outcomes, tuple(before)

    def missed(self, shards: Sequence[int]) -> None:
        """Somebody got no answer from these shards: fill those that have lost their parameters."""
        for index in shards:
            if index not in self._filling:
                # Versions never run backwards, so ages never turn negative.
                version = self._known[index] + self._plan.lead + 1
                piece = self._piece(index, version)
                self._filling[index] = (self._handles[index].fill.remote(piece, True), version)

    def check(self, seconds: float = 0.0) -> None:
        """See what has become of the shards being filled, waiting `seconds` at most.

        Raises:
            RunError: a shard dies again and again.
        """
        if not self._filling:
            return
        ready = set(wait([reference for reference, _ in self._filling.values()], seconds))
        for index, (reference, version) in list(self._filling.items()):
            if reference in ready:
                del self._filling[index]
                # None: not yet back, or dead again; whoever misses it will say so.
                if answers([reference])[0] is not None:
                    self._restored(index, version)

    def _restored(self, index: int, version: int) -> None:
        self._known[index] = max(self._known[index], version)
        self._handles[index].set_rate.remote(self._rate)  # it may have changed meanwhile
        self._deaths[index] += 1
        if self._deaths[index] > self._plan.max_deaths:
            raise RunError(
                f"shard {index} died {self._deaths[index]} times without an update between them"
            )
        self.restored.append(Restored(index, self.copy_age))

    def _restore_at_once(self, shards: Sequence[int]) -> None:
        self.missed(shards)
        self.check(RETRY_SECONDS)
