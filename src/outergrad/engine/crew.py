"""The workers of a session that live in processes of their own: hand out, replace, send home.

Engines differ in how workers are started and how their messages come; what the messages mean, who
gets what, and what a death costs is the same.
"""

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from outergrad.engine.protocol import Failed, Role
from outergrad.engine.session import Session
from outergrad.errors import InputError, RunError
from outergrad.workers.messages import Evaluation, Outcome, Signal


class Member(Protocol):
    """A worker as the coordinator sees it."""

    role: Role
    """What it does."""
    index: int
    """Which one of its role."""
    waiting: bool
    """Whether it has asked for work and got no answer yet."""
    dismissed: bool
    """Whether it was told that there is no more work."""

    @property
    def name(self) -> str:
        """For people, e.g. "decoder 0"."""
        ...

    def send(self, message: Any) -> None:
        """Send a message without waiting for the worker to read it."""
        ...

    def end(self) -> object:
        """Kill it."""
        ...


M = TypeVar("M", bound=Member)


class Crew(Generic[M]):
    """Replicas, decoders and the evaluator of one session."""

    def __init__(
        self,
        session: Session,
        start: Callable[[Role, int], M],
        pack: Callable[[object], object] = lambda answer: answer,
    ) -> None:
        """Nobody yet.

        Args:
            session: whom they work for.
            start: starts a worker.
            pack: makes of an answer what the engine sends.
        """
        self.members: list[M] = []
        """Those that were started and are not gone."""
        self._session = session
        self._start = start
        self._pack = pack
        self._deaths: dict[str, int] = {}

    def start(self) -> None:
        """Start everybody."""
        config = self._session.config
        for index in range(config.replicas):
            self._hire(Role.REPLICA, index)
        for index in range(config.replicas * config.decoders):
            self._hire(Role.DECODER, index)
        self._hire(Role.EVALUATOR, 0)

    def _hire(self, role: Role, index: int) -> None:
        self._session.roster.starts(role.value, index)
        self.members.append(self._start(role, index))

    def end(self) -> None:
        """End everybody."""
        while self.members:
            self.members.pop().end()

    def ready(self, member: M) -> None:
        """A worker is built and about to work."""
        self._session.roster.arrives(member.role.value, member.index)

    def brought(self, member: M, result: Outcome | Evaluation) -> None:
        """A decoder or the evaluator brings a result."""
        if isinstance(result, Outcome):
            self._session.decoded(result)
        else:
            self._session.evaluated(result)
        self.worked(member)

    def worked(self, member: M) -> None:
        """A worker has done something, so its deaths before are forgiven."""
        self._deaths.pop(member.name, None)

    def hand_out(self, *, quiet: bool) -> None:
        """Answer those who wait and for whom there is something.

        Args:
            quiet: whether no message is waiting to be handled.

        Raises:
            RunError: everybody waits, and nothing can come of it.
        """
        for member in self.members:
            if not member.waiting:
                continue
            answer = self._answer(member)
            if answer is Signal.LATER:
                continue
            member.waiting = False
            if answer is Signal.END:
                # A replica still uses up its slots, and may ask again while it does.
                member.dismissed = member.role is not Role.REPLICA
                answer = None
            member.send(self._pack(answer))
        idle = all(member.waiting for member in self.members if not member.dismissed)
        if idle and quiet and not self._session.finished:
            raise RunError("all workers wait, but visits are open: please report this")

    def _answer(self, member: M) -> object:
        match member.role:
            case Role.DECODER:
                return self._session.next_utterance(member.index)
            case Role.REPLICA:
                return self._session.next_outcome(member.index)
            case Role.EVALUATOR:
                return self._session.next_evaluation()

    def may_go(self, member: M) -> bool:
        """Whether a worker that ends has nothing left to do."""
        if member.role is Role.REPLICA:
            return not self._session.coordinator.replica_busy(member.index)
        return member.dismissed

    def left(self, member: M) -> None:
        """A worker has ended as it should."""
        self.members.remove(member)
        self._session.roster.leaves(member.role.value, member.index)

    def died(self, member: M, why: str) -> None:
        """A worker has ended as it should not: replace it.

        Raises:
            RunError: it has died too often without any work between.
        """
        self.members.remove(member)
        deaths = self._deaths[member.name] = self._deaths.get(member.name, 0) + 1
        if deaths > self._session.config.max_restarts:
            raise RunError(f"{member.name} died {deaths} times in a row; the last time: {why}")
        self._session.worker_lost(member.role.value, member.index, why)
        self._hire(member.role, member.index)


def refuse_unbuilt(name: str, failure: Failed) -> None:
    """Give up when worker `name` failed before any work: the next one would, too.

    Raises:
        InputError: the input is wrong.
        RunError: it failed otherwise.
    """
    if failure.building and failure.bad_input:
        raise InputError(f"{name} cannot start: {failure.summary}")
    if failure.building:
        raise RunError(f"{name} cannot start: {failure.text}")
