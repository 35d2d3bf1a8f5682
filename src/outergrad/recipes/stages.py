"""Stages of a run directory: skipped when nothing that they depend on changed.

A stage is named, has a digest of everything that it depends on (its part of the configuration,
the digests of the stages before it, its input files) and writes into a folder of its own. When
it ends, a stamp with that digest is written. A stamp with the same digest means: done. A folder
begun under the same digest is handed to the stage again, so that it can go on where it stopped;
one begun under another digest is emptied first.
"""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outergrad.config import digest, to_toml
from outergrad.corpus.layouts.entries import AUDIO_SUFFIXES
from outergrad.errors import InputError
from outergrad.files import replace_text
from outergrad.progress import Progress

SETTINGS = "config.toml"
"""The resolved configuration, in the run directory."""
VERSION = 1  # raise when the meaning of what stages write changes


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is left of a finished stage: `digest`, wall-clock `seconds`, and its `summary`."""

    digest: str
    seconds: float
    summary: dict[str, Any]


class RunDirectory:
    """One run's folder: stages, records, models, results.

    Args:
        path: the folder; made when missing.
        progress: where stages say what they do.
        clock: seconds, monotonic.
    """

    def __init__(
        self, path: Path, progress: Progress, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = path
        self.progress = progress
        self._clock = clock

    def folder(self, stage: str) -> Path:
        """The folder of a stage."""
        return self.path / stage

    @property
    def records(self) -> Path:
        """The folder of the append-only records."""
        return self.path / "records"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory; a second run in it is refused instead of mixing files.

        Raises:
            InputError: another process works here, or the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
        except OSError as error:
            raise InputError(f"{self.path}: cannot write here: {error.strerror}") from error
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise InputError(f"{self.path}: another run works in this directory") from error
            yield
        finally:
            os.close(handle)

    def keep_settings(self, config: Any) -> None:
        """Write the resolved configuration down, for commands that go on and for people.

        Half of a file would be read as defaults for the rest, so it is written in one step.

        Raises:
            InputError: the folder cannot be written.
        """
        try:
            replace_text(self.path / SETTINGS, to_toml(config))
        except OSError as error:
            raise InputError(f"{self.path}: cannot write here: {error.strerror}") from error

    def stamp(self, stage: str) -> Stamp | None:
        """The stamp of a finished stage, or None."""
        try:
            fields = json.loads((self.folder(stage) / "stage.json").read_text(encoding="utf-8"))
            return Stamp(fields["digest"], fields["seconds"], fields["summary"])
        except (OSError, ValueError, KeyError):
            return None

    def run(
        self,
        stage: str,
        depends: Mapping[str, Any],
        work: Callable[[Path], Mapping[str, Any]],
    ) -> Stamp:
        """Do `work(folder)` unless it was done with equal `depends`.

        Args:
            stage: name, also the folder's.
            depends: JSON-able values or dataclasses; all that can change the outcome.
            work: writes into the folder, returns a JSON-able summary for the stamp.
        """
        name = digest(VERSION, stage, dict(depends))
        old = self.stamp(stage)
        if old and old.digest == name:
            self.progress.note(f"✓ {stage}: unchanged, kept ({old.seconds:.0f} s when it ran)")
            return old
        folder = self.folder(stage)
        begun = folder / "begun"
        if folder.exists() and not (begun.exists() and begun.read_text() == name):
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        begun.write_text(name)
        self.progress.note(f"▸ {stage}")
        start = self._clock()
        summary = dict(work(folder))
        stamp = Stamp(name, round(self._clock() - start, 2), summary)
        write_json(
            folder / "stage.json",
            {"digest": stamp.digest, "seconds": stamp.seconds, "summary": stamp.summary},
        )
        self.progress.note(f"✓ {stage}: {_in_words(summary)}{stamp.seconds:.0f} s")
        return stamp


def _in_words(summary: Mapping[str, Any]) -> str:
    shown = [(key, value) for key, value in summary.items() if isinstance(value, int | float | str)]
    return "".join(
        f"{key.replace('_', ' ')} {value:.4g}, "
        if isinstance(value, float)
        else f"{key.replace('_', ' ')} {value}, "
        for key, value in shown
    )


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that a reader sees the old file or the new one, never half of one."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    replace_text(path, text + "\n")


def fingerprint(path: Path) -> str:
    """What names the content of a file or folder: bytes of text files, size and time of others.

    Of Kaldi data directories and model folders their own files count only; recordings are named
    by `wav.scp`, and a recording that is replaced under the same name with the same size and time
    goes unnoticed. Of other folders everything below counts.
    """
    hasher = hashlib.sha256()
    if path.is_file():
        _take(hasher, path.name, path)
    elif (path / "wav.scp").exists() or (path / "description.json").exists():
        for child in sorted(path.iterdir()):
            if child.is_file():
                _take(hasher, child.name, child)
    else:
        for parent, folders, files in os.walk(path):
            folders.sort()
            for name in sorted(files):
                file = Path(parent) / name
                _take(hasher, file.relative_to(path).as_posix(), file)
    return hasher.hexdigest()[:12]


def _take(hasher: "hashlib._Hash", name: str, file: Path) -> None:
    hasher.update(name.encode("utf-8", "surrogateescape"))
    if file.suffix.lower() in AUDIO_SUFFIXES:
        status = file.stat()
        hasher.update(f"{status.st_size} {status.st_mtime_ns}".encode())
    else:
        hasher.update(file.read_bytes())
