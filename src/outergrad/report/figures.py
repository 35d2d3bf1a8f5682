"""The figures of a run. Each is drawn for a width in px: one for a desk, one for a phone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from outergrad.report.curves import AGES, Ages, Curve
from outergrad.report.findings import Score
from outergrad.report.formatting import (
    clean,
    fixed,
    learning_rate,
    shortened,
    significant,
    system_name,
    time_unit,
)
from outergrad.report.svg import ACCENT, INK, MARGIN, MUTED, RULE, Box, Canvas, draw

WIDE = 760
NARROW = 340
_RIGHT = 6
_BINS = 32


def wer_figure(scores: Sequence[Score], width: int) -> str:
    """Word error of each system as a dot with its interval, one panel per language model."""
    lms = list(dict.fromkeys(score.lm for score in scores))
    systems = list(dict.fromkeys(score.system for score in scores))
    labels = {system: shortened(system_name(system), 22) for system in systems}
    wide = width >= 600 and len(lms) <= 3
    left = 12 + round(7.6 * max(len(label) for label in labels.values()))
    row, gap, head, foot = 28, 24, 28, 42
    columns = len(lms) if wide else 1
    panel_width = (width - left - _RIGHT - gap * (columns - 1)) / columns
    panel_height = row * len(systems)
    block = head + panel_height + foot
    height = block if wide else block * len(lms)
    last = systems[-1]
    most = max(max(score.wer, score.high or 0) for score in scores) or 1.0
    # Room on the right for the number beside the longest bar.
    most *= panel_width / (panel_width - 44)

    def paint(canvas: Canvas) -> None:
        for index, lm in enumerate(lms):
            column, down = (index, 0) if wide else (0, index)
            box = Box(
                left + column * (panel_width + gap),
                head + down * block,
                panel_width,
                panel_height,
            )
            axes = canvas.panel(box, "", most_ticks=(5, 4))
            axes.grid(visible=False)
            axes.grid(axis="x", color=RULE, linewidth=0.8)
            axes.set(xlim=(0, most), ylim=(len(systems) - 0.5, -0.5), yticks=[])
            for score in scores:
                if score.lm != lm:
                    continue
                colour = ACCENT if score.system == last else INK
                y = systems.index(score.system)
                if score.low is not None and score.high is not None:
                    axes.plot([score.low, score.high], [y, y], color=colour, linewidth=2)
                axes.plot([score.wer], [y], "o", color=colour, markersize=8)
                middle = box.top + (y + 0.5) * row
                end = max(score.wer, score.high or 0) / most * box.width
                canvas.text(
                    box.left + end + 9, middle + 4, fixed(score.wer), colour=colour, weight="bold"
                )
            if column == 0:
                for y, system in enumerate(systems):
                    colour = ACCENT if system == last else INK
                    middle = box.top + (y + 0.5) * row
                    canvas.text(0, middle + 4, labels[system], colour=colour)
            canvas.text(box.left, box.top - 12, f"{shortened(clean(lm), 24)} LM", weight="bold")
            bottom = box.top + box.height + 33
            canvas.text(box.left + box.width, bottom, "word error, %", align="right", colour=MUTED)

    return draw("wer", width, height, paint)


def ce_figure(curve: Curve, width: int) -> str:
    """Cross-entropy and, where recorded, frame error by epoch."""
    panels = ["ce", "heldout_frame_error"] if curve.has("heldout_frame_error") else ["ce"]
    if not curve.has("train_ce", "heldout_ce"):
        panels.remove("ce")

    def paint(canvas: Canvas) -> None:
        first = None
        for box, name, is_last in _stacked(canvas, panels, 170):
            title = "cross-entropy, nats" if name == "ce" else "held-out frame error, %"
            axes = canvas.panel(box, title, share_x=first, tick_labels=is_last)
            first = first or axes
            if name == "ce":
                _line(axes, *curve.points("train_ce"), MUTED)
                _line(axes, *curve.points("heldout_ce"), ACCENT)
                entries = [
                    (label, colour)
                    for label, colour, key in (
                        ("training", MUTED, "train_ce"),
                        ("held-out", ACCENT, "heldout_ce"),
                    )
                    if curve.has(key)
                ]
                canvas.key(box.left + box.width, box.top - 12, entries)
            else:
                _line(axes, *curve.points(name), ACCENT)
            _mark_rates(canvas, box, axes, curve, 1.0, box.top + 8 if axes is first else None)
            if is_last:
                _horizontal_title(canvas, box, "epoch")

    return draw(f"ce-{curve.stage}", width, _stack_height(panels, 170), paint)


def sequence_figure(curve: Curve, width: int, names: Sequence[str] = ("criterion", "wer")) -> str:
    """Quantities of sequence training over time, stacked on one time axis."""
    titles = {
        "criterion": "held-out criterion per frame",
        "wer": "held-out word error, %",
        "frame_error": "held-out frame error, %",
    }
    panels = [name for name in names if curve.has(name)]
    unit, seconds = time_unit(float(curve.position[-1]))

    def paint(canvas: Canvas) -> None:
        first = None
        for box, name, is_last in _stacked(canvas, panels, 150):
            axes = canvas.panel(box, titles[name], share_x=first, tick_labels=is_last)
            first = first or axes
            positions, values = curve.points(name)
            _line(axes, positions / seconds, values, ACCENT)
            # The criterion rises to the right, so the room for labels is at the bottom.
            foot = box.top + box.height - 8
            _mark_rates(canvas, box, axes, curve, seconds, foot if axes is first else None)
            if is_last:
                _horizontal_title(canvas, box, f"time since the stage began, {unit}")

    return draw(f"{'-'.join(panels)}-{curve.stage}", width, _stack_height(panels, 150), paint)


def ages_figure(
    ages: Mapping[tuple[str, str], Ages],
    summary: Mapping[tuple[str, str], tuple[float, float]],
    width: int,
    stage: str = "",
) -> str:
    """Histograms of the outer and the inner age, in updates and in seconds; of which stage."""
    shown = [key for key in AGES if key in ages]
    columns = 2 if width >= 600 and len(shown) > 1 else 1
    gap, head, panel_height, foot = 74, 30, 110, 38
    panel_width = (width - MARGIN - _RIGHT - gap * (columns - 1)) / columns
    block = head + panel_height + foot
    rows = -(-len(shown) // columns)

    def paint(canvas: Canvas) -> None:
        for index, key in enumerate(shown):
            gradient, unit = key
            box = Box(
                MARGIN + (index % columns) * (panel_width + gap),
                head + (index // columns) * block,
                panel_width,
                panel_height,
            )
            axes = canvas.panel(box, f"{gradient} age, {unit}", most_ticks=(5, 3))
            shares, edges = age_histogram(ages[key], whole=unit == "updates")
            colour = ACCENT if gradient == "outer" else MUTED
            axes.stairs(shares, edges, fill=True, color=colour, linewidth=0)
            axes.yaxis.set_major_formatter(lambda share, _: f"{share:g} %")
            axes.set(xlim=(edges[0], edges[-1]), ylim=(0, max(float(shares.max()) * 1.08, 1e-9)))
            median, p95 = summary[key]
            for value, style in ((median, "-"), (p95, (0, (3, 2)))):
                if edges[0] <= value <= edges[-1]:
                    axes.axvline(value, color=INK, linewidth=1, linestyle=style)
            note = f"median {significant(median)}, p95 {significant(p95)}"
            canvas.text(box.left + box.width, box.top - 12, note, align="right", colour=MUTED)

    return draw(f"ages-{stage}" if stage else "ages", width, rows * block, paint)


def age_histogram(ages: Ages, whole: bool) -> tuple[Any, Any]:
    """Share of the pushes (%) by age.

    The axis ends at the 99th percentile, so that a few very old gradients do not squeeze the rest;
    older ones count into the last bin.

    Args:
        ages: what was recorded.
        whole: ages are whole numbers; each bin then holds equally many of them, with the
            numbers in its middle.

    Returns:
        shares float64 [bins] in %, edges float64 [bins + 1].
    """
    end = max(ages.quantile(0.99), 1.0 if whole else 1e-9)
    if whole:
        step = int(np.ceil((end + 1) / _BINS))
        edges = np.arange(0, end + 1 + step, step, dtype=np.float64) - 0.5
    else:
        edges = np.linspace(0.0, end, _BINS + 1)
    inside = np.minimum(ages.values, (edges[-2] + edges[-1]) / 2)
    counts, _ = np.histogram(inside, edges, weights=ages.weights)
    return 100.0 * counts / counts.sum(), edges


def _stacked(canvas: Canvas, panels: Sequence[str], panel: int) -> list[tuple[Box, str, bool]]:
    width = canvas.width - MARGIN - _RIGHT
    return [
        (Box(MARGIN, 30 + i * (panel + 46), width, panel), name, i == len(panels) - 1)
        for i, name in enumerate(panels)
    ]


def _stack_height(panels: Sequence[str], panel: int) -> int:
    return 30 + len(panels) * panel + (len(panels) - 1) * 46 + 44


def _line(axes: Any, x: Any, y: Any, colour: str) -> None:
    marker = {"marker": "o", "markersize": 4.5} if len(x) <= 40 else {}
    axes.plot(x, y, color=colour, linewidth=1.8, solid_joinstyle="round", **marker)


def _horizontal_title(canvas: Canvas, box: Box, title: str) -> None:
    canvas.text(box.left + box.width, box.top + box.height + 35, title, align="right", colour=MUTED)


def _mark_rates(
    canvas: Canvas, box: Box, axes: Any, curve: Curve, scale: float, labels: float | None
) -> None:
    """Vertical rules where the learning rate changed; the new rate at height `labels` px."""
    begin, end = float(curve.position[0]) / scale, float(curve.position[-1]) / scale
    margin = 0.02 * (end - begin) or 1.0
    axes.set_xlim(begin - margin, end + margin)
    free = box.left
    for position, rate in curve.changes("rate"):
        axes.axvline(position / scale, color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
        x = box.left + (position / scale - begin + margin) / (end - begin + 2 * margin) * box.width
        label = f"rate {learning_rate(rate)}"
        room = x >= free and x + 8 + 6.5 * len(label) < box.left + box.width
        if labels is not None and room:
            canvas.text(x + 5, labels, label, colour=MUTED)
            free = x + 14 + 7 * len(label)
