"""Recordings with a transcript beside each, as the Montreal Forced Aligner takes them."""

import os
from collections.abc import Iterator
from pathlib import Path

from outergrad.corpus.layouts.entries import AUDIO_SUFFIXES, Entry, join
from outergrad.corpus.problems import Kind, Problem
from outergrad.corpus.textgrid import TextGridError, read_textgrid
from outergrad.corpus.utterance import Corpus

TRANSCRIPT_SUFFIXES = (".lab", ".txt", ".textgrid")
"""Tried in this order."""


def has_transcripts_beside(folder: Path) -> bool:
    """Whether some recording in `folder` or below has a transcript beside it."""
    return any(transcript is not None for _, transcript in _pairs(folder))


def read_aligner_folder(folder: Path, name: str) -> tuple[Corpus, list[Problem]]:
    """Read a folder per speaker with a ``.lab``, ``.txt`` or ``.TextGrid`` beside each recording.

    The speaker is the folder that the recording is in; recordings at the top are speakers of
    their own. In a TextGrid each tier is a speaker and each interval with text an utterance.
    Links to folders are followed, but no folder is entered twice.

    Args:
        folder: The top folder.
        name: Name of the corpus.
    """
    problems: list[Problem] = []
    entries: list[Entry] = []
    for recording, transcript in _pairs(folder):
        relative = recording.relative_to(folder)
        key = relative.with_suffix("").as_posix()
        speaker = relative.parent.as_posix() if len(relative.parts) > 1 else ""
        if transcript is None:
            message = f"no {', '.join(TRANSCRIPT_SUFFIXES)} beside {recording.name}"
            problems.append(
                Problem(Kind.NO_TRANSCRIPT, message, str(recording), None, "_".join(key.split()))
            )
        elif transcript.suffix.lower() == ".textgrid":
            entries += _intervals(key, recording, transcript, problems)
        else:
            text = _text(transcript, key, problems)
            if text is not None:
                entries.append(Entry(key, speaker, text, recording, 0.0, None, str(transcript), 1))
    return join(entries, problems, name), problems


def _pairs(folder: Path) -> Iterator[tuple[Path, Path | None]]:
    """Each recording and its transcript, if any, in the order of their names."""
    entered: set[tuple[int, int]] = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        status = os.stat(parent)
        if (status.st_dev, status.st_ino) in entered:
            folders.clear()  # a link back to where we have been
            continue
        entered.add((status.st_dev, status.st_ino))
        folders.sort()
        transcripts = {
            (Path(file).stem, Path(file).suffix.lower()): Path(parent) / file for file in files
        }
        for file in sorted(files):
            recording = Path(parent) / file
            if recording.suffix.lower() in AUDIO_SUFFIXES:
                found = (transcripts.get((recording.stem, s)) for s in TRANSCRIPT_SUFFIXES)
                yield recording, next((path for path in found if path is not None), None)


def _text(path: Path, key: str, problems: list[Problem]) -> str | None:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        kind, message = Kind.UNREADABLE_FILE, f"cannot be read: {error.strerror}"
    except UnicodeDecodeError as error:
        kind, message = Kind.ENCODING, f"byte {error.start + 1} is not UTF-8; convert the file"
    problems.append(Problem(kind, message, str(path), None, "_".join(key.split())))
    return None


def _intervals(key: str, recording: Path, path: Path, problems: list[Problem]) -> list[Entry]:
    try:
        tiers = read_textgrid(path)
    except TextGridError as error:
        problems.append(
            Problem(Kind.UNREADABLE_FILE, str(error), str(path), None, "_".join(key.split()))
        )
        return []
    return [
        Entry(
            f"{key}-{number}-{round(interval.begin * 1000):08d}",
            tier.name,
            interval.text,
            recording,
            interval.begin,
            interval.end,
            str(path),
            None,
        )
        for number, tier in enumerate(tiers, start=1)
        for interval in tier.intervals
        if interval.text.strip()
    ]
