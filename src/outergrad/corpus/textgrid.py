"""Praat TextGrids: interval tiers, read in the long and the short text format, written long."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from outergrad.errors import InputError

# Praat reads texts in quotation marks, free-standing numbers and flags; all else is decoration.
_TOKEN = re.compile(
    r'"(?P<text>(?:[^"]|"")*)"|(?P<flag><exists>|<absent>)'
    r"|(?<![\w\[])(?P<number>[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w\]])"
)


class TextGridError(InputError):
    """A file that is no TextGrid; says what is wrong."""


@dataclass(frozen=True, slots=True)
class TextInterval:
    """`text` from `begin` to `end`, in seconds."""

    begin: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Tier:
    """An interval tier."""

    name: str
    intervals: tuple[TextInterval, ...]


def read_textgrid(path: Path) -> list[Tier]:
    """The interval tiers of a TextGrid; point tiers are skipped.

    Args:
        path: UTF-8, or UTF-16 with a byte order mark, as Praat writes.

    Raises:
        TextGridError: the file cannot be read or is no TextGrid.
    """
    try:
        raw = path.read_bytes()
        encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        content = raw.decode(encoding)
    except (OSError, UnicodeDecodeError) as error:
        raise TextGridError(f"{path} cannot be read: {error}") from error
    tokens = _tokens(content)
    try:
        if [next(tokens), next(tokens)] != ["ooTextFile", "TextGrid"]:
            raise TextGridError(f"{path} is no TextGrid: its first lines do not say so")
        next(tokens), next(tokens)
        tiers = []
        if next(tokens) == "<exists>":
            for _ in range(_count(next(tokens))):
                tier = _tier(tokens)
                if tier is not None:
                    tiers.append(tier)
    except StopIteration:
        raise TextGridError(f"{path} is no whole TextGrid: it ends in the middle") from None
    except (TypeError, ValueError) as error:
        raise TextGridError(f"{path} is no TextGrid: {error}") from error
    return tiers


def format_textgrid(seconds: float, tiers: Sequence[Tier]) -> str:
    """A TextGrid from 0 to `seconds`; what lies between intervals becomes empty intervals."""
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {seconds:.10g}",
        "tiers? <exists>",
        f"size = {len(tiers)}",
        "item []:",
    ]
    for number, tier in enumerate(tiers, start=1):
        intervals = _without_gaps(seconds, tier.intervals)
        lines += [
            f"    item [{number}]:",
            '        class = "IntervalTier"',
            f"        name = {_quoted(tier.name)}",
            "        xmin = 0",
            f"        xmax = {seconds:.10g}",
            f"        intervals: size = {len(intervals)}",
        ]
        for place, interval in enumerate(intervals, start=1):
            lines += [
                f"        intervals [{place}]:",
                f"            xmin = {interval.begin:.10g}",
                f"            xmax = {interval.end:.10g}",
                f"            text = {_quoted(interval.text)}",
            ]
    return "\n".join(lines) + "\n"


def _tokens(content: str) -> Iterator[str | float]:
    for match in _TOKEN.finditer(content):
        if match["text"] is not None:
            yield match["text"].replace('""', '"')
        elif match["number"] is not None:
            yield float(match["number"])
        else:
            yield match["flag"]


def _tier(tokens: Iterator[str | float]) -> Tier | None:
    kind, name = next(tokens), next(tokens)
    next(tokens), next(tokens)
    size = _count(next(tokens))
    if kind == "TextTier":
        for _ in range(size):
            next(tokens), next(tokens)
        return None
    if kind != "IntervalTier":
        raise ValueError(f"a tier of class {kind!r}")
    intervals = []
    for _ in range(size):
        begin, end, text = next(tokens), next(tokens), next(tokens)
        intervals.append(TextInterval(_seconds(begin), _seconds(end), str(text)))
    return Tier(str(name), tuple(intervals))


def _count(token: str | float) -> int:
    value = _seconds(token)
    if value != int(value) or value < 0:
        raise ValueError(f"{value} is no number of tiers or intervals")
    return int(value)


def _seconds(token: str | float) -> float:
    if not isinstance(token, float) or not math.isfinite(token):
        raise ValueError(f"{token!r} stands where a number should")
    return token


def _without_gaps(seconds: float, intervals: Sequence[TextInterval]) -> list[TextInterval]:
    whole: list[TextInterval] = []
    at = 0.0
    for interval in intervals:
        if interval.begin > at:
            whole.append(TextInterval(at, interval.begin, ""))
        whole.append(interval)
        at = interval.end
    if at < seconds:
        whole.append(TextInterval(at, seconds, ""))
    return whole


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
