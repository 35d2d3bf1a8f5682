"""Pages of experiments: one self-contained HTML file each, an index, figures and CSV beside them.

Nothing is loaded from anywhere and nothing is executed; see `report.page`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from outergrad import __version__
from outergrad.errors import RunError
from outergrad.files import replace_text
from outergrad.report.charts import CSV_HEAD, chart_figure, chart_rows
from outergrad.report.experiment import Chart, ExperimentReport, Rows
from outergrad.report.figures import NARROW, WIDE
from outergrad.report.formatting import NBSP
from outergrad.report.html import Group, Markup, csv_link, csv_text, element, table
from outergrad.report.page import document
from outergrad.report.svg import standalone

PAGE, INDEX = "report.html", "index.html"
"""Names of the files."""


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """An experiment in the index."""

    name: str
    """Experiment, also its folder's name."""
    title: str
    """What it asks."""
    source: str
    """Figure or table of the paper."""
    claim: str
    """What the paper says."""
    verdict: str
    """What was found."""
    parts: str
    """How many of its statements hold, in brackets; empty for a single one."""
    facts: str
    """Engine, seeds, data, digest."""


def write_experiment(folder: Path, report: ExperimentReport) -> Path:
    """Write the page, and each chart as SVG and CSV beside it.

    Returns:
        The page's path. The same report gives the same bytes.

    Raises:
        RunError: a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for chart in report.charts:
            svg = standalone(chart_figure(chart, WIDE))
            replace_text(folder / f"{chart.name}.svg", svg)
            replace_text(folder / f"{chart.name}.csv", csv_text(CSV_HEAD, chart_rows(chart)))
        replace_text(folder / PAGE, experiment_page(report))
    except OSError as error:
        raise RunError(f"{folder}: cannot write the page: {error.strerror}") from error
    return folder / PAGE


def write_index(folder: Path, entries: Sequence[IndexEntry], command: str) -> Path:
    """Write the index of the experiments in `folder`.

    Raises:
        RunError: the file cannot be written.
    """
    try:
        replace_text(folder / INDEX, index_page(entries, command))
    except OSError as error:
        raise RunError(f"{folder}: cannot write the index: {error.strerror}") from error
    return folder / INDEX


def experiment_page(report: ExperimentReport) -> str:
    """The page as text."""
    facts = (element("div", element("dt", k), element("dd", v)) for k, v in report.facts)
    body = element(
        "main",
        element(
            "header",
            element("p", element("b", "outergrad"), f" experiment {report.name}", class_="mark"),
            element("h1", report.title),
            element("p", f"{report.source}. {report.claim}", class_="also"),
            element("dl", *facts, class_="facts"),
        ),
        _verdict(report),
        element(
            "section", element("h2", "Our figure"), *(_figure(c, report) for c in report.charts)
        ),
        *(_table("The paper's numbers", rows) for rows in (report.paper,) if rows),
        *(_table(rows.caption, rows) for rows in report.tables),
        _notes(report.notes) if report.notes else None,
        element(
            "section",
            element("h2", "Command"),
            element("p", "Finished parts are kept: the same command goes on where it stopped."),
            element("pre", report.command, class_="command"),
        ),
        element("footer", f"Made by outergrad {__version__}."),
    )
    return document(report.title, body)


def _verdict(report: ExperimentReport) -> Markup:
    parts = [
        element(
            "div",
            element("p", element("b", statement.verdict), f": {statement.claim}"),
            element("p", statement.evidence, class_="evidence"),
        )
        for statement in report.statements
    ]
    return element("section", element("h2", f"Verdict here: {report.verdict}"), *parts)


def _figure(chart: Chart, report: ExperimentReport) -> Markup:
    told = ", ".join(f"{label.lower()}{NBSP}{value}" for label, value in report.facts)
    return element(
        "figure",
        element("div", Markup(chart_figure(chart, WIDE)), class_="wide-figure"),
        element("div", Markup(chart_figure(chart, NARROW)), class_="narrow"),
        element(
            "figcaption",
            f"{chart.caption} ({told}) ",
            element("span", csv_link(chart.name, CSV_HEAD, chart_rows(chart)), class_="download"),
        ),
    )


def _table(title: str, rows: Rows) -> Markup:
    return element(
        "section", element("h2", title), table(rows.head, [Group(rows.rows)], rows.caption)
    )


def _notes(notes: Sequence[str]) -> Markup:
    return element(
        "section",
        element("h2", "To be read with it"),
        element("ul", *(element("li", n) for n in notes)),
    )


def index_page(entries: Sequence[IndexEntry], command: str) -> str:
    """The index as text."""
    sections = [
        element(
            "section",
            element("h2", element("a", entry.title, href=f"{entry.name}/{PAGE}")),
            element("p", f"{entry.name}. {entry.source}: {entry.claim}"),
            element("p", "Here: ", element("b", entry.verdict), entry.parts),
            element("p", entry.facts, class_="evidence"),
        )
        for entry in entries
    ]
    title = "The paper's experiments"
    body = element(
        "main",
        element(
            "header",
            element("p", element("b", "outergrad"), " experiments", class_="mark"),
            element("h1", title),
            element(
                "p",
                "Heigold et al., Asynchronous stochastic optimization for sequence training of "
                "deep neural networks, ICASSP 2014: what it says, and whether it holds here.",
                class_="also",
            ),
        ),
        *sections,
        element("section", element("h2", "Command"), element("pre", command, class_="command")),
        element("footer", f"Made by outergrad {__version__}."),
    )
    return document(title, body)
