"""Lhotse manifests, read as the plain JSON lines that they are: no dependency on Lhotse."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from outergrad.corpus.layouts.entries import Entry, join
from outergrad.corpus.problems import Kind, Problem
from outergrad.corpus.utterance import Corpus
from outergrad.errors import InputError

_KINDS = ("recordings", "supervisions", "cuts")


def manifests_in(files: Sequence[Path]) -> dict[str, list[Path]]:
    """The files that are called recordings, supervisions or cuts, ``.jsonl`` or ``.jsonl.gz``."""
    found: dict[str, list[Path]] = {}
    for file in files:
        if file.name.endswith((".jsonl", ".jsonl.gz")):
            for kind in _KINDS:
                if kind in file.name:
                    found.setdefault(kind, []).append(file)
                    break
    return found


def read_manifests(files: Sequence[Path], folder: Path, name: str) -> tuple[Corpus, list[Problem]]:
    """Read recordings with supervisions, or cuts with a single track.

    Recordings must be files: commands are never run, nothing is fetched from the network, and
    transforms (speed, volume, …) are not applied, so a recording with one is refused; but for
    resampling, which all audio goes through anyway. Channels are averaged.

    Args:
        files: Candidates, see `manifests_in`.
        folder: Where relative paths begin; then its parent, then the current folder.
        name: Name of the corpus.

    Raises:
        InputError: Manifests are missing, unreadable, or there are several of a kind.
    """
    found = manifests_in(files)
    for kind, paths in found.items():
        if len(paths) > 1:
            listed = ", ".join(path.name for path in paths)
            raise InputError(f"{folder} has several {kind} manifests ({listed}); leave one")
    problems: list[Problem] = []
    if "cuts" in found:
        entries = _cuts(found["cuts"][0], folder, problems)
    elif {"recordings", "supervisions"} <= found.keys():
        recordings = {
            str(value.get("id")): value for _, value in _objects(found["recordings"][0], problems)
        }
        entries = _supervised(found["supervisions"][0], recordings, folder, problems)
    else:
        raise InputError(
            f"{folder} has only {' and '.join(sorted(found))}: needed are recordings and "
            "supervisions, or cuts"
        )
    return join(entries, problems, name), problems


def _supervised(
    path: Path, recordings: Mapping[str, Any], folder: Path, problems: list[Problem]
) -> Iterator[Entry]:
    for line, value in _objects(path, problems):
        key = str(value.get("id", ""))
        recording = recordings.get(str(value.get("recording_id")))
        if recording is None:
            message = f"its recording {value.get('recording_id')} is in no manifest"
            problems.append(Problem(Kind.BAD_RECORDING, message, str(path), line, key or None))
            continue
        entry = _entry(value, recording, 0.0, folder, path, line, problems)
        if entry is not None:
            yield entry


def _cuts(path: Path, folder: Path, problems: list[Problem]) -> Iterator[Entry]:
    for line, value in _objects(path, problems):
        recording, supervisions = value.get("recording"), value.get("supervisions")
        if not isinstance(recording, dict) or not isinstance(supervisions, list):
            message = f"a cut of type {value.get('type')} without recording or supervisions"
            problems.append(Problem(Kind.MALFORMED, message, str(path), line))
            continue
        for supervision in supervisions:
            entry = _entry(
                supervision, recording, value.get("start", 0.0), folder, path, line, problems
            )
            if entry is not None:
                yield entry


def _entry(
    supervision: Any,
    recording: Mapping[str, Any],
    offset: Any,
    folder: Path,
    path: Path,
    line: int,
    problems: list[Problem],
) -> Entry | None:
    """The utterance of a supervision, or None and a problem."""
    key: str | None = None
    try:
        key = str(supervision["id"])
        begin = float(offset) + float(supervision["start"])
        end = begin + float(supervision["duration"])
        sources = recording["sources"]
        transforms = recording.get("transforms") or []
        # Everything is resampled anyway, from what is in the file.
        if any(transform["name"] != "Resample" for transform in transforms):
            raise ValueError("its recording has transforms, which are not applied here")
        if len(sources) != 1 or sources[0]["type"] != "file":
            kinds = ", ".join(str(source["type"]) for source in sources)
            raise ValueError(f"its recording is not one file but: {kinds}")
        audio = _find(folder, str(sources[0]["source"]))
        text = str(supervision.get("text") or "")
        speaker = str(supervision.get("speaker") or "")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = f"missing {error}" if isinstance(error, KeyError) else str(error)
        problems.append(Problem(Kind.MALFORMED, message, str(path), line, key))
        return None
    return Entry(key, speaker, text, audio, max(0.0, begin), end, str(path), line)


def _find(folder: Path, source: str) -> Path:
    candidates = [folder / source, folder.resolve().parent / source, Path(source)]
    return next((path for path in candidates if path.is_file()), candidates[0])


def _objects(path: Path, problems: list[Problem]) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                try:
                    value = json.loads(line)
                except (ValueError, RecursionError) as error:
                    problems.append(
                        Problem(Kind.MALFORMED, f"not JSON: {error}", str(path), number)
                    )
                    continue
                if isinstance(value, dict):
                    yield number, value
                else:
                    problems.append(Problem(Kind.MALFORMED, "not a JSON object", str(path), number))
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
