"""HTML elements from Python values: text is escaped unless it is already an element."""

import base64
import csv
import html
from collections.abc import Iterable, Sequence
from io import StringIO

from outergrad.report.formatting import clean


class Markup(str):
    """HTML that is inserted as it is; every other string is escaped."""

    __slots__ = ()


def element(name: str, *children: object, **attributes: object) -> Markup:
    """An element with children and attributes.

    Args:
        name: tag name.
        children: markup, or text to be escaped; None is left out.
        attributes: `class_` for class, `data_x` for data-x; None is left out.

    Returns:
        The element.
    """
    inside = "".join(
        child if isinstance(child, Markup) else html.escape(clean(child))
        for child in children
        if child is not None
    )
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(clean(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{given}>{inside}</{name}>")


def join(parts: Iterable[object]) -> Markup:
    """Several elements or texts, one after the other."""
    return Markup(
        "".join(part if isinstance(part, Markup) else html.escape(clean(part)) for part in parts)
    )


def table(
    head: Sequence[object],
    groups: Sequence[tuple[str | None, Sequence[Sequence[object]]]],
    caption: str | None = None,
) -> Markup:
    """A table that scrolls in its own box where it is too wide.

    Args:
        head: column titles; the first column holds names, the others numbers.
        groups: (title of the group or None, its rows).
        caption: what the table shows, for readers who cannot see it.

    Returns:
        The box with the table.
    """
    bodies = []
    for title, rows in groups:
        lines = []
        if title is not None:
            cell = element("th", title, colspan=len(head), scope="rowgroup")
            lines.append(element("tr", cell, class_="group"))
        for row in rows:
            cells = [element("th", row[0], scope="row")]
            cells += [element("td", value) for value in row[1:]]
            lines.append(element("tr", *cells))
        bodies.append(element("tbody", *lines))
    titles = element("tr", *(element("th", title, scope="col") for title in head))
    return element(
        "div",
        element(
            "table",
            None if caption is None else element("caption", caption),
            element("thead", titles),
            *bodies,
        ),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label=caption or "Table",
    )


def csv_link(name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> Markup:
    """A link that downloads a figure's data as CSV, held in the link itself."""
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_csv_cell(value) for value in row] for row in rows)
    data = base64.b64encode(buffer.getvalue().encode("utf-8")).decode("ascii")
    return element(
        "a", "CSV", href=f"data:text/csv;charset=utf-8;base64,{data}", download=f"{name}.csv"
    )


def _csv_cell(value: object) -> object:
    """Numbers as they are; text so that no spreadsheet takes it for a formula."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return f"{value:.10g}"
    text = clean(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text
