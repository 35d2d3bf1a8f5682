"""Snapshots of a training run on disk: safetensors and JSON, complete or absent."""

import json
import os
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from outergrad.arrays import Float32Array
from outergrad.errors import InputError, RunError
from outergrad.ps.partition import Partition
from outergrad.ps.server import ServerState

FORMAT = 1
KEPT = 2
"""Snapshots kept: the newest, and one to fall back on."""

DAMAGE = (OSError, ValueError, KeyError, TypeError, InputError, safetensors.SafetensorError)
"""What reading a torn or altered snapshot can raise."""


@dataclass(frozen=True, eq=False, slots=True)
class Snapshot:
    """All that a run needs to go on."""

    server: ServerState
    """Parameters, versions, rule state."""
    best: Float32Array | None
    """float32 [n], best parameters so far; None before the first evaluation."""
    run: dict[str, Any]
    """JSON-able: coordinator state, totals, elapsed time."""


class SnapshotStore:
    """A directory of snapshots; a name is there only when what it names is complete.

    A store keeps the snapshots of one run: those it has written, and the one it has loaded with
    those before. Numbers of a run that starts anew are low again, so they cannot tell which of two
    runs a snapshot is of; and a damaged one that is newer must not push out one that can be read.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._own: list[Path] = []
        """Snapshots of this run, oldest first."""

    def save(self, number: int, snapshot: Snapshot) -> Path:
        """Write a snapshot beside its place, rename it there, remove what it replaces.

        That is all but this run's newest: also whatever else was there when the run started.

        Args:
            number: orders the snapshots of a run; the number of server updates.
            snapshot: what to write.

        Raises:
            RunError: the disk is full or gone. Earlier snapshots are not touched.
        """
        place = self.directory / f"snapshot-{number:010d}"
        draft = self.directory / f".draft-{os.getpid()}"
        try:
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            self._write(draft, snapshot)
            if place.exists():
                shutil.rmtree(place)
            draft.rename(place)
            _sync(self.directory)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            raise RunError(f"{place}: cannot write the snapshot: {error.strerror}") from error
        self._own = [*(own for own in self._own if own != place), place][-KEPT:]
        for old in self._complete():
            if old not in self._own:
                shutil.rmtree(old, ignore_errors=True)
        return place

    def _write(self, draft: Path, snapshot: Snapshot) -> None:
        server = snapshot.server
        tensors = {"values": server.values}
        tensors.update((f"rule.{name}", array) for name, array in server.rule_state.items())
        if snapshot.best is not None:
            tensors["best"] = snapshot.best
        data = safetensors.numpy.save(tensors)
        description = {
            "format": FORMAT,
            "bounds": server.partition.bounds,
            "versions": server.versions,
            "checksum": zlib.crc32(data),
            "run": snapshot.run,
        }
        _write_synced(draft / "parameters.safetensors", data)
        _write_synced(draft / "state.json", json.dumps(description).encode())
        _sync(draft)

    def load(self, notice: Callable[[str], None]) -> Snapshot | None:
        """The newest complete snapshot, or None; each damaged one is told to `notice`.

        It and those before are of the run that goes on, and are kept as such.
        """
        places = self._places()
        for index, place in enumerate(places):
            try:
                snapshot = self._read(place)
            except DAMAGE as error:
                notice(f"{place}: damaged snapshot left out, trying the one before: {error}")
            else:
                self._own = places[index:][::-1]
                return snapshot
        return None

    @property
    def occupied(self) -> bool:
        """Whether there is anything, complete or damaged, that a new run's first would replace."""
        return any(self._complete())

    @property
    def usable(self) -> bool:
        """Whether `load` would find a snapshot; reads it, and says nothing of damaged ones."""
        return self.load(lambda damage: None) is not None

    def _read(self, place: Path) -> Snapshot:
        description = json.loads((place / "state.json").read_bytes())
        if description["format"] != FORMAT:
            raise ValueError(f"format {description['format']}, this version reads {FORMAT}")
        data = (place / "parameters.safetensors").read_bytes()
        if zlib.crc32(data) != description["checksum"]:
            raise ValueError("parameters.safetensors does not have its checksum")
        tensors = safetensors.numpy.load(data)
        partition = Partition(tuple(map(int, description["bounds"])))
        versions = tuple(map(int, description["versions"]))
        if any(t.shape != (partition.num_parameters,) for t in tensors.values()):
            raise ValueError("tensors of different lengths")
        if any(t.dtype != np.float32 for t in tensors.values()):
            raise ValueError("tensors that are not float32")
        if len(versions) != partition.num_shards:
            raise ValueError("not one version per shard")
        rule = {k.removeprefix("rule."): t for k, t in tensors.items() if k.startswith("rule.")}
        server = ServerState(tensors["values"], rule, partition, versions)
        return Snapshot(server, tensors.get("best"), description["run"])

    def _places(self) -> list[Path]:
        """Snapshots, newest first."""
        return sorted(self._complete(), reverse=True)

    def _complete(self) -> list[Path]:
        return [place for place in self.directory.glob("snapshot-*") if place.is_dir()]


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    """Make renames in a directory survive a power cut."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
