"""How good the auxiliary function still was when an outer gradient had been used: measured gaps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from outergrad.arrays import Float64Array
from outergrad.report.formatting import clean, count, significant
from outergrad.report.html import Group, Markup, csv_link, element, table
from outergrad.report.parts import figure
from outergrad.report.run import Run, number
from outergrad.report.svg import ACCENT, INK, MARGIN, MUTED, Box, Canvas, draw

_RIGHT = 6


@dataclass(frozen=True, slots=True)
class Gaps:
    """Gaps of one stage, auxiliary function less criterion, both as changes since theta'.

    Args:
        stage: what was trained.
        ages: float64 [n], server updates since the decoder's parameters.
        values: float64 [n], per frame, in the criterion's unit.
    """

    stage: str
    ages: Float64Array
    values: Float64Array


def measured_gaps(run: Run) -> list[Gaps]:
    """The gaps of each sequence criterion; what lacks its age or is not finite is left out."""
    found = []
    for training in run.trainings():
        pairs = [
            (age, value)
            for record in training.all("gap")
            if (age := number(record.get("outer_age_updates"))) is not None
            and (value := number(record.get("gap"))) is not None
        ]
        if pairs:
            ages, values = np.array(pairs, dtype=np.float64).T
            found.append(Gaps(training.stage, ages, values))
    return found


def gap_parts(run: Run) -> Sequence[Markup]:
    """Text, table and a figure for each stage; nothing when no gap has been measured."""
    found = measured_gaps(run)
    if not found:
        return ()
    rows = [
        [
            gaps.stage,
            count(len(gaps.values)),
            *(significant(float(np.quantile(np.abs(gaps.values), q))) for q in (0.5, 0.95, 1.0)),
            significant(float(np.median(gaps.ages))),
        ]
        for gaps in found
    ]
    head = ("Stage", "Measured", "Median", "95th percentile", "Largest", "Median age, updates")
    return (
        element(
            "p",
            "An outer gradient stands for the criterion only near the parameters that it was "
            "made with. On a sample of utterances the change that the auxiliary function promised "
            "is compared with the change of the criterion that a new lattice shows.",
        ),
        table(head, [Group(rows)], "Gap between auxiliary function and criterion, per frame"),
        *(
            figure(
                run,
                lambda width, gaps=gaps: gap_figure(gaps, width),  # type: ignore[misc]
                f"Stage {clean(gaps.stage)}: size of the gap per frame by the age of the outer "
                "gradient, one point an utterance. Rule: median.",
                csv_link(
                    f"{clean(gaps.stage)}-gaps",
                    ("outer_age_updates", "gap_per_frame"),
                    zip(gaps.ages.tolist(), gaps.values.tolist(), strict=True),
                ),
            )
            for gaps in found
            if gaps.values.any()
        ),
    )


def gap_figure(gaps: Gaps, width: int) -> str:
    """Size of each gap by age, logarithmic; gaps of exactly 0 have no place there."""
    height = 150
    box = Box(MARGIN, 30, width - MARGIN - _RIGHT, height)
    sizes = np.abs(gaps.values)
    shown = sizes > 0

    def paint(canvas: Canvas) -> None:
        axes = canvas.panel(box, "size of the gap per frame")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0e}")
        axes.plot(gaps.ages[shown], sizes[shown], "o", color=ACCENT, markersize=4, alpha=0.7)
        median = float(np.median(sizes))
        if median > 0:
            axes.axhline(median, color=INK, linewidth=1)
        note = "age of the outer gradient, updates"
        canvas.text(box.left + box.width, 30 + height + 35, note, align="right", colour=MUTED)

    return draw(f"gaps-{gaps.stage}", width, 30 + height + 44, paint)
