"""Drawing with matplotlib into small SVG that takes its colours and its typeface from the page.

Figures are drawn in placeholder colours, one for each role; in the SVG these become CSS variables,
so that one drawing serves the light and the dark scheme. Text stays text.
"""

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

from outergrad.report.formatting import clean

# Placeholder colours: never shown, only found again in the SVG.
INK = "#010203"
MUTED = "#020304"
RULE = "#030405"
ACCENT = "#040506"

_VARIABLES = {INK: "--ink", MUTED: "--muted", RULE: "--rule", ACCENT: "--accent"}

LIGHT = {
    "--paper": "#ffffff",
    "--ink": "#16191d",
    "--muted": "#636b74",
    "--rule": "#dfe3e7",
    "--accent": "#0b6e69",
}
DARK = {
    "--paper": "#14171a",
    "--ink": "#e7eaed",
    "--muted": "#99a2ab",
    "--rule": "#30363c",
    "--accent": "#4cc9bd",
}
FONT_FAMILY = (
    'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif'
)
_FONT_SIZE = 12
MARGIN = 50
"""px left of a panel for its tick labels; its title begins where these do."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of a drawing in px, from the top left corner."""

    left: float
    top: float
    width: float
    height: float


def declarations(colours: dict[str, str]) -> str:
    """CSS declarations that set the colours of a scheme."""
    return ";".join(f"{name}:{value}" for name, value in colours.items())


def draw(name: str, width: int, height: int, paint: Callable[["Canvas"], None]) -> str:
    """Draw one figure.

    Args:
        name: unlike that of any other figure on the page (it salts the ids inside the SVG).
        width: px.
        height: px.
        paint: draws on the canvas it is given.

    Returns:
        An `<svg>` element for use inside a page that sets the variables of `LIGHT` or `DARK`. The
        same drawing gives the same text.
    """
    # Imported here because matplotlib takes half a second, and most commands draw nothing.
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style = {
        "svg.fonttype": "none",
        "svg.hashsalt": f"{clean(name)}-{width}",
        "text.parse_math": False,
        "font.family": ["DejaVu Sans"],
        "font.size": _FONT_SIZE,
        "text.color": INK,
        "axes.unicode_minus": True,
        "axes.xmargin": 0.02,
        "axes.ymargin": 0.08,
        "path.simplify_threshold": 0.2,
    }
    buffer = StringIO()
    with matplotlib.rc_context(style), warnings.catch_warnings():
        # matplotlib's own typeface only measures; the reader's browser has the glyphs it lacks.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        FigureCanvasSVG(figure)
        paint(Canvas(figure, width, height))
        empty = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=empty, transparent=True)
    return _tidied(buffer.getvalue(), width, height)


def standalone(svg: str) -> str:
    """A figure as an SVG file of its own, in the colours of the reader's light or dark scheme."""
    style = (
        f"<style>:root{{{declarations(LIGHT)}}}"
        f"@media(prefers-color-scheme:dark){{:root{{{declarations(DARK)}}}}}"
        f"text{{font-family:{FONT_FAMILY}}}</style>"
        '<rect width="100%" height="100%" style="fill:var(--paper)"/>'
    )
    opened = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return opened.replace(">", ">" + style, 1)


class Canvas:
    """A figure that is laid out in px, with the look that all our figures share."""

    def __init__(self, figure: Any, width: int, height: int) -> None:
        self._figure = figure
        self.width = width
        self.height = height

    def panel(
        self,
        box: Box,
        title: str,
        *,
        share_x: Any = None,
        tick_labels: bool = True,
        most_ticks: tuple[int, int] = (6, 6),
    ) -> Any:
        """Axes with a horizontal title above, quiet horizontal rules and a base line.

        Args:
            box: the area of the data.
            title: quantity and unit of the vertical axis.
            share_x: axes whose horizontal range this panel shares.
            tick_labels: whether the horizontal axis is labelled here.
            most_ticks: about how many ticks horizontally and vertically.

        Returns:
            matplotlib axes.
        """
        from matplotlib.ticker import MaxNLocator

        area = (
            box.left / self.width,
            1 - (box.top + box.height) / self.height,
            box.width / self.width,
            box.height / self.height,
        )
        axes = self._figure.add_axes(area, sharex=share_x)
        axes.patch.set_visible(False)
        for side in ("left", "right", "top"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set(color=MUTED, linewidth=0.8)
        axes.grid(axis="y", color=RULE, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0, pad=6, labelcolor=MUTED)
        axes.tick_params(
            axis="x",
            length=3.5 if tick_labels else 0,
            color=MUTED,
            labelcolor=MUTED,
            labelbottom=tick_labels,
        )
        axes.xaxis.set_major_locator(MaxNLocator(most_ticks[0], steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_locator(MaxNLocator(most_ticks[1], steps=[1, 2, 2.5, 5, 10]))
        for axis in (axes.xaxis, axes.yaxis):
            axis.get_major_formatter().set_useOffset(False)
        self.text(box.left - MARGIN, box.top - 12, title, weight="bold")
        return axes

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        align: str = "left",
        colour: str = INK,
        weight: str = "normal",
    ) -> None:
        """Text with its base line at (x, y) px from the top left corner."""
        self._figure.text(
            x / self.width,
            1 - y / self.height,
            clean(text),
            ha=align,
            va="baseline",
            color=colour,
            weight=weight,
        )

    def key(self, right: float, y: float, entries: Sequence[tuple[str, str]]) -> None:
        """Name what is drawn in which colour, in these colours, ending at `right` px."""
        for label, colour in reversed(entries):
            self.text(right, y, label, align="right", colour=colour, weight="bold")
            right -= 7.5 * len(label) + 14


def _tidied(svg: str, width: int, height: int) -> str:
    body = svg[svg.index("<svg") :]
    body = body[body.index(">") + 1 :]
    body = re.sub(r"<style.*?</style>", "", body, count=1, flags=re.DOTALL)
    body = re.sub(r"<[^>]*>", lambda tag: _tidied_tag(tag.group()), body)
    body = re.sub(r">\s+<", "><", body.strip())
    return f'<svg viewBox="0 0 {width} {height}">{body}'


def _tidied_tag(tag: str) -> str:
    if tag.startswith("<g "):
        tag = re.sub(r' id="[^"]*"', "", tag)
    tag = re.sub(r' transform="rotate\(-0 [^"]*"', "", tag)
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    tag = re.sub(r"(\d+\.\d\d)\d+", r"\1", tag)
    tag = re.sub(r"font-weight: (bold|700)", "font-weight: 600", tag)
    tag = tag.replace("xlink:href", "href").replace("\n", " ")
    for colour, variable in _VARIABLES.items():
        tag = tag.replace(colour, f"var({variable})")
    return tag
