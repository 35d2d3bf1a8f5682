"""Features of many utterances in one memory-mapped file that all processes share.

Layout, little-endian: a 48-byte header (magic, format version, number of values, index offset,
index length, CRC of the index), padding to 64 bytes, float32 rows, a JSON index. Each utterance's
rows are its frames with the first repeated `left` times before and the last `right` times after,
so that `left + 1 + right` stacked frames are consecutive memory: stacking is a view.
"""

import os
import secrets
import socket
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import msgspec
import numpy as np

from outergrad.arrays import Float32Array, Int64Array
from outergrad.corpus.problems import printable
from outergrad.errors import InputError, RunError
from outergrad.features.frontend import windows_of

_MAGIC = b"OGFEATS\n"
_VERSION = 1
_HEADER = struct.Struct("<8sIIQQQI4x")
_DATA_OFFSET = 64


class _Index(msgspec.Struct, frozen=True):
    ids: list[str]
    num_frames: list[int]
    dim: int
    left: int
    right: int
    attributes: dict[str, Any]


class FeatureStore:
    """Read-only features of a corpus; open it in every process, the pages are shared.

    Views stay valid as long as they are referenced, also after the file was replaced by a new one.
    A store can be pickled: the receiver opens the same file.
    """

    def __init__(self, path: Path, index: _Index, rows: Float32Array) -> None:
        """Not for callers; use `open` or `create`."""
        self.path = path
        self._index = index
        self._rows = rows
        padding = index.left + index.right
        lengths = np.asarray(index.num_frames, dtype=np.int64)
        self._begins: Int64Array = np.zeros(len(lengths) + 1, dtype=np.int64)
        np.cumsum(lengths + padding, out=self._begins[1:])
        self._place = {utterance_id: n for n, utterance_id in enumerate(index.ids)}

    @classmethod
    def create(
        cls,
        path: Path,
        items: Iterable[tuple[str, Float32Array]],
        *,
        left: int = 0,
        right: int = 0,
        attributes: Mapping[str, Any] | None = None,
    ) -> "FeatureStore":
        """Write a store and open it; `path` appears, or is replaced, only when it is complete.

        Args:
            path: File to write.
            items: Utterance ids and features, float32 `[frames, dim]`, at least one frame each.
            left: Context frames before each frame in `stacked`.
            right: Context frames after each frame in `stacked`.
            attributes: JSON-able values to keep with the features.

        Raises:
            InputError: An id twice, features of different dimension, empty or not finite.
            RunError: The file cannot be written.
        """
        with StoreWriter(path, left=left, right=right) as writer:
            for utterance_id, frames in items:
                writer.append(utterance_id, frames)
            writer.finish(attributes or {})
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> "FeatureStore":
        """Map a store into memory.

        Raises:
            InputError: It is missing, incomplete, damaged, or of a newer format.
        """
        path = Path(path)
        try:
            with path.open("rb") as stream:
                index, num_values = _read_index(path, stream)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"cannot open the feature store {path}: {reason}") from error
        shape = (num_values // index.dim if index.dim else 0, index.dim)
        if num_values == 0:
            return cls(path, index, _read_only(np.zeros(shape, dtype=np.float32)))
        mapped = np.memmap(path, dtype="<f4", mode="r", offset=_DATA_OFFSET, shape=shape)
        return cls(path, index, np.asarray(mapped))

    def __reduce__(self) -> tuple[Any, ...]:
        return (FeatureStore.open, (self.path,))

    def __len__(self) -> int:
        return len(self._index.ids)

    def __contains__(self, utterance_id: object) -> bool:
        return utterance_id in self._place

    @property
    def ids(self) -> tuple[str, ...]:
        """Utterance ids in the order they were written."""
        return tuple(self._index.ids)

    @property
    def dim(self) -> int:
        """Values per frame, unstacked."""
        return self._index.dim

    @property
    def left(self) -> int:
        """Context frames before each frame in `stacked`."""
        return self._index.left

    @property
    def right(self) -> int:
        """Context frames after each frame in `stacked`."""
        return self._index.right

    @property
    def stacked_dim(self) -> int:
        """Values per stacked frame: (left + 1 + right) · dim."""
        return (self.left + 1 + self.right) * self.dim

    @property
    def attributes(self) -> dict[str, Any]:
        """What was kept with the features."""
        return self._index.attributes

    @property
    def total_frames(self) -> int:
        """Frames of all utterances, context not counted."""
        return sum(self._index.num_frames)

    def num_frames(self, utterance_id: str) -> int:
        """Number of frames of an utterance."""
        return self._index.num_frames[self._find(utterance_id)]

    def frames(self, utterance_id: str) -> Float32Array:
        """Features of an utterance: a read-only view, float32 `[frames, dim]`."""
        n = self._find(utterance_id)
        begin = int(self._begins[n]) + self.left
        return self._rows[begin : begin + self._index.num_frames[n]]

    def stacked(self, utterance_id: str) -> Float32Array:
        """Frames with their context: a read-only view, float32 `[frames, (left+1+right)·dim]`.

        Row t holds frames t − left … t + right one after the other; beyond the utterance its first
        and last frame are repeated.
        """
        n = self._find(utterance_id)
        begin = int(self._begins[n])
        return self.windows[begin : begin + self._index.num_frames[n]]

    @property
    def windows(self) -> Float32Array:
        """All stacked frames of the file as one view, for gathering batches over utterances.

        Frame t of an utterance is row ``first_window(id) + t``. Rows between utterances mix their
        frames and belong to none.
        """
        return windows_of(self._rows, self.left + 1 + self.right)

    def first_window(self, utterance_id: str) -> int:
        """Row of `windows` that holds the first frame of an utterance."""
        return int(self._begins[self._find(utterance_id)])

    def _find(self, utterance_id: str) -> int:
        place = self._place.get(utterance_id)
        if place is None:
            raise InputError(
                f"the feature store {self.path} has no utterance {printable(utterance_id)}"
            )
        return place


class StoreWriter:
    """Writes a store beside its final place and renames it when it is complete.

    Use as a context manager: leaving it without `finish` removes what was written. A process that
    was killed leaves a hidden ``.partial`` file, which the next writer of the same store removes.
    """

    def __init__(self, path: Path, *, left: int = 0, right: int = 0) -> None:
        """Open the temporary file.

        Raises:
            InputError: Negative context.
            RunError: The folder cannot be written.
        """
        if left < 0 or right < 0:
            raise InputError(f"context frames cannot be negative: left {left}, right {right}")
        self.path = Path(path)
        self._left, self._right = left, right
        self._dim = 0
        self._num_frames: dict[str, int] = {}
        self._num_values = 0
        _remove_abandoned(self.path)
        name = f".{self.path.name}.{_host()}.{os.getpid()}.{secrets.token_hex(4)}.partial"
        self._partial = self.path.with_name(name)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self._partial.open("xb+")
            self._stream.write(bytes(_DATA_OFFSET))
        except OSError as error:
            raise self._failure(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Closing flushes, which fails again on a full disk; the partial file must go nevertheless.
        with suppress(OSError):
            self._stream.close()
        with suppress(OSError):
            self._partial.unlink(missing_ok=True)

    def append(self, utterance_id: str, frames: Float32Array) -> None:
        """Add the features of one utterance, float32 `[frames, dim]`.

        Raises:
            InputError: The id was used before; the features are not of this shape and type, empty,
                not finite, or of another dimension than those before.
            RunError: The file cannot be written.
        """
        who = f"features of {printable(utterance_id)}"
        if utterance_id in self._num_frames:
            raise InputError(f"{who} were added before; ids must differ")
        if frames.ndim != 2 or frames.dtype != np.float32 or 0 in frames.shape:
            raise InputError(
                f"{who} must be float32 [frames, dim] with at least one frame, "
                f"not {frames.dtype} {list(frames.shape)}"
            )
        if self._num_frames and frames.shape[1] != self._dim:
            raise InputError(f"{who} have {frames.shape[1]} dimensions, those before {self._dim}")
        if not np.isfinite(frames).all():
            raise InputError(f"{who} contain nan or infinite values")
        self._dim = frames.shape[1]
        padded = np.concatenate(
            [
                np.broadcast_to(frames[:1], (self._left, self._dim)),
                frames,
                np.broadcast_to(frames[-1:], (self._right, self._dim)),
            ]
        )
        try:
            self._stream.write(np.ascontiguousarray(padded, dtype="<f4").data)
        except OSError as error:
            raise self._failure(error) from error
        self._num_frames[utterance_id] = len(frames)
        self._num_values += padded.size

    def rows(self) -> Iterator[tuple[str, Float32Array]]:
        """What was appended, utterance by utterance with its repeated edges, to change in place.

        Yields:
            Utterance id and writable rows, float32 `[left + frames + right, dim]`.
        """
        if not self._num_values:
            return
        self._stream.flush()
        shape = (self._num_values // self._dim, self._dim)
        mapped = np.memmap(self._partial, dtype="<f4", mode="r+", offset=_DATA_OFFSET, shape=shape)
        begin = 0
        for utterance_id, count in self._num_frames.items():
            end = begin + self._left + count + self._right
            yield utterance_id, mapped[begin:end]
            begin = end
        mapped.flush()

    def finish(self, attributes: Mapping[str, Any]) -> None:
        """Write index and header, make everything durable, and give the file its name.

        Raises:
            InputError: The attributes cannot be written as JSON.
            RunError: The file cannot be written.
        """
        index = _Index(
            list(self._num_frames),
            list(self._num_frames.values()),
            self._dim,
            self._left,
            self._right,
            dict(attributes),
        )
        try:
            encoded = msgspec.json.encode(index)
        except (TypeError, msgspec.MsgspecError) as error:
            raise InputError(f"attributes of a feature store must be JSON-able: {error}") from error
        index_offset = _DATA_OFFSET + 4 * self._num_values
        header = _HEADER.pack(
            _MAGIC, _VERSION, 0, self._num_values, index_offset, len(encoded), zlib.crc32(encoded)
        )
        try:
            self._stream.seek(index_offset)
            self._stream.write(encoded)
            self._stream.seek(0)
            self._stream.write(header)
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
            os.replace(self._partial, self.path)
            _sync_directory(self.path.parent)
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> RunError:
        reason = error.strerror or str(error)
        return RunError(f"cannot write the feature store {self.path}: {reason}")


def _read_index(path: Path, stream: BinaryIO) -> tuple[_Index, int]:
    size = os.fstat(stream.fileno()).st_size
    head = stream.read(_HEADER.size)
    again = "compute the features again"
    if not head.startswith(_MAGIC):
        # An all-zero header is that of a file whose writer did not finish.
        raise InputError(f"{path} is not a complete feature store; {again}")
    if len(head) < _HEADER.size:
        raise InputError(f"the feature store {path} is truncated; {again}")
    _, version, _, num_values, index_offset, index_length, checksum = _HEADER.unpack(head)
    if version > _VERSION:
        raise InputError(
            f"the feature store {path} has format {version}, this program reads up to {_VERSION}; "
            f"update outergrad or {again}"
        )
    if index_offset != _DATA_OFFSET + 4 * num_values or index_offset + index_length != size:
        raise InputError(
            f"the feature store {path} is truncated or damaged: it has {size} bytes, its header "
            f"says {index_offset + index_length}; {again}"
        )
    stream.seek(index_offset)
    encoded = stream.read(index_length)
    if zlib.crc32(encoded) != checksum:
        raise InputError(f"the index of the feature store {path} is damaged; {again}")
    try:
        index = msgspec.json.decode(encoded, type=_Index)
    except msgspec.MsgspecError as error:
        raise InputError(f"the index of the feature store {path} is damaged ({error})") from error
    padding = index.left + index.right
    rows = sum(count + padding for count in index.num_frames)
    if (
        len(index.ids) != len(index.num_frames)
        or min([index.left, index.right, index.dim, *index.num_frames]) < 0
        or rows * index.dim != num_values
    ):
        raise InputError(f"the index of the feature store {path} contradicts its header; {again}")
    return index, num_values


def _read_only(array: Float32Array) -> Float32Array:
    array.flags.writeable = False
    return array


def _host() -> str:
    return "".join(c for c in socket.gethostname() if c.isalnum() or c == "-") or "host"


def _remove_abandoned(path: Path) -> None:
    """Remove temporary files of this store whose writer, on this machine, is gone."""
    prefix = f".{path.name}.{_host()}."
    if not path.parent.is_dir():
        return
    for entry in path.parent.iterdir():
        parts = entry.name.removeprefix(prefix).split(".")
        if not entry.name.startswith(prefix) or len(parts) != 3 or parts[2] != "partial":
            continue
        if parts[0].isdigit() and not _is_alive(int(parts[0])):
            entry.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _sync_directory(directory: Path) -> None:
    """Make the rename durable; some file systems cannot, which costs durability only."""
    with suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
