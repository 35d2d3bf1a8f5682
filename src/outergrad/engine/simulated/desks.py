"""Where simulated workers get work and bring results: the session, and who waits for what."""

from collections import deque
from collections.abc import Callable
from typing import TypeVar

from outergrad.engine.session import Session
from outergrad.engine.simulated.cores import Cores
from outergrad.engine.simulated.world import SERVER, Fiber, World
from outergrad.workers.messages import (
    Assignment,
    Evaluation,
    EvaluationRequest,
    Outcome,
    Signal,
)

T = TypeVar("T")


class _Seat:
    """A worker that waits for an answer, and the answer."""

    __slots__ = ("answer", "fiber")

    def __init__(self, fiber: Fiber) -> None:
        self.fiber = fiber
        self.answer: object = None


class Desks:
    """Answers questions when there is something to say, in an order that is always the same.

    Who is told that there is nothing for now waits here, by replica, and is answered at the next
    change that concerns it. So no event looks at more than the workers of one replica, however
    many replicas there are.
    """

    def __init__(self, world: World, session: Session, latency: float, clerk: "Clerk") -> None:
        self.clerk = clerk
        """The coordinator at work."""
        replicas = session.config.replicas
        self._world = world
        self._session = session
        self._latency = latency
        self._decoders: list[dict[int, _Seat]] = [{} for _ in range(replicas)]
        self._replicas: dict[int, _Seat] = {}
        self._evaluator: _Seat | None = None
        self._joined = self._all_joined()
        self.evaluator = EvaluatorDesk(self)

    def decoder(self, index: int) -> "DecoderDesk":
        """The desk of a decoder."""
        return DecoderDesk(self, index)

    def replica(self, index: int) -> "ReplicaDesk":
        """The desk of a replica."""
        return ReplicaDesk(self, index)

    # ---- questions; the calling fiber waits for the answer ----

    def next_utterance(self, decoder: int) -> Assignment | None:
        """Work for a decoder; None when there will be no more."""
        self._go_on()
        answer = self._session.next_utterance(decoder)
        if answer is Signal.LATER:
            replica = decoder // self._session.config.decoders
            answer = self._sit(self._decoders[replica], decoder, Assignment)
        else:
            self._handed(answer)
        self._travel()
        return None if isinstance(answer, Signal) else answer

    def next_outcome(self, replica: int) -> Outcome | None:
        """An outer gradient for a replica; None when it should use up what it has."""
        self._go_on()
        answer = self._session.next_outcome(replica)
        if answer is Signal.LATER:
            answer = self._sit(self._replicas, replica, Outcome)
        else:
            self._seat_decoders(replica)
        self._travel()
        return None if isinstance(answer, Signal) else answer

    def next_evaluation(self) -> EvaluationRequest | None:
        """Work for the evaluator; None when there will be no more."""
        self._go_on()
        answer = self._session.next_evaluation()
        if answer is Signal.LATER:
            seat = self._evaluator = _Seat(self._world.fiber)
            self._world.wait()
            answer = seat.answer  # type: ignore[assignment]
        return None if isinstance(answer, Signal) else answer

    def _sit(self, seats: dict[int, _Seat], index: int, kind: type[T]) -> T | Signal:
        seat = seats[index] = _Seat(self._world.fiber)
        self._world.wait()
        assert isinstance(seat.answer, kind | Signal)
        return seat.answer

    def _go_on(self) -> None:
        """Let those go first whose turn it is at the same time."""
        self._world.sleep_until(self._world.now)

    def _travel(self) -> None:
        """Question and answer take their time."""
        if self._latency:
            self._world.sleep_until(self._world.now + 2 * self._latency)

    # ---- results ----

    def decoded(self, outcome: Outcome) -> None:
        """A decoder sends its result on its way."""

        def arrive() -> None:
            self._session.decoded(outcome)
            self._seat_replica(outcome.assignment.replica)
            self._seat_decoders(outcome.assignment.replica)
            self._changed()

        if self._latency:
            self._world.at(self._world.now + self._latency, SERVER, lambda: self.clerk.do(arrive))
        else:
            self.clerk.do(arrive)

    def evaluated(self, evaluation: Evaluation) -> None:
        """The evaluator brings its result."""
        self._session.evaluated(evaluation)
        self._changed()

    def pushed(self) -> None:
        """A push was applied."""
        self._changed()

    def _changed(self) -> None:
        """Something has happened that may concern everybody."""
        session = self._session
        if session.finished:
            self._world.stop()
        session.tick()
        if self._evaluator is not None:
            request = session.next_evaluation()
            if request is not Signal.LATER:
                self._answer(self._evaluator, request)
                self._evaluator = None
        if not self._joined and self._all_joined():
            self._joined = True
            for replica in range(len(self._decoders)):
                self._seat_decoders(replica)
        if session.coordinator.visits.finished:
            for replica in range(len(self._decoders)):
                self._seat_replica(replica)
                self._seat_decoders(replica)

    def _all_joined(self) -> bool:
        config = self._session.config
        return all(self._session.coordinator.joined(r) for r in range(config.replicas))

    # ---- answers to those who wait ----

    def _seat_decoders(self, replica: int) -> None:
        seats = self._decoders[replica]
        for decoder in list(seats):
            answer = self._session.next_utterance(decoder)
            if answer is Signal.LATER:
                return  # nor is there anything for the others of this replica
            self._answer(seats.pop(decoder), answer)
            self._handed(answer)

    def _seat_replica(self, replica: int) -> None:
        if replica in self._replicas:
            answer = self._session.next_outcome(replica)
            if answer is not Signal.LATER:
                self._answer(self._replicas.pop(replica), answer)

    def _answer(self, seat: _Seat, answer: object) -> None:
        seat.answer = answer
        self._world.wake(seat.fiber)

    def _handed(self, answer: Assignment | Signal) -> None:
        """When an utterance will be overdue, let those who are idle ask for it."""
        limit = self._session.config.backup_seconds
        if not limit or not isinstance(answer, Assignment):
            return
        visit = answer.visit

        def help_out() -> None:
            if self._session.coordinator.is_decoding(visit):
                for replica in range(len(self._decoders)):
                    self._seat_decoders(replica)

        # A hair later, for an utterance is overdue when it has been held for longer.
        self._world.at((self._world.now + limit) * (1 + 1e-9), SERVER, help_out)


class Clerk:
    """What the coordinator's work takes: one utterance at a time, on a core that others share."""

    def __init__(self, cores: Cores, seconds: float) -> None:
        self.busy = 0.0
        """Seconds of work so far."""
        self._cores = cores
        self._seconds = seconds
        self._waiting: deque[Callable[[], None]] = deque()

    def do(self, then: Callable[[], None]) -> None:
        """Work on an utterance when those before are done, and call `then`."""
        if not self._seconds:
            then()
            return
        self._waiting.append(then)
        if len(self._waiting) == 1:
            self._cores.run(self._seconds, self._done)

    def _done(self) -> None:
        self.busy += self._seconds
        then = self._waiting.popleft()
        if self._waiting:
            self._cores.run(self._seconds, self._done)
        then()


class DecoderDesk:
    """A decoder's ports."""

    def __init__(self, desks: Desks, decoder: int) -> None:
        self._desks = desks
        self._decoder = decoder

    def take(self) -> Assignment | None:
        """Wait for an utterance."""
        return self._desks.next_utterance(self._decoder)

    def put(self, outcome: Outcome) -> None:
        """Bring an outer gradient."""
        self._desks.decoded(outcome)


class ReplicaDesk:
    """A replica's inbox."""

    def __init__(self, desks: Desks, replica: int) -> None:
        self._desks = desks
        self._replica = replica

    def take(self) -> Outcome | None:
        """Wait for an outer gradient."""
        return self._desks.next_outcome(self._replica)


class EvaluatorDesk:
    """The evaluator's ports."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks

    def take(self) -> EvaluationRequest | None:
        """Wait for a request."""
        return self._desks.next_evaluation()

    def put(self, evaluation: Evaluation) -> None:
        """Answer it."""
        self._desks.evaluated(evaluation)
