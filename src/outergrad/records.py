"""Records of a run: one JSON object a line, appended as things happen, read back by the report.

A line is written with one system call, so a crash can tear the last line only; the writer cuts
such a line off when it goes on, the reader passes over it.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

from outergrad.errors import InputError, RunError


class RecordSink(Protocol):
    """Where records go."""

    def write(self, kind: str, time: float, **fields: Any) -> None:
        """Take a record; see `RecordWriter.write`."""
        ...


@runtime_checkable
class RewindableSink(RecordSink, Protocol):
    """A sink that can forget what came last, as a run does that goes on from a snapshot."""

    @property
    def length(self) -> int:
        """Bytes so far."""
        ...

    def cut(self, length: int) -> None:
        """See `RecordWriter.cut`."""
        ...


class Tee:
    """Hands records on to several sinks, one of which is a file."""

    def __init__(self, file: RewindableSink, *others: RecordSink) -> None:
        """Hand on to `file`, whose length is told and which is cut, and then to `others`."""
        self._file = file
        self._sinks: tuple[RecordSink, ...] = (file, *others)

    @property
    def length(self) -> int:
        """Bytes in the file so far."""
        return self._file.length

    def cut(self, length: int) -> None:
        """Cut the file; the others keep what they were told."""
        self._file.cut(length)

    def write(self, kind: str, time: float, **fields: Any) -> None:
        """Hand a record to every sink, in their order."""
        for sink in self._sinks:
            sink.write(kind, time, **fields)


class RecordWriter:
    """Appends records of one stage to a JSONL file."""

    def __init__(self, path: Path, stage: str) -> None:
        """Open `path` for appending, made if need be; a torn last line is removed.

        Raises:
            RunError: the file cannot be written.
        """
        self.path = path
        self._stage = stage
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            os.ftruncate(self._file, _complete_length(self._file))
        except OSError as error:
            raise RunError(f"{path}: cannot write records: {error.strerror}") from error

    def write(self, kind: str, time: float, **fields: Any) -> None:
        """Append one record.

        Args:
            kind: what happened, e.g. "evaluation".
            time: seconds since the stage started.
            fields: further JSON-able entries; floats that are not finite become null.

        Raises:
            RunError: the disk is full or gone.
        """
        record = {"time": round(time, 6), "stage": self._stage, "kind": kind, **fields}
        line = json.dumps(finite(record), ensure_ascii=False, allow_nan=False) + "\n"
        data = line.encode("utf-8")
        try:
            written = os.write(self._file, data)
        except OSError as error:
            raise RunError(f"{self.path}: cannot write records: {error.strerror}") from error
        if written < len(data):
            raise RunError(f"{self.path}: cannot write records: the disk is full")

    @property
    def length(self) -> int:
        """Bytes in the file: what was there when it was opened, and what was written since."""
        return os.fstat(self._file).st_size

    def cut(self, length: int) -> None:
        """Leave `length` bytes; a file in which no line ends there is another one, and is left.

        A run that goes on from a snapshot does again what came after it, so the records of that
        would be there twice. Their times do not say which they are (an evaluation is recorded
        under the time of its request, and other runs may have appended before), their place does.

        Raises:
            RunError: the file cannot be written.
        """
        try:
            if length == 0 or os.pread(self._file, 1, length - 1) == b"\n":
                os.ftruncate(self._file, length)
        except OSError as error:
            raise RunError(f"{self.path}: cannot write records: {error.strerror}") from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def __enter__(self) -> "RecordWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _complete_length(file: int) -> int:
    """Length of the file up to the end of its last complete line."""
    length = os.fstat(file).st_size
    while length > 0:
        begin = max(0, length - 4096)
        newline = os.pread(file, length - begin, begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        length = begin
    return 0


def finite(value: Any) -> Any:
    """The value for JSON, which has no nan and no infinity: they are None, however deep inside."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [finite(entry) for entry in value]
    return value


def read_records(path: Path, kind: str | None = None) -> Iterator[dict[str, Any]]:
    """The records of a file in order (only those of `kind` when given) without a torn last line.

    Raises:
        InputError: no such file, or a line other than the last is not a JSON object.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"{path}: cannot read records: {error.strerror}") from error
    # A complete file ends in a newline, so what follows the last one is empty or torn.
    for number, line in enumerate(lines[:-1], start=1):
        try:
            record = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}:{number}: not a record: {error}") from error
        if not isinstance(record, dict):
            raise InputError(f"{path}:{number}: not a record: expected an object")
        if kind is None or record.get("kind") == kind:
            yield record
