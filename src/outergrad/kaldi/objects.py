"""Kaldi's files of objects, text or binary, read token by token; nothing in them is ever run.

The form is that of Kaldi's ``base/io-funcs``: a binary file begins with a zero byte and ``B``;
tokens are words followed by one blank; an integer or real is a byte with its size (negative if
unsigned) and the value, little-endian; a vector of integers has the size of one element, the
count, and the elements.
"""

import re
import struct
from pathlib import Path

import numpy as np

from outergrad.arrays import Float64Array
from outergrad.errors import InputError

BINARY = b"\0B"
"""How a binary file, or a binary value in an archive, begins."""

_WORD = re.compile(rb"\s*(\S+)")
_LONGEST_TOKEN = 200
_MOST = 1 << 30


class ObjectReader:
    """Reads one file from its begin to wherever what is wanted ends."""

    def __init__(self, path: Path) -> None:
        """Open a file.

        Raises:
            InputError: it cannot be read or is empty.
        """
        self.path = path
        try:
            self._content = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from error
        if not self._content:
            raise InputError(f"{path} is empty; copy it again")
        self.binary = self._content.startswith(BINARY)
        self._at = len(BINARY) if self.binary else 0

    def damaged(self, what: str) -> InputError:
        """The error to raise: what is wrong at the present place."""
        form = "binary" if self.binary else "text"
        return InputError(
            f"{self.path}: {what} (byte {self._at}, read as {form}); is it what its name says, "
            "and was it copied whole?"
        )

    def token(self) -> str:
        """The next word."""
        match = _WORD.match(self._content, self._at)
        if match is None:
            raise self.damaged("the file ends too early")
        word = match[1]
        if len(word) > _LONGEST_TOKEN or not word.isascii():
            raise self.damaged("a word is expected here")
        # In binary files exactly one blank follows; the next byte may look like another.
        self._at = match.end() + (1 if self.binary else 0)
        return word.decode("ascii")

    def expect(self, *wanted: str) -> str:
        """The next word, which must be one of `wanted`."""
        before = self._at
        found = self.token()
        if found not in wanted:
            self._at = before
            raise self.damaged(f"expected {' or '.join(wanted)}, found {found[:40]!r}")
        return found

    def integer(self, *, signed: bool = True) -> int:
        """A 32-bit integer."""
        if self.binary:
            mark, form = (4, "<i") if signed else (256 - 4, "<I")
            return int(struct.unpack(form, self._sized(4, mark))[0])
        return self._integer(self.token())

    def real(self) -> float:
        """A real number, of single or double precision."""
        if self.binary:
            size = self._content[self._at] if self._at < len(self._content) else 0
            if size not in (4, 8):
                raise self.damaged("expected a real number")
            return float(struct.unpack("<f" if size == 4 else "<d", self._sized(size, size))[0])
        return self._real(self.token())

    def integers(self) -> list[int]:
        """A vector of 32-bit integers."""
        if not self.binary:
            return [self._integer(word) for word in self._bracketed()]
        if self._take(1) != b"\4":
            raise self.damaged("expected a vector of 32-bit integers")
        count = self._count(struct.unpack("<i", self._take(4))[0])
        return [int(value) for value in np.frombuffer(self._take(4 * count), dtype="<i4")]

    def reals(self) -> Float64Array:
        """A vector of reals, float64."""
        if not self.binary:
            return np.array([self._real(word) for word in self._bracketed()], dtype=np.float64)
        kind = self.expect("FV", "DV")
        count = self._count(self.integer())
        size, dtype = (4, "<f4") if kind == "FV" else (8, "<f8")
        return np.frombuffer(self._take(size * count), dtype=dtype).astype(np.float64)

    def _sized(self, size: int, mark: int) -> bytes:
        if self._take(1) != bytes([mark]):
            self._at -= 1
            raise self.damaged(f"expected a value of {size} bytes")
        return self._take(size)

    def _take(self, size: int) -> bytes:
        taken = self._content[self._at : self._at + size]
        if len(taken) < size:
            raise self.damaged("the file ends too early")
        self._at += size
        return taken

    def _count(self, count: int) -> int:
        if not 0 <= count < _MOST:
            raise self.damaged(f"a vector cannot have {count} elements")
        return count

    def _bracketed(self) -> list[str]:
        self.expect("[")
        words = []
        while (word := self.token()) != "]":
            words.append(word)
        return words

    def _integer(self, word: str) -> int:
        try:
            return int(word)
        except ValueError:
            raise self.damaged(f"expected an integer, found {word[:40]!r}") from None

    def _real(self, word: str) -> float:
        try:
            return float(word)
        except ValueError:
            raise self.damaged(f"expected a real number, found {word[:40]!r}") from None
