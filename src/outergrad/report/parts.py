"""What sections are made of: headings, figures with captions that say where they come from."""

from collections.abc import Callable, Iterable, Sequence

from outergrad.report import figures
from outergrad.report.curves import Curve
from outergrad.report.formatting import NBSP, clean, described
from outergrad.report.html import Markup, csv_link, element
from outergrad.report.run import Run


def section(title: str, *parts: Markup) -> Markup:
    """A section of the page."""
    return element("section", element("h2", title), *parts)


def figure(run: Run, paint: Callable[[int], str], text: str, data: Markup) -> Markup:
    """A figure drawn for a desk and for a phone, its caption `text`, a link to its `data`."""
    return element(
        "figure",
        *(
            element("div", Markup(paint(width)), class_=kind, role="img", aria_label=text)
            for width, kind in ((figures.WIDE, "wide-figure"), (figures.NARROW, "narrow"))
        ),
        caption(run, text, data),
    )


def caption(run: Run, text: str, data: Markup) -> Markup:
    """What is shown, what made it, where its numbers are."""
    download = element("span", f" {NBSP}", data, class_="download")
    return element("figcaption", text, " ", provenance(run), download)


def provenance(run: Run) -> str:
    """Which engine, seed, data and configuration made a figure, as far as the run says."""
    named = (("engine", "Engine"), ("seed", "seed"), ("data", "data"), ("digest", "configuration"))
    known = [
        f"{label} {described(run.results[key])}"
        for key, label in named
        if run.results.get(key) is not None
    ]
    return ", ".join(known) + "." if known else "Engine, seed, data and configuration not recorded."


def curve_csv(curve: Curve, axis: str, names: Sequence[str]) -> Markup:
    """Link to the numbers of a curve."""
    columns = [curve.position, *(curve.values[name] for name in names)]
    rows: Iterable[Sequence[object]] = (
        [None if value != value else float(value) for value in row]
        for row in zip(*columns, strict=True)
    )
    return csv_link(f"{clean(curve.stage)}-training", (axis, *names), rows)
