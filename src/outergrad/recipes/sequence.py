"""Stages `mmi`, `bmmi`, `smbr`, `mpe`: asynchronous sequence training from the CE model."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from outergrad.config import to_table
from outergrad.criteria.config import Kind
from outergrad.engine.engines import make_engine
from outergrad.engine.result import Ages, Staleness, TrainingResult
from outergrad.engine.snapshots import SnapshotStore
from outergrad.engine.training import train
from outergrad.errors import RunError
from outergrad.nnet.acoustic import AcousticModel
from outergrad.nnet.parameters import ParameterLayout, flatten, load_flat
from outergrad.nnet.precision import check_device
from outergrad.progress import Progress
from outergrad.ps.partition import Selection, Span
from outergrad.recipes.listener import watched
from outergrad.recipes.models import Bootstrapped
from outergrad.recipes.prepare import Prepared
from outergrad.recipes.recording import recording, records_of
from outergrad.recipes.roles import DecoderSource, EvaluatorSource, ReplicaSource
from outergrad.recipes.settings import RunConfig
from outergrad.records import RecordWriter, read_records
from outergrad.workers.messages import Age
from outergrad.workers.program import Factory, Program

TRACE = "trace.jsonl"
"""In the stage's folder: the order of pulls and pushes, for `outergrad replay`."""


def run_sequence(
    folder: Path, run: Path, config: RunConfig, progress: Progress, kind: Kind
) -> Mapping[str, Any]:
    """Train with outer gradients from on-the-fly lattices; write ``model``.

    Args:
        folder: the stage's own folder; snapshots in it let an interrupted training go on.
        run: the run directory, from which each role opens what it needs.
        config: all settings.
        progress: bars and notes.
        kind: the criterion.

    Raises:
        RunError: every visit failed, or training could not go on.
    """
    program = sequence_program(run, config, kind)
    training, scale = config.sequence.training, config.sequence.rate_scale.of(kind)
    schedule = replace(training.schedule, rate=training.schedule.rate * scale)
    snapshots = folder / "snapshots"
    # Killed before its first snapshot, or with damaged ones only, a training starts anew, and so
    # do its records.
    resumed = SnapshotStore(snapshots).usable
    if not resumed:
        (folder / TRACE).unlink(missing_ok=True)
    with (
        recording(run, kind.value, resumed=resumed, tensorboard=config.tensorboard) as records,
        RecordWriter(folder / TRACE, kind.value) as trace,
        watched(
            progress,
            kind.label,
            config.engine,
            len(program.utterances),
            config.filterbank.frame_shift_ms / 1000,
        ) as listener,
    ):
        result = train(
            program,
            replace(training, schedule=schedule, seed=config.seed),
            make_engine(config.engine, *config.engine_settings()),
            listener,
            records=records,
            trace=trace,
            snapshots=snapshots,
            resume=True,
        )
    refuse_untrained(result)
    model = AcousticModel.load(run / "ce" / "model")
    load_flat(model.module, result.parameters)
    model.save(folder / "model")
    # The result has seen the pushes since the last start, the records have all of them.
    return {**summary_of(result), **_recorded(records_of(run, kind.value))}


def sequence_program(run: Path, config: RunConfig, kind: Kind) -> Program:
    """What a criterion's stage trains: the CE model of a run, on all that could be aligned.

    Raises:
        InputError: the replicas' device is not there.
    """
    check_device(config.sequence.device)
    model = AcousticModel.load(run / "ce" / "model")
    last = ParameterLayout.of(model.module).last_layer
    table = to_table(config)
    # Only what could be aligned in the bootstrap is worth a visit; the rest is in its summary.
    aligned = Bootstrapped(run / "bootstrap").alignments("train")
    whole = config.sequence.layers == "all"
    return Program(
        outer=Factory.of(DecoderSource, run=str(run), config=table, criterion=kind.value),
        inner=Factory.of(ReplicaSource, run=str(run), config=table),
        evaluator=Factory.of(EvaluatorSource, run=str(run), config=table, criterion=kind.value),
        parameters=flatten(model.module),
        utterances=tuple(
            u.id for u in Prepared(run / "prepare").corpus("train") if u.id in aligned
        ),
        trained=None if whole else Selection.of(Span(last.start, last.stop)),
    )


def refuse_untrained(result: TrainingResult) -> None:
    """Give up when no utterance could be used.

    Raises:
        RunError: all visits failed; it names the reasons, the most frequent one first.
    """
    visits = result.visits
    if result.updates or visits.completed or not visits.failed:
        return
    reasons = sorted(visits.reasons.items(), key=lambda item: (-item[1], item[0]))
    counted = ", ".join(f"{reason} ({count})" for reason, count in reasons)
    raise RunError(
        f"nothing was trained: all {visits.failed} visits of utterances failed: {counted}. "
        "numerator-...: the CE model cannot align the transcripts; see how good it is, check the "
        "pronunciations, or set sequence.outer.alignment.retry_beam higher. denominator-...: "
        "nothing survives the search; set sequence.outer.decoder.beam higher. scores-not-finite: "
        "train the CE model anew with a lower rate"
    )


def summary_of(result: TrainingResult) -> dict[str, Any]:
    """What is kept of a training in its stage's stamp; JSON-able, None for what is not finite.

    Ages are those of the pushes since the last start: None when there was none, as when a
    training is resumed that had nothing left to do.
    """
    frames = result.frames
    return {
        "updates": result.updates,
        "stopped_by": result.stop_reason,
        "criterion": _finite(result.best.held_out.criterion),
        "best_update": result.best.request.updates,
        "staleness": _staleness(result.outer, result.inner),
        "frames": {
            "total": frames.frames,
            "kept": frames.kept,
            "cancelled": frames.cancelled,
            "rejected": frames.rejected,
        },
        "utterances": {
            "visits": result.visits.handed - result.visits.lost,
            "failed": dict(result.visits.reasons),
            "reference_lost": result.reference_missing,
            "held_out_for_wer_only": result.best.held_out.without_reference,
        },
        "pushes": asdict(result.pushes),
        "restarts": result.restarts,
    }


def _recorded(records: Path) -> dict[str, Any]:
    """Ages over all pushes in the records, and gaps."""
    ages, gaps = {"outer": Ages(), "inner": Ages()}, list[float]()
    for record in read_records(records):
        if record["kind"] == "push":
            for which, of in ages.items():
                of.add(Age(record[f"{which}_age_updates"], record[f"{which}_age_seconds"]))
        elif record["kind"] == "gap" and record["gap"] is not None:
            gaps.append(record["gap"])
    staleness = _staleness(Staleness.of(ages["outer"]), Staleness.of(ages["inner"]))
    return {"staleness": staleness, "gap": _gaps(gaps)}


def _gaps(found: Sequence[float]) -> dict[str, float]:
    """Sizes of the gaps between auxiliary functions and the criterion, per frame."""
    if not found:
        return {"measured": 0}
    sizes = np.abs(found)
    return {
        "measured": len(found),
        "mean": float(np.mean(found)),
        "median_size": float(np.median(sizes)),
        "largest_size": float(sizes.max()),
    }


def _staleness(outer: Staleness, inner: Staleness) -> dict[str, Any]:
    return {"outer": _ages(outer), "inner": _ages(inner)}


def _ages(staleness: Staleness) -> dict[str, dict[str, float | None]]:
    return {
        unit: {"median": _finite(ages.median, 3), "p95": _finite(ages.p95, 3)}
        for unit, ages in (("updates", staleness.updates), ("seconds", staleness.seconds))
    }


def _finite(value: float, digits: int | None = None) -> float | None:
    """The value, rounded where `digits` are given; None when JSON has no number for it."""
    if not math.isfinite(value):
        return None
    return value if digits is None else round(value, digits)
