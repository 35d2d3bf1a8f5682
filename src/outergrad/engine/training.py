"""Asynchronous training, on any engine."""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from outergrad.engine.engines import Engine, EngineName, make_engine
from outergrad.engine.events import Listener
from outergrad.engine.interrupt import Interrupt
from outergrad.engine.result import TrainingResult
from outergrad.engine.session import Session
from outergrad.engine.snapshots import SnapshotStore
from outergrad.errors import InputError
from outergrad.records import RecordSink
from outergrad.workers.config import AsyncConfig
from outergrad.workers.program import Program


def train(
    program: Program,
    config: AsyncConfig,
    engine: EngineName | Engine = "local",
    listener: Listener | None = None,
    *,
    records: RecordSink | None = None,
    trace: RecordSink | None = None,
    snapshots: Path | None = None,
    resume: bool = False,
    clock: Callable[[], float] | None = None,
) -> TrainingResult:
    """Train by asynchronous stochastic ascent with outer and inner gradients.

    Source: Heigold et al. 2014, Fig. 1.

    Args:
        program: where to start, which utterances to visit, how gradients are made.
        config: who there is and how they exchange parameters.
        engine: by name (see `EngineName`), or made by `make_engine` with settings of its own.
        listener: is told how the run is doing.
        records: gets the kinds "outer", "push", "evaluation", "gap", "restart"
            and "resumed".
        trace: gets the order of everything, enough for `ReplayEngine` to repeat the run.
        snapshots: directory for snapshots; also written on Ctrl-C. Those of an earlier run stay
            until this one has written its first.
        resume: go on from the newest complete snapshot there, if any.
        clock: monotonic seconds; the engine's own, which is also its workers', by default.

    Returns:
        The parameters with the best held-out criterion and statistics of the run.

    Raises:
        InputError: the program cannot be run as it is.
        RunError: training diverged twice, or a worker died again and again.
        KeyboardInterrupt: Ctrl-C; the state was saved when `snapshots` was given.
    """
    if program.trained is not None and program.trained.stop > program.parameters.size:
        raise InputError(
            f"trained parameters end at {program.trained.stop}, "
            f"the model has {program.parameters.size}"
        )
    machine = make_engine(engine) if isinstance(engine, str) else engine
    now = clock or machine.now
    start = now()
    memory = machine.memory(program, config)
    store = None if snapshots is None else SnapshotStore(snapshots)
    with closing(memory), Interrupt() as interrupt:
        session = Session(
            program,
            config,
            memory,
            lambda: now() - start,
            listener=listener,
            records=records,
            trace=trace,
            store=store,
            interrupt=interrupt,
            watch=time.monotonic if clock is None else None,
        )
        if resume and session.resume():
            session.notice(f"resumed after {session.coordinator.updates} updates")
        elif store is not None and store.occupied:
            session.notice(
                f"{store.directory}: what is there is not resumed, and is replaced by the first "
                "snapshot of this training"
            )
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
