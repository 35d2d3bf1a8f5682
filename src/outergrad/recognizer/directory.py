"""Folders that hold a model: written whole, listed with checksums, refused with the reason.

The list of files with sizes and checksums is written last and read first, so that a folder that
lost something on its way is refused with the name of what is wrong. Names in the list are never
opened because the list names them.
"""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from outergrad import __version__
from outergrad.errors import InputError, RunError

MANIFEST = "model.json"
MODEL, GMM = "outergrad-model", "outergrad-gmm-model"
"""Formats: everything to recognize and align with a network; a GMM that aligns."""
VERSIONS = {MODEL: 1, GMM: 1}
"""Raised when older programs cannot read what newer ones write."""


def write_directory(
    directory: Path, fill: Callable[[Path], None], description: dict[str, Any]
) -> None:
    """Write a model directory; an existing one is replaced whole.

    Args:
        directory: where to.
        fill: writes the files into the folder that it is given.
        description: ``format``, ``system``, ``settings`` and ``about``; the rest is added.

    Raises:
        RunError: it cannot be written (no rights, disk full); nothing is left behind.
    """
    fresh = directory.with_name(f".{directory.name}.new-{os.getpid()}")
    stale = directory.with_name(f".{directory.name}.old-{os.getpid()}")
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        fill(fresh)
        whole = {
            "format": description["format"],
            "version": VERSIONS[description["format"]],
            "made_by": f"outergrad {__version__}",
            "system": description["system"],
            "settings": _mapped(description["settings"], _infinity_as_word),
            "about": description["about"],
            "files": {name: _facts(fresh / name) for name in _files(fresh)},
        }
        text = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)
        (fresh / MANIFEST).write_text(text + "\n", encoding="utf-8")
        if directory.exists():
            directory.rename(stale)
        fresh.rename(directory)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise RunError(f"cannot write the model {directory}: {error.strerror}") from error
    shutil.rmtree(stale, ignore_errors=True)


def find_model(path: Path) -> Path:
    """The model directory that `path` is, or that the run directory `path` holds.

    Raises:
        InputError: there is none.
    """
    for candidate in (path, path / "model"):
        if (candidate / MANIFEST).is_file():
            return candidate
    if (path / "inputs.json").is_file():
        raise InputError(
            f"{path}: this run has no model yet; go on with it: outergrad score --out {path}"
        )
    what = "no such folder" if not path.exists() else f"there is no {MANIFEST} in it"
    raise InputError(f"{path} is no model directory: {what}")


def describe(path: Path) -> dict[str, Any]:
    """What a model directory says about itself, its files unread.

    Raises:
        InputError: no model, written by a newer version, or its description is damaged.
    """
    return read_manifest(find_model(path))


def read_manifest(directory: Path, wanted: str | None = None) -> dict[str, Any]:
    """The description in a model directory.

    Args:
        directory: the folder.
        wanted: the format that it must have, any of `VERSIONS` without.

    Raises:
        InputError: it is damaged, of a newer version, or of another format.
    """
    path = directory / MANIFEST
    try:
        description: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable: {error}; copy the whole folder again") from error
    found = description.get("format") if isinstance(description, dict) else None
    if found not in VERSIONS:
        raise InputError(f"{path} does not describe a model (format {wanted or MODEL!r} expected)")
    version = description.get("version")
    if not isinstance(version, int) or version > VERSIONS[found]:
        raise InputError(
            f"model {directory} has format version {version}, made by "
            f"{description.get('made_by')}; this program reads up to version {VERSIONS[found]}: "
            "install a newer outergrad"
        )
    if wanted is not None and found != wanted:
        raise InputError(
            f"model {directory} is a GMM that `align --train` made: it aligns, and does nothing "
            "else; `outergrad run` makes models that transcribe"
            if found == GMM
            else f"model {directory} is no GMM (format {found!r})"
        )
    kinds = {"system": str, "settings": dict, "files": dict, "about": dict}
    for key, kind in kinds.items():
        if not isinstance(description.get(key), kind):
            raise InputError(f"{path}: {key} is missing or no {kind.__name__}")
    return {**description, "settings": _mapped(description["settings"], _word_as_infinity)}


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """A tree of JSON values with each leaf changed."""
    if isinstance(value, dict):
        return {key: _mapped(entry, change) for key, entry in value.items()}
    if isinstance(value, list):
        return [_mapped(entry, change) for entry in value]
    return change(value)


def _infinity_as_word(value: Any) -> Any:
    """JSON has no infinite numbers, and a beam may be one."""
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def _word_as_infinity(value: Any) -> Any:
    return float(value) if value in ("inf", "-inf") else value


def _files(directory: Path) -> list[str]:
    found = (path for path in directory.rglob("*") if path.is_file())
    return sorted(path.relative_to(directory).as_posix() for path in found)


def _facts(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def check_files(directory: Path, listed: dict[str, Any]) -> None:
    """Compare the files that are there with the list; names in the list are never opened.

    Raises:
        InputError: one is missing, cut off or altered.
    """
    found = [name for name in _files(directory) if name != MANIFEST]
    lost = sorted(set(listed) - set(found))
    if lost:
        names = ", ".join(map(repr, lost[:5]))
        raise InputError(f"model {directory}: {names} is missing; copy the whole folder again")
    for name in found:
        if name not in listed:
            continue  # a note that somebody put there
        facts = _facts(directory / name)
        if facts != listed[name]:
            size, expected = facts["bytes"], listed[name]
            before = expected.get("bytes") if isinstance(expected, dict) else None
            what = f"has {size} bytes instead of {before}" if size != before else "was altered"
            raise InputError(f"model {directory}: {name} {what}; copy the whole folder again")


def summary(description: dict[str, Any]) -> dict[str, Any]:
    """The parts of a description that people ask for."""
    sizes = [facts["bytes"] for facts in description["files"].values()]
    decoding = description["settings"].get("decoding", {})
    return {
        "system": description["system"],
        "made_by": description["made_by"],
        "version": description["version"],
        "lm_weight": decoding.get("lm_weight"),
        "bytes": sum(sizes),
        **description["about"],
    }
