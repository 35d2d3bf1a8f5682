"""Kaldi data directories: ``wav.scp`` with plain paths, ``segments``, ``text``, ``utt2spk``."""

import math
import os
from dataclasses import dataclass, field
from pathlib import Path

from outergrad.corpus.problems import Kind, Problem, printable
from outergrad.corpus.tables import (
    Row,
    Table,
    has_control_characters,
    read_table,
    split_blanks,
    strip_blanks,
)
from outergrad.corpus.utterance import Corpus, Origin, Utterance
from outergrad.errors import InputError


def read_kaldi_directory(
    path: Path, name: str | None = None, *, transcripts: bool = True
) -> tuple[Corpus, list[Problem]]:
    """Read the tables of a Kaldi data directory; recordings are looked for but not opened.

    Paths in ``wav.scp`` are relative to the directory or its parent (the first existing file wins)
    or absolute. Shell pipes and archive offsets are refused, never run. Without ``segments`` each
    recording is one utterance. Without ``utt2spk`` each utterance is a speaker of its own. Other
    files of the directory (``spk2utt``, ``utt2dur``, …) follow from these and are not read.

    Args:
        path: The directory.
        name: Name of the corpus; by default the last part of `path`.
        transcripts: Whether ``text`` must be there. When False and it is missing, all transcripts
            are empty.

    Returns:
        The utterances with transcript and recording, and everything wrong with the others.

    Raises:
        InputError: Nothing can be read: the directory, ``wav.scp`` or ``text`` is missing or empty.
    """
    path = Path(path)
    if not path.is_dir():
        raise InputError(
            f"{path} is not a directory; a Kaldi data directory with wav.scp and text is needed"
        )
    problems: list[Problem] = []
    recordings = _read_recordings(path, problems)
    pieces = _read_segments(path, recordings, problems)
    with_text = transcripts or (path / "text").exists()
    text = read_table(path / "text", "transcripts", problems) if with_text else None
    if not recordings.table.rows and not problems:
        raise InputError(f"{path / 'wav.scp'} is empty; it must have one recording per line")
    if text is not None and not text.rows and not problems:
        raise InputError(f"{path / 'text'} is empty; it must have one transcript per line")
    speakers = _read_speakers(path, problems)
    utterances = _join(pieces, text, speakers, problems)
    return Corpus(name or path.resolve().name, tuple(utterances)), problems


def write_kaldi_directory(corpus: Corpus, path: Path) -> None:
    """Write ``wav.scp``, ``text``, ``utt2spk``, ``spk2utt`` and, when needed, ``segments``.

    Recordings inside `path` or its parent are named relative to it, others by absolute path; the
    audio itself is not copied. `read_kaldi_directory` gives an equal corpus.

    Raises:
        InputError: An id, word or path cannot be written in these tables.
    """
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    for utterance in corpus:
        for token in (utterance.id, utterance.speaker, *utterance.words):
            if (
                split_blanks(token) != [token]
                or has_control_characters(token)
                or token.startswith("\ufeff")
            ):
                raise InputError(
                    f"utterance {printable(utterance.id)}: {printable(token)!r} cannot be written "
                    "in a Kaldi data directory (blanks or control characters)"
                )
    whole = all(u.begin == 0.0 and u.end is None for u in corpus)
    if whole:
        recordings = {u.id: _written_path(u.audio, path) for u in corpus}
        (path / "segments").unlink(missing_ok=True)
    else:
        names = _recording_names({u.audio for u in corpus})
        recordings = {names[u.audio]: _written_path(u.audio, path) for u in corpus}
        _write(
            path / "segments",
            {
                u.id: f"{names[u.audio]} {u.begin!r} {-1 if u.end is None else repr(u.end)}"
                for u in corpus
            },
        )
    members: dict[str, list[str]] = {}
    for utterance in corpus:
        members.setdefault(utterance.speaker, []).append(utterance.id)
    _write(path / "wav.scp", recordings)
    _write(path / "text", {u.id: " ".join(u.words) for u in corpus})
    _write(path / "utt2spk", {u.id: u.speaker for u in corpus})
    _write(path / "spk2utt", {speaker: " ".join(ids) for speaker, ids in members.items()})


@dataclass(slots=True)
class _Recordings:
    """``wav.scp``: the usable recordings, and of the others their problems."""

    table: Table
    paths: dict[str, Path] = field(default_factory=dict)
    problems: dict[str, Problem] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Piece:
    """The audio side of an utterance, and where it was described."""

    audio: Path
    begin: float
    end: float | None
    file: str
    line: int


def _read_recordings(directory: Path, problems: list[Problem]) -> _Recordings:
    table = read_table(directory / "wav.scp", "a list of recordings", problems)
    found = _Recordings(table)
    for key, row in table.rows.items():
        refused = _refusal(row.value)
        if refused is None:
            audio, refused = _find_audio(directory, row.value)
            if audio is not None:
                found.paths[key] = audio
        if refused is not None:
            kind, message = refused
            found.problems[key] = Problem(kind, message, table.file, row.line, key)
    return found


def _refusal(value: str) -> tuple[Kind, str] | None:
    """Why the second column of ``wav.scp`` is not accepted as a path, if so."""
    if not value:
        return Kind.MALFORMED, "the line has no path"
    if value.endswith("|") or value.startswith("|"):
        return Kind.PIPE, (
            f"'{value}' is a shell command; commands in data files are never run. Run it yourself "
            "once, keep its output as wav or flac, and put the path of that file here"
        )
    if value == "-":
        return Kind.PIPE, "'-' (standard input) is not a recording; put the path of a file here"
    if has_control_characters(value):
        return Kind.MALFORMED, f"the path '{value}' contains control characters"
    return None


def _find_audio(directory: Path, value: str) -> tuple[Path | None, tuple[Kind, str] | None]:
    candidates = [directory / value]
    if not os.path.isabs(value):
        candidates.append(directory.resolve().parent / value)
    irregular = False
    for candidate in candidates:
        try:
            if candidate.is_file():
                return candidate, None
            irregular = irregular or candidate.exists()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            return None, (Kind.MISSING_AUDIO, f"'{value}' cannot be looked up: {reason}")
    if irregular:
        return None, (Kind.MISSING_AUDIO, f"'{value}' is not a regular file")
    stem, _, offset = value.rpartition(":")
    if stem and offset.isdigit():
        message = f"'{value}' points into a Kaldi archive; extract the recordings to files"
        return None, (Kind.MISSING_AUDIO, message)
    tried = " and ".join(str(candidate) for candidate in candidates)
    return None, (Kind.MISSING_AUDIO, f"no such file; looked for {tried}")


def _read_segments(
    directory: Path, recordings: _Recordings, problems: list[Problem]
) -> tuple[dict[str, _Piece], set[str]]:
    """Audio of each utterance, and the ids whose audio problem is reported already."""
    file = recordings.table.file
    if not (directory / "segments").exists():
        problems.extend(recordings.problems.values())
        return {
            key: _Piece(audio, 0.0, None, file, recordings.table.rows[key].line)
            for key, audio in recordings.paths.items()
        }, recordings.table.rejected | set(recordings.problems)
    segments = read_table(directory / "segments", "utterance times", problems)
    # With segments, ids of wav.scp are recordings: each utterance in a bad one is reported.
    problems[:] = [_about_recording(p, file) for p in problems]
    problems.extend(_about_recording(p, file) for p in recordings.problems.values())
    pieces: dict[str, _Piece] = {}
    rejected = set(segments.rejected)
    for key, row in segments.rows.items():
        piece = _segment(key, row, segments.file, recordings)
        if isinstance(piece, Problem):
            problems.append(piece)
            rejected.add(key)
        else:
            pieces[key] = piece
    return pieces, rejected


def _about_recording(problem: Problem, file: str) -> Problem:
    if problem.file != file or problem.utterance is None:
        return problem
    message = f"recording {printable(problem.utterance)}: {problem.message}"
    return Problem(problem.kind, message, problem.file, problem.line, None, problem.fatal)


def _segment(key: str, row: Row, file: str, recordings: _Recordings) -> _Piece | Problem:
    if len(row.fields) != 3:
        message = (
            f"{len(row.fields) + 1} fields; a segment is 'utterance recording begin end' "
            "(channels are averaged, so a channel column is not accepted)"
        )
        return Problem(Kind.MALFORMED, message, file, row.line, key)
    recording, *texts = row.fields
    try:
        begin, end = (float(text) for text in texts)
    except ValueError:
        message = f"begin and end must be seconds, not '{texts[0]}' and '{texts[1]}'"
        return Problem(Kind.MALFORMED, message, file, row.line, key)
    if not (math.isfinite(begin) and math.isfinite(end)):
        return Problem(Kind.MALFORMED, "begin and end must be finite", file, row.line, key)
    until = None if end == -1 else end
    if begin < 0 or (until is not None and until <= begin):
        message = f"begin {begin:g} s and end {end:g} s are not a stretch of a recording"
        return Problem(Kind.SEGMENT, message, file, row.line, key)
    if recording in recordings.paths:
        return _Piece(recordings.paths[recording], begin, until, file, row.line)
    if recording in recordings.problems:
        known = recordings.problems[recording]
        message = f"its recording {recording} is unusable ({known.place}: {known.kind.value})"
        return Problem(Kind.BAD_RECORDING, message, file, row.line, key)
    reported = recording in recordings.table.rejected
    what = "is unusable" if reported else "is not in wav.scp"
    message = f"its recording {printable(recording)} {what}"
    return Problem(Kind.BAD_RECORDING, message, file, row.line, key)


def _read_speakers(directory: Path, problems: list[Problem]) -> Table | None:
    path = directory / "utt2spk"
    if not path.exists():
        message = "there is no utt2spk: each utterance is taken as a speaker of its own"
        problems.append(Problem(Kind.NO_SPEAKER, message, str(path), fatal=False))
        return None
    found: list[Problem] = []
    table = read_table(path, "speakers", found)
    # Whoever the speaker is, the utterance itself is fine: none of these leaves it out.
    problems.extend(
        Problem(p.kind, p.message, p.file, p.line, p.utterance, fatal=False) for p in found
    )
    return table


def _join(
    pieces: tuple[dict[str, _Piece], set[str]],
    text: Table | None,
    speakers: Table | None,
    problems: list[Problem],
) -> list[Utterance]:
    audio, reported = pieces
    utterances: list[Utterance] = []
    rows = {} if text is None else text.rows
    for key, row in rows.items():
        if key not in audio and key not in reported:
            message = "the utterance has a transcript but no audio"
            file = None if text is None else text.file
            problems.append(Problem(Kind.NO_AUDIO, message, file, row.line, key))
    for key, piece in audio.items():
        if text is None:
            words: tuple[str, ...] = ()
            origin = Origin(None, None, piece.file, piece.line)
        elif key in text.rejected:
            continue
        elif key not in rows:
            message = f"the utterance has audio but no transcript in {text.file}"
            problems.append(Problem(Kind.NO_TRANSCRIPT, message, piece.file, piece.line, key))
            continue
        elif not rows[key].fields:
            message = "the transcript is empty"
            line = rows[key].line
            problems.append(Problem(Kind.EMPTY_TRANSCRIPT, message, text.file, line, key))
            continue
        else:
            words = rows[key].fields
            origin = Origin(text.file, rows[key].line, piece.file, piece.line)
        speaker = _speaker(key, speakers, problems)
        utterances.append(
            Utterance(key, speaker, words, piece.audio, piece.begin, piece.end, origin)
        )
    return utterances


def _speaker(key: str, speakers: Table | None, problems: list[Problem]) -> str:
    if speakers is None or key in speakers.rejected:
        return key
    row = speakers.rows.get(key)
    if row is not None and len(row.fields) == 1:
        return row.fields[0]
    what = "is not in utt2spk" if row is None else f"has {len(row.fields)} speakers in utt2spk"
    message = f"the utterance {what}: it is taken as a speaker of its own"
    line = None if row is None else row.line
    problems.append(Problem(Kind.NO_SPEAKER, message, speakers.file, line, key, fatal=False))
    return key


def _written_path(audio: Path, directory: Path) -> str:
    absolute = Path(os.path.abspath(audio))
    written = str(absolute)
    for base in (directory.resolve(), directory.resolve().parent):
        if absolute.is_relative_to(base) and (base / absolute.relative_to(base)).is_file():
            written = str(absolute.relative_to(base))
            break
    if _refusal(written) is not None or written != strip_blanks(written):
        raise InputError(f"the path {printable(written)!r} cannot be written in wav.scp")
    return written


def _recording_names(recordings: set[Path]) -> dict[Path, str]:
    """A recording id for each file: numbered, because stems may repeat or contain blanks."""
    width = len(str(len(recordings)))
    return {
        audio: f"recording-{number:0{width}}" for number, audio in enumerate(sorted(recordings))
    }


def _write(path: Path, rows: dict[str, str]) -> None:
    lines = [f"{key} {value}".rstrip(" ") for key, value in sorted(rows.items())]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
