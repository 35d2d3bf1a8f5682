"""One self-contained HTML page on a run: nothing is loaded from anywhere, nothing is executed."""

from pathlib import Path

from outergrad import __version__
from outergrad.errors import RunError
from outergrad.files import replace_text
from outergrad.report.findings import headline, stage_seconds
from outergrad.report.formatting import described, duration
from outergrad.report.html import Markup, element, join
from outergrad.report.run import Run, load_run
from outergrad.report.sections import SECTIONS, Missing
from outergrad.report.style import STYLE

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Ids and words are escaped; should one slip through, the browser still loads and runs nothing."""


def write_report(run_dir: Path, date: str | None = None) -> Path:
    """Write the report of a run.

    Args:
        run_dir: folder with results.json, records/*.jsonl and config.toml; a part that is missing
            or damaged is left out, and the page says so.
        date: when the run was done, as it shall be shown; by default what results.json has under
            "date", if anything.

    Returns:
        `run_dir`/report.html, written in one step. The same run directory gives the same bytes.

    Raises:
        InputError: if there is no such folder.
        RunError: if the page cannot be written.
    """
    run = load_run(run_dir)
    target = run_dir / "report.html"
    try:
        replace_text(target, page(run, date))
    except OSError as error:
        raise RunError(f"{target}: cannot write the report: {error.strerror}") from error
    return target


def page(run: Run, date: str | None = None) -> str:
    """The page as text; see `write_report`."""
    title, also = headline(run.results)
    built = [section(run) for section in SECTIONS]
    sections = [part for part in built if not isinstance(part, Missing)]
    left_out = [part.why for part in built if isinstance(part, Missing)] + list(run.notices)
    body = element(
        "main",
        element(
            "header",
            element("p", element("b", "outergrad"), " run report", class_="mark"),
            element("h1", title),
            *(element("p", sentence, class_="also") for sentence in also),
            _facts(run, date),
        ),
        *sections,
        _left_out(left_out) if left_out else None,
        element(
            "footer",
            f"Made by outergrad {__version__} from results.json, records and config.toml of the "
            "run. Word errors: bootstrap intervals over utterances (Bisani & Ney 2004), "
            "matched-pairs test on utterances (Gillick & Cox 1989).",
        ),
    )
    return document(title, body)


def document(title: str, body: Markup) -> str:
    """A whole page: nothing in it is loaded from anywhere or executed."""
    head = element(
        "head",
        Markup('<meta charset="utf-8">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        element("title", title),
        element("style", Markup(STYLE)),
    )
    return f"<!doctype html>\n{element('html', head, element('body', body), lang='en')}\n"


def _facts(run: Run, date: str | None) -> Markup:
    results = run.results
    labels = {"data": "Data", "engine": "Engine", "seed": "Seed", "digest": "Configuration"}
    facts = [
        (label, described(results[key]))
        for key, label in labels.items()
        if results.get(key) is not None
    ]
    when = date if date is not None else results.get("date")
    if when:
        facts.append(("Date", described(when)))
    total = sum(stage_seconds(results).values())
    if total > 0:
        facts.append(("Time, all stages", duration(total)))
    return join(
        [
            element(
                "dl",
                *(
                    element("div", element("dt", label), element("dd", value))
                    for label, value in facts
                ),
                class_="facts",
            )
        ]
        if facts
        else []
    )


def _left_out(sentences: list[str]) -> Markup:
    return element(
        "section",
        element("h2", "Not shown"),
        element("ul", *(element("li", sentence) for sentence in sentences)),
    )
