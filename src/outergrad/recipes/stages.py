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
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outergrad.config import digest, to_toml
from outergrad.corpus.layouts.entries import AUDIO_SUFFIXES
from outergrad.errors import InputError
from outergrad.files import replace_text
from outergrad.progress import Progress
from outergrad.recognizer.directory import MANIFEST

SETTINGS, INPUTS = "config.toml", "inputs.json"
"""In the run directory: the resolved configuration, and the data."""
BEGUN, SPENT, STAMP = "begun", "spent", "stage.json"
"""In a stage's folder: the digest that it was begun under, the seconds of starts that did not come
to an end, and its stamp once it has ended."""
VERSION = 1  # raise when the meaning of what stages write changes


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is left of a finished stage: `digest`, `seconds` of all its starts, its `summary`."""

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

    def require_own(self, stages: Iterable[str], settings: str | None = None) -> None:
        """Refuse a place in which a run would delete or overwrite what others have put there.

        Args:
            stages: whose folders will be written; the model's, too.
            settings: the text that config.toml will get; None: it is not written.

        Raises:
            InputError: a folder of that name, or a config.toml, is not of a run.
        """
        folders = [self.folder(stage) for stage in stages]
        for folder in folders:
            if folder.exists() and not _is_ours(folder) and not _empty(folder):
                raise InputError(
                    f"{folder}: not written by outergrad, and a run would replace it; "
                    "move it away, or name another folder with --out"
                )
        file = self.path / SETTINGS
        # `align --train` keeps no inputs, but begins stages.
        known = (self.path / INPUTS).is_file() or any(map(_is_ours, folders))
        if settings is None or known or not file.exists():
            return
        # With the same text nothing is lost: a run killed before its first stage goes on.
        if not file.is_file() or file.read_bytes() != settings.encode("utf-8"):
            raise InputError(
                f"{file}: not written by outergrad ({INPUTS} is missing beside it), and a run "
                "would replace it; move it away, or name another folder with --out"
            )

    def stamp(self, stage: str) -> Stamp | None:
        """The stamp of a finished stage, or None."""
        try:
            fields = json.loads((self.folder(stage) / STAMP).read_text(encoding="utf-8"))
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
        begun = folder / BEGUN
        self.require_own([stage])
        _remove(folder, keep=begun.exists() and begun.read_text() == name)
        folder.mkdir(parents=True, exist_ok=True)
        begun.write_text(name)
        self.progress.note(f"▸ {stage}")
        with self._timed(folder / SPENT) as spent:
            summary = dict(work(folder))
        stamp = Stamp(name, spent(), summary)
        write_json(
            folder / STAMP,
            {"digest": stamp.digest, "seconds": stamp.seconds, "summary": stamp.summary},
        )
        self.progress.note(f"✓ {stage}: {_in_words(summary)}{stamp.seconds:.0f} s")
        return stamp

    @contextmanager
    def _timed(self, file: Path) -> Iterator[Callable[[], float]]:
        """Gives what tells the seconds spent so far, those of earlier starts in `file` included.

        A start that ends in an error or an interrupt is counted; one that is killed outright
        cannot say how long it was.
        """
        try:
            before = float(file.read_text())
        except (OSError, ValueError):
            before = 0.0
        start = self._clock()

        def spent() -> float:
            return round(before + self._clock() - start, 2)

        try:
            yield spent
        except BaseException:
            # The disk may be what is full; then the stage's own error is to be seen.
            with suppress(OSError):
                replace_text(file, f"{spent()}\n")
            raise


def _is_ours(folder: Path) -> bool:
    """Whether a folder is that of a stage, finished or not, or a model."""
    return any((folder / mark).is_file() for mark in (BEGUN, STAMP, MANIFEST))


def _empty(folder: Path) -> bool:
    """Whether it is a folder with nothing in it, as a kill at the very beginning leaves."""
    return folder.is_dir() and not any(folder.iterdir())


def _remove(folder: Path, keep: bool) -> None:
    """Delete a stage's folder unless it is to be kept, and what an earlier deletion left.

    Half of a folder must not stay under its name: it may have lost what marks it as ours.
    """
    stale = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(stale, ignore_errors=True)
    if keep:
        return
    if folder.is_symlink():
        folder.unlink()  # what it leads to is another run's
    elif folder.exists():
        folder.rename(stale)
        shutil.rmtree(stale)


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
                if not file.is_file():
                    continue  # an editor's lock is a link that leads nowhere
                _take(hasher, file.relative_to(path).as_posix(), file)
    return hasher.hexdigest()[:12]


def _take(hasher: "hashlib._Hash", name: str, file: Path) -> None:
    hasher.update(name.encode("utf-8", "surrogateescape"))
    if file.suffix.lower() in AUDIO_SUFFIXES:
        status = file.stat()
        hasher.update(f"{status.st_size} {status.st_mtime_ns}".encode())
    else:
        with file.open("rb") as stream:
            hashlib.file_digest(stream, lambda: hasher)  # in pieces, into what is there already
