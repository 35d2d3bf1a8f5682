"""A table of transcripts beside the recordings: CSV, TSV or one JSON object a line."""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from outergrad.corpus.layouts.entries import AUDIO_SUFFIXES, Entry, join
from outergrad.corpus.problems import Kind, Problem
from outergrad.corpus.tables import decode_lines, read_bytes
from outergrad.corpus.utterance import Corpus
from outergrad.errors import InputError

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl")

AUDIO = (
    *("path", "file", "file_name", "filename", "audio", "audio_path", "audio_file"),
    *("audio_filepath", "wav"),
)
"""Names of the column with the recording; the first that there is counts."""
TEXT = ("text", "sentence", "transcript", "transcription", "words")
SPEAKER = ("speaker", "speaker_id", "client_id", "spk")
ID = ("id", "utterance", "utterance_id", "utt_id")
BEGIN = ("begin", "start", "offset")
END = ("end", "stop")
DURATION = ("duration",)
_FOLDERS = ("", "audio", "wav", "wavs", "clips")

_Row = tuple[int, Mapping[str, str]]


def read_transcript_table(path: Path, name: str) -> tuple[Corpus, list[Problem]]:
    """Read a table whose first line names its columns (JSON: whose objects name their values).

    Needed are a recording (`AUDIO`) and a transcript (`TEXT`); speaker, id, begin and end (or
    duration) in seconds are optional. Recordings are looked for beside the table and in its
    folders ``audio``, ``wav``, ``wavs`` and ``clips``; their suffix may be left out. Without an
    id the recording's path is the id.

    Args:
        path: UTF-8; ``.tsv`` is split at tabs, ``.csv`` at the most frequent of ``,``, ``;``,
            tab and ``|`` in its first line, ``.jsonl`` has an object per line.
        name: Name of the corpus.

    Raises:
        InputError: The file cannot be read, is empty, or a needed column is missing.
    """
    problems: list[Problem] = []
    lines = decode_lines(read_bytes(path, "a table of transcripts"), str(path), problems)
    read = _json_rows if path.suffix.lower() == ".jsonl" else _delimited_rows
    entries = [
        entry
        for row in read(path, lines, problems)
        if (entry := _entry(path, row, problems)) is not None
    ]
    corpus = join(entries, problems, name)
    if not entries and not problems:
        raise InputError(f"{path} is empty; it must have one utterance per line")
    return corpus, problems


def _delimited_rows(
    path: Path, lines: list[tuple[int, str]], problems: list[Problem]
) -> Iterator[_Row]:
    text = "\n".join(line for _, line in lines)
    if not text.strip():
        raise InputError(f"{path} is empty; its first line must name its columns")
    first = text.split("\n", 1)[0]
    counted = ",;\t|"
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(counted, key=first.count)
    # Tab-separated files do not quote; a lone quotation mark in them is part of the text.
    reader = csv.reader(
        io.StringIO(text),
        delimiter=delimiter,
        quoting=csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL,
    )
    try:
        header = [column.strip().lower() for column in next(reader)]
        _require(path, header)
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(header):
                message = f"{len(fields)} fields, the first line names {len(header)} columns"
                problems.append(Problem(Kind.MALFORMED, message, str(path), reader.line_num))
                continue
            yield reader.line_num, dict(zip(header, fields, strict=True))
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: not a table: {error}") from error


def _json_rows(path: Path, lines: list[tuple[int, str]], problems: list[Problem]) -> Iterator[_Row]:
    required = False
    for number, line in lines:
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            problems.append(Problem(Kind.MALFORMED, f"not JSON: {error}", str(path), number))
            continue
        if not isinstance(value, dict):
            problems.append(Problem(Kind.MALFORMED, "not a JSON object", str(path), number))
            continue
        row = {str(key).lower(): str(item) for key, item in value.items() if item is not None}
        if not required:
            _require(path, list(row))
            required = True
        yield number, row


def _require(path: Path, columns: list[str]) -> None:
    for what, names in (("the recording", AUDIO), ("the transcript", TEXT)):
        if not any(name in columns for name in names):
            raise InputError(
                f"{path} has no column for {what}: it has {', '.join(columns)[:200]}; call it "
                f"one of {', '.join(names)}"
            )


def _entry(path: Path, row: _Row, problems: list[Problem]) -> Entry | None:
    line, values = row
    audio = _first(values, AUDIO)
    key = _first(values, ID) or audio.rpartition(".")[0] or audio
    try:
        begin = _seconds(_first(values, BEGIN)) or 0.0
        end = _seconds(_first(values, END))
        duration = _seconds(_first(values, DURATION))
    except ValueError as error:
        problems.append(Problem(Kind.MALFORMED, f"not seconds: {error}", str(path), line, key))
        return None
    # Without a begin, a duration only says how long the recording is.
    if end is None and duration is not None and _first(values, BEGIN):
        end = begin + duration
    recording = find_recording(path.parent, audio)
    return Entry(
        key, _first(values, SPEAKER), _first(values, TEXT), recording, begin, end, str(path), line
    )


def find_recording(folder: Path, named: str) -> Path:
    """The recording that a table in `folder` means by `named`; need not exist."""
    places = [folder / sub / named for sub in _FOLDERS]
    for place in places:
        for candidate in (place, *(place.with_name(place.name + s) for s in AUDIO_SUFFIXES)):
            try:
                if named and candidate.is_file():
                    return candidate
            except (OSError, ValueError):
                continue
    return places[0]


def _first(values: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((values[name].strip() for name in names if values.get(name)), "")


def _seconds(text: str) -> float | None:
    if not text:
        return None
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
