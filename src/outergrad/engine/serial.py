"""Engine `serial`: all roles in one thread, each doing its next piece of work when it is needed.

A replica that needs an outer gradient runs one of its decoders for one utterance; replicas take
turns, a batch each. Deterministic, and with one replica exactly the plain training loop.
"""

import itertools
import time

from outergrad.arrays import Float32Array
from outergrad.engine.frozen import FrozenClient
from outergrad.engine.memory import ParameterMemory, PrivateMemory
from outergrad.engine.session import Session
from outergrad.errors import RunError
from outergrad.ps.partition import Partition, Selection
from outergrad.workers.config import AsyncConfig
from outergrad.workers.decoder import Decoder
from outergrad.workers.evaluator import Evaluator
from outergrad.workers.messages import (
    Assignment,
    Evaluation,
    EvaluationRequest,
    Outcome,
    PushNote,
    Signal,
)
from outergrad.workers.program import Program
from outergrad.workers.replica import Replica


class SerialEngine:
    """Runs the roles round robin in the calling thread."""

    def now(self) -> float:
        """Seconds of the system's monotonic clock."""
        return time.monotonic()

    def memory(self, program: Program, config: AsyncConfig) -> ParameterMemory:
        """Ordinary memory."""
        return PrivateMemory(Partition.even(program.parameters.size, config.shards))

    def run(self, session: Session) -> None:
        """Work until the session is finished."""
        program, config = session.program, session.config
        size = program.parameters.size
        client = _Client(session)
        source = program.evaluator.build()
        evaluator = Evaluator(size, source, FrozenClient(session), _EvaluatorDesk(session))
        replicas = []
        for index in range(config.replicas):
            decoders = []
            for number in range(index * config.decoders, (index + 1) * config.decoders):
                desk = _DecoderDesk(session, number)
                outer = program.outer.build()
                decoders.append(
                    Decoder(
                        number,
                        size,
                        program.trained,
                        outer,
                        config.fetch,
                        client,
                        desk,
                        desk,
                        session.now,
                        config.gap,
                    )
                )
            inbox = _Outcomes(session, index, decoders)
            inner = program.inner.build()
            replicas.append(
                Replica(index, size, program.trained, inner, config, client, inbox, session.now)
            )
        evaluator.step()
        while not session.finished:
            worked = False
            for index, replica in enumerate(replicas):
                if session.coordinator.joined(index) and not session.finished:
                    worked |= replica.step()
                    worked |= evaluator.step()
                    session.tick()
            if not worked and not session.finished:
                raise RunError("no worker can go on, but visits are open: please report this")


class _Client:
    """The parameter server, in the same thread."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def versions(self) -> tuple[int, ...]:
        return self._session.server.versions

    def pull(self, out: Float32Array, parts: Selection | None = None) -> tuple[int, ...]:
        return self._session.server.pull(out, parts)

    def push(self, gradient: Float32Array, note: PushNote) -> None:
        self._session.push(gradient, note)


class _DecoderDesk:
    """Where a decoder gets utterances and puts results."""

    def __init__(self, session: Session, decoder: int) -> None:
        self._session = session
        self._decoder = decoder

    def take(self) -> Assignment | None:
        answer = self._session.next_utterance(self._decoder)
        return None if isinstance(answer, Signal) else answer

    def put(self, outcome: Outcome) -> None:
        self._session.decoded(outcome)


class _Outcomes:
    """Runs a decoder when the queue is empty."""

    def __init__(self, session: Session, replica: int, decoders: list[Decoder]) -> None:
        self._session = session
        self._replica = replica
        self._decoders = itertools.cycle(decoders)

    def take(self) -> Outcome | None:
        while True:
            answer = self._session.next_outcome(self._replica)
            if isinstance(answer, Outcome):
                return answer
            if answer is Signal.END or not next(self._decoders).step():
                return None


class _EvaluatorDesk:
    """Where the evaluator gets requests and puts answers."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def take(self) -> EvaluationRequest | None:
        answer = self._session.next_evaluation()
        return None if isinstance(answer, Signal) else answer

    def put(self, evaluation: Evaluation) -> None:
        self._session.evaluated(evaluation)
