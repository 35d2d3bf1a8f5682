"""Repeats the sequence training of a finished run in the order that it recorded."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from outergrad.config import build, read_toml
from outergrad.criteria.config import Kind
from outergrad.engine.simulated.config import NetworkCost
from outergrad.engine.simulated.replay import ReplayEngine
from outergrad.engine.training import train
from outergrad.errors import InputError
from outergrad.nnet.acoustic import AcousticModel
from outergrad.nnet.parameters import flatten
from outergrad.progress import Progress
from outergrad.recipes.listener import watched
from outergrad.recipes.sequence import TRACE, sequence_program
from outergrad.recipes.settings import RunConfig
from outergrad.records import RecordWriter


@dataclass(frozen=True, slots=True)
class Replayed:
    """How a replay compares with what it repeats."""

    updates: int
    """Server updates."""
    criterion: float
    """Best held-out criterion per frame."""
    difference: float
    """Largest difference of any parameter of the best models; 0: the same bits."""


def replay(run: Path, progress: Progress) -> Replayed:
    """Train again as `run` did, on engine `simulated`; writes records to ``replay`` in it.

    Raises:
        InputError: no run there whose training has ended, or one that was resumed, or one in
            virtual time with a network, whose replicas go on while their pushes are under way.
        RunError: the run was not made with the program and the data that are there now.
    """
    run = run.resolve()
    model, trace = run / "mmi" / "model", run / "mmi" / TRACE
    for path, what in ((model, "its training has not ended"), (trace, "no order was recorded")):
        if not path.exists():
            raise InputError(f"{run}: cannot be replayed: {what} ({path.name} is missing)")
    config = build(RunConfig, read_toml(run / "config.toml"), "config.toml")
    if config.engine == "simulated" and config.simulated.network != NetworkCost():
        raise InputError(
            f"{run}: a training in virtual time with a network cannot be replayed, but repeated: "
            "the same settings and seed give the same bits"
        )
    program = sequence_program(run, config, Kind.MMI)
    training, scale = config.sequence.training, config.sequence.rate_scale.of(Kind.MMI)
    schedule = replace(training.schedule, rate=training.schedule.rate * scale)
    records = run / "replay" / "mmi.jsonl"
    records.unlink(missing_ok=True)
    with (
        RecordWriter(records, "mmi") as writer,
        watched(
            progress,
            "replay",
            "simulated",
            len(program.utterances),
            config.filterbank.frame_shift_ms / 1000,
        ) as listener,
    ):
        result = train(
            program,
            replace(training, schedule=schedule, seed=config.seed),
            ReplayEngine.of(trace),
            listener,
            records=writer,
        )
    before = flatten(AcousticModel.load(model).module)
    return Replayed(
        updates=result.updates,
        criterion=result.best.held_out.criterion,
        difference=float(np.max(np.abs(result.parameters - before))),
    )
