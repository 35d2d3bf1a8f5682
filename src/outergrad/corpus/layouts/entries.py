"""What the layouts other than Kaldi's have in common: rows that become utterances or problems."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from outergrad.corpus.problems import Kind, Problem, printable
from outergrad.corpus.tables import has_control_characters
from outergrad.corpus.utterance import Corpus, Origin, Utterance

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".sph")
"""File names that are taken for recordings; whether they can be read is found out later."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An utterance as some layout describes it, with nothing checked yet.

    Args:
        id: Wanted id, blanks allowed.
        speaker: Speaker, empty when unknown.
        text: Transcript.
        audio: Recording.
        begin: Seconds into the recording.
        end: Seconds into the recording; None means its end.
        file: Where it is described.
        line: Line of that file, if it has lines.
    """

    id: str
    speaker: str
    text: str
    audio: Path
    begin: float
    end: float | None
    file: str
    line: int | None


def join(entries: Iterable[Entry], problems: list[Problem], name: str) -> Corpus:
    """The corpus of all usable entries; the others are added to `problems`."""
    found: dict[str, Utterance] = {}
    rejected: set[str] = set()
    for entry in entries:
        key = "_".join(entry.id.split())
        problem = _wrong_with(key, entry)
        if problem is None and key in found:
            origin = found[key].origin
            message = f"the id was already used ({origin.text_file}:{origin.text_line or ''})"
            problem = Problem(
                Kind.DUPLICATE, f"{message}; none of them is used", entry.file, entry.line, key
            )
            rejected.add(key)
        if problem is not None:
            problems.append(problem)
            continue
        speaker = "_".join(entry.speaker.split()) or key
        words = tuple(entry.text.split())
        origin = Origin(entry.file, entry.line, entry.file, entry.line)
        found[key] = Utterance(key, speaker, words, entry.audio, entry.begin, entry.end, origin)
    return Corpus(name, tuple(u for key, u in found.items() if key not in rejected))


def _wrong_with(key: str, entry: Entry) -> Problem | None:
    def problem(kind: Kind, message: str) -> Problem:
        return Problem(kind, message, entry.file, entry.line, key or None)

    if not key or has_control_characters(key) or has_control_characters(entry.speaker):
        message = f"the id or speaker is unusable: {printable(entry.id) or 'empty'}"
        return Problem(Kind.BAD_ID, message, entry.file, entry.line)
    if not entry.text.split():
        return problem(Kind.EMPTY_TRANSCRIPT, "the transcript is empty")
    if has_control_characters("".join(entry.text.split())):
        return problem(Kind.MALFORMED, "the transcript contains control characters")
    if entry.begin < 0 or (entry.end is not None and entry.end <= entry.begin):
        message = f"begin {entry.begin:g} s and end {entry.end} s are not a stretch of a recording"
        return problem(Kind.SEGMENT, message)
    try:
        if entry.audio.is_file():
            return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return problem(Kind.MISSING_AUDIO, f"'{entry.audio}' cannot be looked up: {reason}")
    return problem(Kind.MISSING_AUDIO, f"no such file: {printable(str(entry.audio))}")
