"""Charts of experiments: panels with lines, points and intervals, and their data as CSV."""

from collections.abc import Iterator, Sequence
from typing import Any

from outergrad.report.experiment import Chart, Panel
from outergrad.report.formatting import clean, shortened
from outergrad.report.svg import ACCENT, INK, MARGIN, MUTED, Box, Canvas, draw

CSV_HEAD = ("panel", "series", "x", "y", "low", "high")
"""Columns of a chart's data."""

_RIGHT, _PANEL, _HEAD, _FOOT, _KEY_ROW = 10, 190, 30, 52, 20
_STYLES: tuple[tuple[str, Any, str], ...] = tuple(
    (colour, dash, marker)
    for dash, marker in (("-", "o"), ((0, (4, 2)), "s"), ((0, (1, 1.5)), "^"))
    for colour in (ACCENT, INK, MUTED)
)
"""Colour, dash and marker: no two of nine series look the same, also without colours."""


def chart_figure(chart: Chart, width: int) -> str:
    """The chart as an `<svg>` element, `width` px wide; see `svg.draw`."""
    labels = list(dict.fromkeys(s.label for panel in chart.panels for s in panel.series))
    columns = max(1, min(len(labels), width // 230)) if len(labels) > 1 else 1
    key = -(-len(labels) // columns) * _KEY_ROW if len(labels) > 1 else 0
    block = _HEAD + _PANEL + _FOOT
    height = block * len(chart.panels) + key

    def paint(canvas: Canvas) -> None:
        for index, panel in enumerate(chart.panels):
            box = Box(MARGIN, _HEAD + index * block, canvas.width - MARGIN - _RIGHT, float(_PANEL))
            _paint_panel(canvas, box, panel, labels)
        for index, label in enumerate(labels if key else ()):
            x = MARGIN + (index % columns) * (canvas.width - MARGIN) / columns
            y = block * len(chart.panels) + (index // columns) * _KEY_ROW + 8
            colour, _, _ = _STYLES[index % len(_STYLES)]
            sign = "●■▲"[index // 3 % 3]
            canvas.text(x, y, f"{sign} {shortened(clean(label), 34)}", colour=colour)

    return draw(chart.name, width, height, paint)


def _ticks(values: Sequence[Sequence[float]], most: int) -> list[float]:
    """Where there are points, as many places as there is room for, the last one among them."""
    places = sorted({value for series in values for value in series})
    step = -(-len(places) // most) or 1
    return places[::-1][::step][::-1]


def _paint_panel(canvas: Canvas, box: Box, panel: Panel, labels: Sequence[str]) -> None:
    axes = canvas.panel(box, panel.vertical, most_ticks=(6 if canvas.width > 500 else 4, 5))
    if panel.logarithmic:
        axes.set_xscale("log")
        # Powers of ten would leave an axis within a decade with one number, or none.
        ticks = _ticks([s.x for s in panel.series], most=10 if canvas.width > 500 else 5)
        axes.set_xticks(ticks, [f"{value:g}" for value in ticks])
        axes.set_xticks([], minor=True)
    if panel.categories:
        count = len(panel.categories)
        axes.set_xticks(range(count), [shortened(clean(c), 18) for c in panel.categories])
        axes.set_xlim(-0.6, count - 0.4)
    shown = [s for s in panel.series if len(s.x)]
    for place, series in enumerate(shown):
        colour, dash, marker = _STYLES[labels.index(series.label) % len(_STYLES)]
        # Beside one another where they would hide one another.
        shift = (place - (len(shown) - 1) / 2) * 0.12 if panel.categories else 0.0
        x = [value + shift for value in series.x]
        if series.low is not None and series.high is not None:
            if panel.categories:
                axes.vlines(x, series.low, series.high, color=colour, linewidth=2)
            else:
                axes.fill_between(x, series.low, series.high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(
            x,
            series.y,
            color=colour,
            linestyle="" if panel.categories else dash,
            marker=marker if panel.categories or len(x) <= 60 else "",
            markersize=8 if panel.categories else 4.5,
            linewidth=1.8,
        )
    canvas.text(
        box.left + box.width, box.top + box.height + 36, panel.horizontal, align="right",
        colour=MUTED,
    )  # fmt: skip


def chart_rows(chart: Chart) -> Iterator[tuple[object, ...]]:
    """The data of a chart, one point a row, in the columns of `CSV_HEAD`."""
    for panel in chart.panels:
        for series in panel.series:
            for k, (x, y) in enumerate(zip(series.x, series.y, strict=True)):
                where = panel.categories[round(x)] if panel.categories else x
                low = None if series.low is None else series.low[k]
                high = None if series.high is None else series.high[k]
                yield panel.vertical, series.label, where, y, low, high
