"""Asynchronous training, on any engine."""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Literal, Protocol

from outergrad.engine.events import Listener
from outergrad.engine.interrupt import Interrupt
from outergrad.engine.local.engine import LocalEngine
from outergrad.engine.memory import ParameterMemory
from outergrad.engine.result import TrainingResult
from outergrad.engine.serial import SerialEngine
from outergrad.engine.session import Session
from outergrad.engine.snapshots import SnapshotStore
from outergrad.errors import InputError
from outergrad.records import RecordWriter
from outergrad.workers.config import AsyncConfig
from outergrad.workers.program import Program


class Engine(Protocol):
    """Where roles live and when they run."""

    def memory(self, program: Program, config: AsyncConfig) -> ParameterMemory:
        """Where the parameters are kept."""
        ...

    def run(self, session: Session) -> None:
        """Start the workers, carry their messages until the session is finished, end them."""
        ...


def train(
    program: Program,
    config: AsyncConfig,
    engine: Literal["local", "serial"] = "local",
    listener: Listener | None = None,
    *,
    records: RecordWriter | None = None,
    snapshots: Path | None = None,
    resume: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> TrainingResult:
    """Train by asynchronous stochastic ascent with outer and inner gradients (PAPER section 3).

    Args:
        program: where to start, which utterances to visit, how gradients are made.
        config: who there is and how they exchange parameters.
        engine: `local` (processes and shared memory) or `serial` (one thread, deterministic).
        listener: is told how the run is doing.
        records: gets the kinds "outer", "push", "evaluation", "gap" and "restart".
        snapshots: directory for snapshots; also written on Ctrl-C.
        resume: go on from the newest complete snapshot there, if any.
        clock: monotonic seconds; in `local` the same as the workers', so best left alone.

    Returns:
        The parameters with the best held-out criterion and statistics of the run.

    Raises:
        InputError: the program cannot be run as it is.
        RunError: training diverged twice, or a worker died again and again.
        KeyboardInterrupt: Ctrl-C; the state was saved when `snapshots` was given.
    """
    if program.trained is not None and program.trained.stop > program.parameters.size:
        raise InputError(
            f"trained parameters {program.trained.start}:{program.trained.stop} exceed "
            f"the model's {program.parameters.size}"
        )
    machine: Engine = LocalEngine() if engine == "local" else SerialEngine()
    start = clock()
    memory = machine.memory(program, config)
    with closing(memory), Interrupt() as interrupt:
        session = Session(
            program,
            config,
            memory,
            lambda: clock() - start,
            listener=listener,
            records=records,
            store=None if snapshots is None else SnapshotStore(snapshots),
            interrupt=interrupt,
        )
        if resume and session.resume():
            session.notice(f"resumed after {session.coordinator.updates} updates")
        try:
            session.start()
            machine.run(session)
            while session.coordinator.diverged:
                session.recover()
                machine.run(session)
        except KeyboardInterrupt:
            session.save()
            raise
        session.save()
    return session.result()
