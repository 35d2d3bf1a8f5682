"""Kaldi's text tables, one ``key value`` per line, read line by line from untrusted bytes."""

import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from outergrad.corpus.problems import Kind, Problem, printable
from outergrad.errors import InputError

_BLANKS = " \t\r\f\v"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: its 1-based number, its key, the rest, and the rest split at blanks."""

    line: int
    key: str
    value: str
    fields: tuple[str, ...]


@dataclass(slots=True)
class Table:
    """A table by key; `rejected` keys were seen, but their problem is already reported."""

    file: str
    rows: dict[str, Row] = field(default_factory=dict)
    rejected: set[str] = field(default_factory=set)


def read_bytes(path: Path, what: str) -> bytes:
    """Content of a file that must be there.

    Args:
        path: The file.
        what: What it is, for the message.

    Raises:
        InputError: It is missing, is no regular file or cannot be read.
    """
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is not a regular file; {what} is needed there")
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot read {path} ({reason}); {what} is needed there") from error


def decode_lines(content: bytes, file: str, problems: list[Problem]) -> list[tuple[int, str]]:
    """Lines of UTF-8 text with their 1-based numbers; lines that are not UTF-8 become problems.

    Only ``\\n`` ends a line, as in Kaldi; a byte order mark and ``\\r`` at line ends are dropped.
    """
    lines: list[tuple[int, str]] = []
    for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        try:
            lines.append((number, raw.decode("utf-8").rstrip("\r")))
        except UnicodeDecodeError as error:
            problems.append(
                Problem(Kind.ENCODING, _encoding_message(raw, error), file, number, _first_id(raw))
            )
    return lines


def read_table(path: Path, what: str, problems: list[Problem]) -> Table:
    """Read a table whose keys are ids.

    Blank lines are skipped. A key given twice with the same value is a notice; with different
    values it is rejected, because nothing says which one is right.

    Args:
        path: The file.
        what: What it holds, for messages.
        problems: Problems are appended here.

    Raises:
        InputError: The file is missing or cannot be read.
    """
    file = str(path)
    table = Table(file)
    before = len(problems)
    lines = decode_lines(read_bytes(path, what), file, problems)
    table.rejected.update(p.utterance for p in problems[before:] if p.utterance is not None)
    for number, text in lines:
        fields = split_blanks(text)
        if not fields:
            continue
        key = fields[0]
        if has_control_characters(key):
            message = f"the id {printable(key)} contains control characters"
            problems.append(Problem(Kind.BAD_ID, message, file, number))
            continue
        row = Row(number, key, strip_blanks(strip_blanks(text)[len(key) :]), tuple(fields[1:]))
        first = table.rows.setdefault(key, row)
        if first is row:
            continue
        same = first.fields == row.fields
        message = f"the id was already used in line {first.line}, " + (
            "with the same content; this line is ignored"
            if same
            else "with different content; none of them is used"
        )
        problems.append(Problem(Kind.DUPLICATE, message, file, number, key, fatal=not same))
        if not same:
            table.rejected.add(key)
    for key in table.rejected:
        table.rows.pop(key, None)
    return table


def split_blanks(text: str) -> list[str]:
    """Split at ASCII blanks only: other Unicode spaces belong to the word, as in Kaldi."""
    return [token.decode() for token in text.encode().split()]


def strip_blanks(text: str) -> str:
    """`text` without ASCII blanks at its ends."""
    return text.strip(_BLANKS)


def has_control_characters(text: str) -> bool:
    """Whether `text` holds control characters; joiners that scripts need are no such thing."""
    return not text.isprintable() and any(unicodedata.category(c) == "Cc" for c in text)


def _first_id(raw: bytes) -> str | None:
    """The id of a line whose rest is not UTF-8, when the id itself is fine."""
    try:
        key = raw.split(maxsplit=1)[0].decode("utf-8")
    except (IndexError, UnicodeDecodeError):
        return None
    return None if has_control_characters(key) else key


def _encoding_message(raw: bytes, error: UnicodeDecodeError) -> str:
    shown = raw[max(0, error.start - 12) : error.start + 12].decode("latin-1")
    return (
        f"byte {error.start + 1} of the line (0x{raw[error.start]:02x}, near '{printable(shown)}') "
        "is not UTF-8; convert the file, for example with iconv -f latin1 -t utf-8"
    )
