"""A picture of a small word lattice, as SVG."""

from collections.abc import Sequence
from html import escape

from outergrad.arrays import Float64Array
from outergrad.errors import InputError
from outergrad.lattice.paths import arc_occupancies
from outergrad.lattice.word_lattice import WordLattice

MOST_ARCS = 150
"""A picture with more arcs cannot be read."""

_ROW = 46
_MARGIN = 40


def picture(
    lattice: WordLattice, *, words: Sequence[str] | None = None, acoustic_scale: float | None = None
) -> str:
    """Nodes in time from left to right; arcs with their words, thicker the more probable.

    Args:
        lattice: a word lattice with at most MOST_ARCS arcs.
        words: word of each word_id, to print words instead of ids.
        acoustic_scale: κ of the posteriors, that of the lattice if not given.

    Returns:
        An SVG document.

    Raises:
        InputError: the lattice is too large, or no path has a finite score.
    """
    if lattice.num_arcs > MOST_ARCS:
        raise InputError(
            f"a lattice with {lattice.num_arcs} arcs makes no picture (at most {MOST_ARCS});"
            " use a narrower lattice beam"
        )
    _, posterior = arc_occupancies(lattice, acoustic_scale)
    row = _rows(lattice, posterior)
    width = max(600, 8 * lattice.num_frames)
    step = (width - 2 * _MARGIN) / max(lattice.num_frames, 1)
    height = 2 * _MARGIN + _ROW * max(row, default=0)
    x = [_MARGIN + step * int(frame) for frame in lattice.frame]
    # Nodes at one time would hide each other.
    y = [_MARGIN + _ROW * place for place in row]
    body = []
    for arc, (source, target) in enumerate(zip(lattice.source, lattice.destination, strict=True)):
        word = int(lattice.word[arc])
        label = "" if not word else str(word) if words is None else words[word]
        share = float(posterior[arc])
        x0, y0, x1, y1 = x[source], y[source], x[target], y[target]
        bend = 14 * (arc % 3 - 1)
        middle = (x0 + x1) / 2, (y0 + y1) / 2 + bend
        body.append(
            f'<path d="M{x0:.1f} {y0:.1f} Q{middle[0]:.1f} {middle[1] + bend:.1f} {x1:.1f}'
            f' {y1:.1f}" fill="none" stroke="#456" stroke-width="{0.6 + 3 * share:.2f}"'
            f' opacity="{0.35 + 0.65 * share:.2f}"/>'
            f'<text x="{middle[0]:.1f}" y="{middle[1] - 4:.1f}" text-anchor="middle">'
            f"{escape(label)} <tspan>{share:.2f}</tspan></text>"
        )
    body += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="4"/>' for a, b in zip(x, y, strict=True)]
    style = "text{font:11px sans-serif}tspan{fill:#888;font-size:9px}circle{fill:#247}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}"><style>{style}</style>{"".join(body)}</svg>\n'
    )


def _rows(lattice: WordLattice, posterior: Float64Array) -> list[int]:
    """A row for each node: the most probable ways run along the top."""
    through = [0.0] * lattice.num_nodes
    for arc, target in enumerate(lattice.destination.tolist()):
        through[target] += float(posterior[arc])
    through[0] = 1.0
    # A row is free again some frames further on.
    free: list[int] = []
    row = [0] * lattice.num_nodes
    gap = max(lattice.num_frames // 12, 1)
    for node in sorted(range(lattice.num_nodes), key=lambda n: (lattice.frame[n], -through[n])):
        frame = int(lattice.frame[node])
        place = next((i for i, until in enumerate(free) if until <= frame), len(free))
        if place == len(free):
            free.append(0)
        free[place] = frame + gap
        row[node] = place
    return row
