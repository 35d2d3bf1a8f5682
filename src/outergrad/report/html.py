"""HTML elements from Python values: text is escaped unless it is already an element."""

import base64
import csv
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of a table that belong together, with a title above and a note below."""

    rows: Sequence[Sequence[object]]
    title: str | None = None
    note: str | None = None


def join(parts: Iterable[object]) -> Markup:
    """Several elements or texts, one after the other."""
    return Markup(
        "".join(part if isinstance(part, Markup) else html.escape(clean(part)) for part in parts)
    )


def table(
    head: Sequence[object],
    groups: Sequence[Group],
    caption: str,
    text_columns: Sequence[int] = (),
) -> Markup:
    """A table that scrolls in its own box where it is too wide.

    Args:
        head: column titles; the first column holds names, the others numbers.
        groups: the rows.
        caption: what the table shows, for readers who cannot see it.
        text_columns: columns after the first that hold text, not numbers.

    Returns:
        The box with the table.
    """
    bodies = []
    kinds = ["text" if index in text_columns else None for index in range(len(head))]
    for group in groups:
        lines = []
        if group.title is not None:
            title = element("span", group.title)
            cell = element("th", title, colspan=len(head), scope="rowgroup")
            lines.append(element("tr", cell, class_="group"))
        for row in group.rows:
            cells = [element("th", row[0], scope="row")]
            cells += [
                element("td", value, class_=kind)
                for value, kind in zip(row[1:], kinds[1:], strict=True)
            ]
            lines.append(element("tr", *cells))
        if group.note is not None:
            cell = element("td", element("span", group.note), colspan=len(head))
            lines.append(element("tr", cell, class_="note"))
        bodies.append(element("tbody", *lines))
    titles = element(
        "tr",
        *(
            element("th", title, scope="col", class_=kind)
            for title, kind in zip(head, kinds, strict=True)
        ),
    )
    return element(
        "div",
        element(
            "table",
            element("caption", caption),
            element("thead", titles),
            *bodies,
        ),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label=caption,
    )


def csv_text(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV with a head."""
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_csv_cell(value) for value in row] for row in rows)
    return buffer.getvalue()


def csv_link(name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> Markup:
    """A link that downloads a figure's data as CSV, held in the link itself."""
    data = base64.b64encode(csv_text(head, rows).encode("utf-8")).decode("ascii")
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
