"""Repeats the sequence training of a finished run in the order that it recorded."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from outergrad.config import build, read_toml
from outergrad.criteria.config import Kind
from outergrad.engine.simulated.config import NetworkCost
from outergrad.engine.simulated.replay import ReplayEngine
from outergrad.engine.simulated.trace import refuse_unrecorded
from outergrad.engine.training import train
from outergrad.errors import InputError
from outergrad.nnet.acoustic import AcousticModel
from outergrad.nnet.parameters import flatten
from outergrad.progress import Progress
from outergrad.recipes.listener import watched
from outergrad.recipes.sequence import TRACE, sequence_program
from outergrad.recipes.settings import RunConfig
from outergrad.recipes.stages import SETTINGS
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


def replay(run: Path, progress: Progress, kind: Kind | None = None) -> Replayed:
    """Train again as `run` did, on engine `simulated`; writes records to ``replay`` in it.

    Args:
        run: run directory.
        progress: bars and notes.
        kind: which criterion's training; may be None when there is only one.

    Raises:
        InputError: no training there that has ended, or more than one to choose from; or one that
            a trace does not determine: it was resumed, ran on a cluster or in virtual time with a
            network, or its learning rate followed measured gaps.
        RunError: the run was not made with the program and the data that are there now.
    """
    run = run.resolve()
    kind = _trained(run, kind)
    model, trace = run / kind / "model", run / kind / TRACE
    if not trace.exists():
        raise InputError(f"{_named(run, kind)}: no order was recorded ({TRACE} is missing)")
    config = build(RunConfig, read_toml(run / SETTINGS), SETTINGS)
    try:
        _refuse_undetermined(config)
    except InputError as error:
        raise InputError(f"{_named(run, kind)}: {error}") from None
    program = sequence_program(run, config, kind)
    training, scale = config.sequence.training, config.sequence.rate_scale.of(kind)
    schedule = replace(training.schedule, rate=training.schedule.rate * scale)
    records = run / "replay" / f"{kind}.jsonl"
    records.unlink(missing_ok=True)
    with (
        RecordWriter(records, kind.value) as writer,
        watched(
            progress,
            f"{kind.label} again",
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


def _named(run: Path, kind: Kind) -> str:
    return f"{run}: the {kind.label} training cannot be replayed"


def _trained(run: Path, kind: Kind | None) -> Kind:
    """The criterion whose training is meant, with a model of it in `run`.

    Raises:
        InputError: there is none, or several to choose from.
    """
    ended = [each for each in Kind if (run / each / "model").exists()]
    if kind in ended:
        return kind
    if kind is not None:
        raise InputError(f"{_named(run, kind)}: it has not ended ({kind}/model is missing)")
    if not ended:
        raise InputError(
            f"{run}: nothing to replay: no sequence training has ended (mmi/model and those of "
            "other criteria are missing)"
        )
    if len(ended) > 1:
        raise InputError(f"{run}: --criterion is needed: choose one of {', '.join(ended)}")
    return ended[0]


def _refuse_undetermined(config: RunConfig) -> None:
    """Refuse trainings that went by more than the order in which the coordinator did things.

    Raises:
        InputError: what it is.
    """
    if config.engine == "simulated" and config.simulated.network != NetworkCost():
        # Replicas go on while their pushes are under way.
        raise InputError(
            "it was made in virtual time with a network, and can be repeated instead: the same "
            "settings and seed give the same bits"
        )
    if config.engine == "ray":
        raise InputError(
            "it ran on a cluster (engine ray), where each shard has an order of its own, which "
            "nobody records"
        )
    refuse_unrecorded(config.sequence.training)
