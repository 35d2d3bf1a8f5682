"""What is wrong with a corpus: collected while reading and checking, shown and written at once."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from outergrad.errors import InputError

DEFAULT_MAX_BAD = 0.10
"""Fraction of utterances that may be left out before a run refuses to go on."""


class Kind(StrEnum):
    """What sort of problem; the value is what files and tables show."""

    ENCODING = "not UTF-8"
    MALFORMED = "malformed line"
    DUPLICATE = "duplicate id"
    BAD_ID = "unusable id"
    UNREADABLE_FILE = "unreadable file"
    PIPE = "shell pipe refused"
    MISSING_AUDIO = "missing audio"
    UNREADABLE_AUDIO = "unreadable audio"
    TRUNCATED = "audio cut off"
    EMPTY_AUDIO = "empty audio"
    NOT_FINITE = "nan or infinite samples"
    SILENT = "all samples equal"
    CLIPPED = "clipped audio"
    SEGMENT = "segment outside the recording"
    BAD_RECORDING = "recording unusable"
    NO_AUDIO = "transcript without audio"
    NO_FEATURES = "utterance without features"
    NO_TRANSCRIPT = "audio without transcript"
    EMPTY_TRANSCRIPT = "empty transcript"
    UNKNOWN_WORD = "word outside the lexicon"
    UNKNOWN_WORDS = "utterance with words outside the lexicon"
    TOO_SHORT = "speech shorter than its phones"
    NO_SPEAKER = "speaker unknown"
    PRONUNCIATION = "pronunciation"
    RESAMPLED = "resampled"
    RESPELLED = "respelled"
    NOT_ALIGNED = "no alignment found"
    SPEAKING_RATE = "unusual speaking rate"
    CHANNELS = "channels averaged"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the input, or one conversion that the user should know of.

    Args:
        kind: What sort of problem.
        message: One sentence for the user.
        file: File where it was found, None when it is not in one file.
        line: Line of that file, 1-based, None when it is not in one line.
        utterance: Utterance id, None when it does not concern exactly one utterance.
        fatal: The utterance (or, in a lexicon, the line) is left out; otherwise a notice.
    """

    kind: Kind
    message: str
    file: str | None = None
    line: int | None = None
    utterance: str | None = None
    fatal: bool = True

    @property
    def place(self) -> str:
        """Where it is, as ``file:line``; empty when it is not in a file."""
        if self.file is None:
            return ""
        return self.file if self.line is None else f"{self.file}:{self.line}"

    def __str__(self) -> str:
        parts = [self.place, self.utterance or "", self.message]
        return printable(": ".join(part for part in parts if part))


def printable(text: str) -> str:
    """`text` with control and other unprintable characters escaped, safe for terminals and files.

    Ids and paths in input files are untrusted; an escape sequence in one must not reach a terminal.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def bad_utterances(problems: Iterable[Problem]) -> tuple[str, ...]:
    """Sorted ids of the utterances that are left out."""
    return tuple(sorted({p.utterance for p in problems if p.fatal and p.utterance is not None}))


def bad_fraction(num_good: int, problems: Iterable[Problem]) -> float:
    """Share of the utterances that are left out, in [0, 1].

    A fatal problem without utterance id (a line whose id cannot be read) counts as one utterance
    per line.

    Args:
        num_good: Number of utterances that go on.
        problems: All problems of the same corpus.
    """
    # A line of wav.scp with segments, or of a lexicon, is no utterance: only these kinds are.
    anonymous = (Kind.ENCODING, Kind.MALFORMED, Kind.BAD_ID)
    bad: set[object] = set()
    for problem in problems:
        if problem.fatal and problem.utterance is not None:
            bad.add(problem.utterance)
        elif problem.fatal and problem.kind in anonymous:
            bad.add((problem.file, problem.line))
    total = num_good + len(bad)
    return len(bad) / total if total else 0.0


def require_mostly_good(
    num_good: int, problems: Sequence[Problem], max_bad: float = DEFAULT_MAX_BAD, *, name: str = ""
) -> None:
    """Stop when too many utterances are left out: the input is then probably not what it seems.

    Args:
        num_good: Number of utterances that go on.
        problems: All problems of the same corpus.
        max_bad: Largest accepted fraction of bad utterances, in [0, 1].
        name: Name of the corpus for the message.

    Raises:
        InputError: More than `max_bad` of the utterances are bad, or none is good.
    """
    if not 0.0 <= max_bad <= 1.0:
        raise InputError(f"corpus.max_bad must be a fraction between 0 and 1, not {max_bad}")
    fraction = bad_fraction(num_good, problems)
    if num_good > 0 and fraction <= max_bad:
        return
    kinds = Counter(p.kind.value for p in problems if p.fatal)
    counts = ", ".join(f"{kind}: {count}" for kind, count in kinds.most_common())
    first = next((str(p) for p in problems if p.fatal), "no utterance was found")
    what = f"corpus {printable(name)}" if name else "the corpus"
    advice = (
        "Correct the input"
        if num_good == 0
        else f"Correct them, or raise corpus.max_bad (now {max_bad:g}) to go on with the rest"
    )
    raise InputError(
        f"{fraction:.1%} of the utterances of {what} cannot be used ({counts or 'it is empty'}). "
        f"The first: {first}. {advice}."
    )


def render_problems(problems: Sequence[Problem], examples: int = 5) -> RenderableType:
    """Tables for the terminal: problems that leave something out, then notices, by kind.

    Args:
        problems: What to show.
        examples: Rows shown of each kind; the rest is counted.
    """
    blocks: list[RenderableType] = []
    for fatal, title in ((True, "Left out"), (False, "Notices")):
        groups: dict[Kind, list[Problem]] = {}
        for problem in problems:
            if problem.fatal == fatal:
                groups.setdefault(problem.kind, []).append(problem)
        if not groups:
            continue
        table = Table(title=title, title_justify="left", show_lines=False)
        for column in ("kind", "count", "utterance", "where", "what"):
            table.add_column(
                column, overflow="fold", justify="right" if column == "count" else "left"
            )
        for kind, members in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
            for row, problem in enumerate(members[:examples]):
                table.add_row(
                    kind.value if row == 0 else "",
                    str(len(members)) if row == 0 else "",
                    Text(printable(problem.utterance or "")),
                    Text(printable(problem.place)),
                    Text(printable(problem.message)),
                )
            if len(members) > examples:
                table.add_row("", "", "", "", f"… and {len(members) - examples} more")
            table.add_section()
        blocks.append(table)
    return Group(*blocks)


def write_problems(problems: Sequence[Problem], directory: Path) -> tuple[Path, Path]:
    """Write all problems to ``problems.jsonl`` and the bad utterances to ``bad_utterances.tsv``.

    The table has one line per bad utterance and problem: utterance, kind, where, message, with
    tabs and other control characters escaped.

    Args:
        problems: What to write; may be empty.
        directory: Run directory; made when missing.

    Returns:
        The paths of ``bad_utterances.tsv`` and ``problems.jsonl``.
    """
    directory.mkdir(parents=True, exist_ok=True)
    table, records = directory / "bad_utterances.tsv", directory / "problems.jsonl"
    rows = ["utterance\tkind\twhere\tmessage"]
    rows += [
        "\t".join(printable(cell) for cell in (p.utterance, p.kind.value, p.place, p.message))
        for p in problems
        if p.fatal and p.utterance is not None
    ]
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    with records.open("wb") as stream:
        for problem in problems:
            stream.write(msgspec.json.encode(asdict(problem)) + b"\n")
    return table, records
