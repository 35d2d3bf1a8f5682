"""Where the word errors are: the speakers and the words that have most of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from outergrad.report.formatting import clean, count, fixed, system_name
from outergrad.report.html import Group, Markup, csv_link, element, table
from outergrad.report.parts import caption
from outergrad.report.run import Run

_SHOWN = 10
"""Rows of each table; files have all."""
_COUNTS = ("sub", "ins", "del")


def error_parts(run: Run) -> Sequence[Markup]:
    """Tables of speakers and of confusions; nothing when results.json does not have them whole."""
    errors = run.results.get("errors")
    if not isinstance(errors, Mapping):
        return ()
    try:
        where = f"{system_name(clean(errors['system']))}, {clean(errors['lm'])} language model"
        return (_speakers(run, errors["speakers"], where), _confusions(run, errors, where))
    except (KeyError, TypeError, ValueError):
        # An older run, one that scored nothing, or a damaged file.
        return ()


def _speakers(run: Run, speakers: Sequence[Mapping[str, Any]], where: str) -> Markup:
    rows = [
        [
            speaker["speaker"],
            fixed(100 * sum(speaker[k] for k in _COUNTS) / speaker["words"])
            if speaker["words"]
            else "–",
            *(count(speaker[k]) for k in (*_COUNTS, "words", "utterances")),
        ]
        for speaker in speakers
    ]
    more = f"; {_SHOWN} of {count(len(rows))} speakers" if len(rows) > _SHOWN else ""
    head = ("Speaker", "WER %", "Sub", "Ins", "Del", "Words", "Utterances")
    return element(
        "figure",
        table(head, [Group(rows[:_SHOWN])], "Word error by speaker"),
        caption(
            run,
            f"Word error by speaker, highest first{more}. {where}.",
            csv_link("speakers", head, rows),
        ),
    )


def _confusions(run: Run, errors: Mapping[str, Any], where: str) -> Markup:
    kinds = {
        "Substitutions": [(spoken, said, n) for (spoken, said), n in errors["substitutions"]],
        "Insertions": [("", said, n) for said, n in errors["insertions"]],
        "Deletions": [(spoken, "", n) for spoken, n in errors["deletions"]],
    }
    groups = [
        Group([[spoken, said, count(n)] for spoken, said, n in found[:_SHOWN]], title)
        for title, found in kinds.items()
        if found
    ]
    head = ("Spoken", "Recognized", "Times")
    data = csv_link(
        "confusions",
        ("Error", *head),
        ((title, *error) for title, found in kinds.items() for error in found),
    )
    return element(
        "figure",
        table(head, groups, "Most frequent errors", (1,)),
        caption(run, f"Most frequent errors. {where}.", data),
    )
