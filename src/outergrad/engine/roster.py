"""Who is at work: workers and shards that are alive, missing or gone home, and how often each
role was restarted."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from outergrad.workers.config import AsyncConfig

SHARD = "shard"
"""What shards are called beside the roles."""


@dataclass(frozen=True, slots=True)
class Presence:
    """One role's part of a roster."""

    role: str
    """"replica", "decoder", "evaluator" or "shard"."""
    alive: int
    """At work, or waiting for some."""
    wanted: int
    """Who should be; those that are starting or dead are not alive, those gone home not wanted."""
    restarts: int
    """Deaths that were followed by a new start."""


class Roster:
    """Who is wanted and who is there, as the engine tells."""

    def __init__(self, config: AsyncConfig) -> None:
        self._sizes = {
            "replica": config.replicas,
            "decoder": config.replicas * config.decoders,
            "evaluator": 1,
            SHARD: config.shards,
        }
        self._wanted: dict[str, set[int]] = {}
        self._missing: dict[str, set[int]] = {}
        self._restarts: Counter[str] = Counter()
        self.everybody()

    def everybody(self) -> None:
        """All are there: an engine whose workers need no starting."""
        self._wanted = {role: set(range(size)) for role, size in self._sizes.items()}
        self._missing = {role: set() for role in self._sizes}

    def starts(self, role: str, index: int) -> None:
        """A worker is wanted but not there yet."""
        self._wanted[role].add(index)
        self._missing[role].add(index)

    def arrives(self, role: str, index: int) -> None:
        """A worker is there."""
        self._missing[role].discard(index)

    def leaves(self, role: str, index: int) -> None:
        """A worker has nothing left to do."""
        self._wanted[role].discard(index)

    def restarted(self, role: str) -> None:
        """One of a role has died and is replaced."""
        self._restarts[role] += 1

    def misses(self, role: str, indices: Collection[int]) -> None:
        """These of a role, and no others, do not answer."""
        self._missing[role] = set(indices)

    def presences(self) -> tuple[Presence, ...]:
        """All roles, replicas first."""
        return tuple(
            Presence(role, len(wanted - self._missing[role]), len(wanted), self._restarts[role])
            for role, wanted in self._wanted.items()
        )
