"""The figures of a run as files, for documents outside the report."""

import re
from collections.abc import Iterator
from pathlib import Path

from outergrad.errors import InputError, RunError
from outergrad.report import figures
from outergrad.report.curves import age_summary, ages, ce_curves, sequence_curves
from outergrad.report.findings import scores
from outergrad.report.gaps import gap_figure, measured_gaps
from outergrad.report.run import Run, load_run
from outergrad.report.svg import standalone


def write_figures(run_dir: Path, folder: Path, width: int = figures.WIDE) -> tuple[Path, ...]:
    """Write every figure that the run has data for as an SVG file.

    Args:
        run_dir: folder with results.json and records/*.jsonl.
        folder: where to write; made when missing.
        width: of the figures, px.

    Returns:
        The files: word-error.svg, `<stage>`-epochs.svg, `<stage>`-evaluations.svg,
        `<stage>`-frame-error.svg, `<stage>`-gaps.svg and staleness.svg, of several criteria
        `<stage>`-staleness.svg, as far as there is data. They follow the reader's light or dark
        scheme.

    Raises:
        InputError: if there is no such run directory, or nothing in it to draw.
        RunError: if a file cannot be written.
    """
    run = load_run(run_dir)
    drawn = list(_drawn(run, width))
    if not drawn:
        raise InputError(
            f"{run_dir}: nothing to draw: it has no results.json and no records; figures are of "
            "run directories"
        )
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, svg in drawn:
            path = folder / f"{re.sub(r'[^a-zA-Z0-9_-]', '_', name)}.svg"
            path.write_text(standalone(svg), encoding="utf-8")
            written.append(path)
    except OSError as error:
        raise RunError(f"{folder}: cannot write figures: {error.strerror}") from error
    return tuple(written)


def _drawn(run: Run, width: int) -> Iterator[tuple[str, str]]:
    scored = scores(run.results)
    if scored:
        yield "word-error", figures.wer_figure(scored, width)
    for curve in ce_curves(run):
        if curve.has("train_ce", "heldout_ce", "heldout_frame_error"):
            yield f"{curve.stage}-epochs", figures.ce_figure(curve, width)
    for curve in sequence_curves(run):
        if curve.has("criterion", "wer"):
            yield f"{curve.stage}-evaluations", figures.sequence_figure(curve, width)
        if curve.has("frame_error"):
            frame_error = figures.sequence_figure(curve, width, ("frame_error",))
            yield f"{curve.stage}-frame-error", frame_error
    trainings = run.trainings()
    for training in trainings:
        recorded = ages(training)
        if recorded:
            name = "staleness" if len(trainings) == 1 else f"{training.stage}-staleness"
            summary = age_summary(training, recorded)
            yield name, figures.ages_figure(recorded, summary, width, training.stage)
    for gaps in measured_gaps(run):
        if gaps.values.any():
            yield f"{gaps.stage}-gaps", gap_figure(gaps, width)
