"""Archives of alignments: utterance id → transition_ids, as Kaldi's programs write them.

A value is text (the rest of a line) or binary: ``\\0B``, then the count and the elements, each a
byte with its size (4) and a little-endian integer.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from outergrad.arrays import Int32Array
from outergrad.corpus.problems import printable
from outergrad.errors import InputError
from outergrad.kaldi.objects import BINARY

_ELEMENT = np.dtype([("size", "u1"), ("value", "<i4")])
_GZIP = b"\x1f\x8b"


def read_alignments(path: Path) -> Iterator[tuple[str, Int32Array]]:
    """Read an archive of vectors of integers, text or binary, plain or gzipped.

    Args:
        path: ``ali.1.gz``, ``ali.ark`` and the like.

    Yields:
        Utterance id and int32 [T].

    Raises:
        InputError: the file cannot be read or is damaged; says where.
    """
    content = _content(path)
    at, end = 0, len(content)
    while at < end:
        blank = content.find(b" ", at)
        line_end = content.find(b"\n", at)
        if line_end >= 0 and not content[at:line_end].strip():
            at = line_end + 1
            continue
        if blank < 0 or 0 <= line_end < blank:
            raise _damaged(path, at, "expected an utterance id and a blank")
        try:
            utterance = content[at:blank].decode("utf-8")
        except UnicodeDecodeError:
            raise _damaged(path, at, "expected an utterance id") from None
        at = blank + 1
        if content.startswith(BINARY, at):
            at += len(BINARY)
            count = np.frombuffer(content[at : at + _ELEMENT.itemsize], dtype=_ELEMENT)
            if not len(count) or count["size"][0] != 4 or count["value"][0] < 0:
                raise _damaged(path, at, f"{printable(utterance)}: expected a vector of integers")
            at += _ELEMENT.itemsize
            size = int(count["value"][0]) * _ELEMENT.itemsize
            values = np.frombuffer(content[at : at + size], dtype=np.uint8)
            if len(values) < size:
                raise _damaged(path, at, f"{printable(utterance)}: the file ends too early")
            elements = values.view(_ELEMENT)
            if np.any(elements["size"] != 4):
                raise _damaged(path, at, f"{printable(utterance)}: not a vector of integers")
            at += size
            yield utterance, elements["value"].astype(np.int32)
        else:
            stop = line_end if line_end >= 0 else end
            try:
                found = np.array([int(word) for word in content[at:stop].split()], dtype=np.int32)
            except (ValueError, OverflowError):
                message = f"{printable(utterance)}: expected integers, are these alignments?"
                raise _damaged(path, at, message) from None
            at = stop + 1
            yield utterance, found


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(_GZIP) else content
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read: {error}; copy it again") from error


def _damaged(path: Path, at: int, what: str) -> InputError:
    return InputError(f"{path}: {what} (byte {at} of the archive, unpacked)")
