"""The WER table: for the terminal and as plain text."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from outergrad.report.findings import Score, scores
from outergrad.report.formatting import clean, count, fixed, significant, system_name

COLUMNS = ("System", "WER %", "95 % interval", "Sub", "Ins", "Del", "Words", "Weight", "Penalty")
"""Columns of the WER table; rates are in %, the others count words, or say with which LM weight and
insertion penalty was decoded."""


def wer_rows(score: Score) -> tuple[str, ...]:
    """The cells of one system, in the order of `COLUMNS`."""
    interval = (
        "–"
        if score.low is None or score.high is None
        else f"{fixed(score.low)} – {fixed(score.high)}"
    )
    return (
        system_name(score.system),
        fixed(score.wer),
        interval,
        count(score.substitutions),
        count(score.insertions),
        count(score.deletions),
        count(score.words),
        significant(score.lm_weight),
        significant(score.insertion_penalty),
    )


def by_language_model(results: Mapping[str, Any]) -> dict[str, list[Score]]:
    """The scores under each language model, weakest model first."""
    groups: dict[str, list[Score]] = {}
    for score in scores(results):
        groups.setdefault(clean(score.lm), []).append(score)
    return groups


def wer_table(results: Mapping[str, Any]) -> Table:
    """The WER table for the terminal.

    Args:
        results: contents of results.json.

    Returns:
        Systems × language models with sub/ins/del; the lowest word error of each model is bold.
        Names are shown as they are, never read as markup.
    """
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for index, title in enumerate(("LM", *COLUMNS[:-1])):
        table.add_column(title, justify="right" if index > 1 else "left", no_wrap=index != 1)
    for lm, group in by_language_model(results).items():
        best = min(score.wer for score in group)
        for score in group:
            style = "bold" if score.wer == best else ""
            cells = (Text(cell, style=style) for cell in wer_rows(score)[:-1])
            table.add_row(Text(lm if score is group[0] else "", style="dim"), *cells)
        table.add_section()
    return table
