"""All shards of a parameter vector together, for engines that keep them in one process."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.errors import InputError
from outergrad.ps.partition import Partition, Selection
from outergrad.ps.rules import RuleState, UpdateRule
from outergrad.ps.shard import PushOutcome, Shard, ShardCounts
from outergrad.ps.staleness import StalenessConfig


@dataclass(frozen=True, eq=False, slots=True)
class ServerState:
    """What it takes to go on: independent of how the vector is cut next time."""

    values: Float32Array
    """float32 [n], parameters."""
    rule_state: RuleState
    """By name float32 [n]: what the update rule remembers."""
    partition: Partition
    """How the vector was cut."""
    versions: tuple[int, ...]
    """Per shard: updates applied."""


class ParameterServer:
    """Shards of one parameter vector; they know nothing of one another."""

    def __init__(
        self,
        values: Float32Array,
        partition: Partition,
        rule: UpdateRule,
        policy: StalenessConfig | None = None,
        *,
        buffers: Sequence[Float32Array] | None = None,
    ) -> None:
        """A server that starts at `values` float32 [n], version 0.

        Args:
            values: float32 [n].
            partition: how to cut them.
            rule: the update rule of all shards.
            policy: the staleness policy of all shards.
            buffers: per shard float32 [2, size] to keep it in; private memory by default.
        """
        start = ServerState(values, rule.init(values), partition, (0,) * partition.num_shards)
        self._build(start, partition, rule, policy, buffers)

    @classmethod
    def restore(
        cls,
        state: ServerState,
        partition: Partition,
        rule: UpdateRule,
        policy: StalenessConfig | None = None,
        *,
        buffers: Sequence[Float32Array] | None = None,
    ) -> "ParameterServer":
        """A server that goes on from `state`, cut as `partition` says.

        A shard's version is the largest of those whose entries it takes over, so versions never
        run backwards and ages never turn negative.

        Raises:
            InputError: the state belongs to another number of parameters or another rule.
        """
        server = cls.__new__(cls)
        server._build(state, partition, rule, policy, buffers)
        return server

    def _build(
        self,
        state: ServerState,
        partition: Partition,
        rule: UpdateRule,
        policy: StalenessConfig | None,
        buffers: Sequence[Float32Array] | None,
    ) -> None:
        if state.values.size != partition.num_parameters:
            raise InputError(
                f"{state.values.size} parameters do not fit shards for {partition.num_parameters}"
            )
        expected, found = set(rule.init(state.values[:1])), set(state.rule_state)
        if expected != found:
            raise InputError(
                f"update rule state has {sorted(found)} but the rule needs {sorted(expected)}: "
                "continue with the rule that the snapshot was made with"
            )
        self.partition = partition
        self.shards: list[Shard] = []
        for index in range(partition.num_shards):
            span = partition.shard(index)
            part = slice(span.start, span.stop)
            self.shards.append(
                Shard(
                    state.values[part],
                    rule,
                    policy,
                    version=max(state.versions[k] for k, _ in state.partition.overlaps(span)),
                    state={name: array[part] for name, array in state.rule_state.items()},
                    buffers=None if buffers is None else buffers[index],
                )
            )

    @property
    def versions(self) -> tuple[int, ...]:
        """Per shard: updates applied."""
        return tuple([shard.version for shard in self.shards])

    def pull(
        self,
        out: Float32Array,
        parts: Selection | None = None,
        shards: Collection[int] | None = None,
    ) -> tuple[int, ...]:
        """Copy the parameters of `parts` (default: all) to their places in `out` float32 [n].

        Args:
            out: float32 [n].
            parts: which parameters.
            shards: only what these of the shards have of them; by default all shards.

        Returns:
            Version per shard now, whether or not anything of it was copied.
        """
        for piece in self.partition.pieces(parts or self.partition.whole):
            if shards is not None and piece.shard not in shards:
                continue
            first = self.partition.bounds[piece.shard]
            for span in piece.spans:
                place = slice(first + span.start, first + span.stop)
                self.shards[piece.shard].pull(out[place], span.start)
        return self.versions

    def push(
        self,
        gradient: Float32Array,
        computed_at: Sequence[int],
        rate: float,
        parts: Selection | None = None,
        shards: Collection[int] | None = None,
    ) -> tuple[PushOutcome, ...]:
        """Hand each shard its part of an ascent direction.

        Args:
            gradient: float32 [size of parts].
            computed_at: per shard: version that the gradient was computed at.
            rate: learning rate.
            parts: which parameters the gradient is for; all by default.
            shards: only these of the shards get their part; by default all.

        Returns:
            What each touched shard did with it, in order.
        """
        parts = parts or self.partition.whole
        if gradient.size != parts.size:
            raise InputError(f"push of {gradient.size} entries for {parts.size} parameters")
        return tuple(
            self.shards[piece.shard].push(
                gradient[piece.within.start : piece.within.stop],
                computed_at[piece.shard],
                rate,
                piece.spans,
            )
            for piece in self.partition.pieces(parts)
            if shards is None or piece.shard in shards
        )

    def values(self) -> Float32Array:
        """A copy of all parameters, float32 [n]."""
        return np.concatenate([shard.values for shard in self.shards])

    def state(self) -> ServerState:
        """A copy of everything that `restore` needs."""
        names = self.shards[0].state.keys()
        rule_state = {
            name: np.concatenate([shard.state[name] for shard in self.shards]) for name in names
        }
        return ServerState(self.values(), rule_state, self.partition, self.versions)

    def counts(self) -> ShardCounts:
        """Counts summed over shards."""
        return sum((shard.counts for shard in self.shards), ShardCounts())
