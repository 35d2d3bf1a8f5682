"""Language models in ARPA format (Doug Paul's, as SRILM, KenLM and Kaldi read and write it)."""

from __future__ import annotations

import gzip
import math
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from outergrad.corpus.tables import split_blanks
from outergrad.errors import InputError
from outergrad.graph.ngram import Ngram, NgramModel

_LN10 = math.log(10.0)
_LOG_ZERO = -99.0
_COUNT = re.compile(r"ngram\s+(\d+)\s*=\s*(\d+)\s*")
_SECTION = re.compile(r"\\(\d+)-grams:")


def read_arpa(path: Path | str) -> NgramModel:
    r"""Read a language model in ARPA format; text before ``\data\`` is skipped.

    Log probabilities of -99 and below mean probability zero (SRILM's convention).

    Args:
        path: UTF-8 text, plain or compressed with gzip.

    Raises:
        InputError: the file cannot be read, or breaks the format: the message names the line.
    """
    path = Path(path)
    reader = _Reader(path)
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == b"\x1f\x8b"
        opener = gzip.open if compressed else open
        with opener(path, "rt", encoding="utf-8-sig", errors="strict") as lines:
            reader.read(enumerate(lines, start=1))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error}); convert it, e.g. with iconv") from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot read the language model {path}: {error}") from error
    return NgramModel(len(reader.counts), reader.log_probs, reader.backoffs)


def write_arpa(model: NgramModel, path: Path | str) -> None:
    """Write a language model in ARPA format, compressed if the name ends with ``.gz``."""
    path = Path(path)
    sections: list[list[Ngram]] = [[] for _ in range(model.order)]
    for ngram in sorted(model.log_probs):
        sections[len(ngram) - 1].append(ngram)
    lines = ["\\data\\"]
    lines += [f"ngram {n}={len(ngrams)}" for n, ngrams in enumerate(sections, start=1)]
    for n, ngrams in enumerate(sections, start=1):
        lines += ["", f"\\{n}-grams:"]
        for ngram in ngrams:
            line = f"{_log10(model.log_probs[ngram])}\t{' '.join(ngram)}"
            if ngram in model.backoffs:
                line += f"\t{_log10(model.backoffs[ngram])}"
            lines.append(line)
    content = ("\n".join([*lines, "", "\\end\\"]) + "\n").encode()
    if path.suffix == ".gz":
        content = gzip.compress(content, mtime=0)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_bytes(content)
    os.replace(unfinished, path)


def _log10(value: float) -> str:
    return f"{_LOG_ZERO:.0f}" if value == -math.inf else f"{value / _LN10:.7f}"


@dataclass
class _Reader:
    """What was read so far, and where."""

    path: Path
    counts: list[int] = field(default_factory=list)
    log_probs: dict[Ngram, float] = field(default_factory=dict)
    backoffs: dict[Ngram, float] = field(default_factory=dict)
    line: int = 0

    def error(self, message: str, line: int | None = None) -> InputError:
        return InputError(f"{self.path}:{self.line if line is None else line}: {message}")

    def read(self, lines: Iterator[tuple[int, str]]) -> None:
        """Read header, sections and end mark."""
        title = self._header(lines)
        defined: dict[Ngram, int] = {}
        for n in range(1, len(self.counts) + 1):
            match = _SECTION.fullmatch(title)
            if match is None or int(match[1]) != n:
                raise self.error(f"expected \\{n}-grams:, found {title[:40]!r}")
            section, first = self.line, len(self.log_probs)
            title = self._section(lines, n, defined)
            found = len(self.log_probs) - first
            if found != self.counts[n - 1]:
                raise self.error(
                    f"the section holds {found} {n}-grams, but \\data\\ says {self.counts[n - 1]}",
                    section,
                )
        if title != "\\end\\":
            raise self.error(f"expected \\end\\, found {title[:40]!r}")

    def _rows(self, lines: Iterator[tuple[int, str]]) -> Iterator[str]:
        for number, text in lines:
            self.line = number
            row = text.strip(" \t\r\n")
            if row:
                yield row

    def _header(self, lines: Iterator[tuple[int, str]]) -> str:
        rows = self._rows(lines)
        if not any(row == "\\data\\" for row in rows):
            raise self.error("no \\data\\ line: not a language model in ARPA format")
        for row in rows:
            if row.startswith("\\"):
                if not self.counts:
                    raise self.error("\\data\\ lists no 'ngram N=count' lines")
                return row
            match = _COUNT.fullmatch(row)
            if match is None or int(match[1]) != len(self.counts) + 1:
                raise self.error(f"expected 'ngram {len(self.counts) + 1}=count', found {row!r}")
            self.counts.append(int(match[2]))
        raise self.error("the file ends inside \\data\\")

    def _section(self, lines: Iterator[tuple[int, str]], n: int, defined: dict[Ngram, int]) -> str:
        """Read one section; returns the line that ends it."""
        highest = n == len(self.counts)
        for row in self._rows(lines):
            if row.startswith("\\") and (row == "\\end\\" or _SECTION.fullmatch(row)):
                return row
            fields = split_blanks(row)
            if not (len(fields) == n + 1 or (len(fields) == n + 2 and not highest)):
                expected = f"a log probability, {n} word(s)" + ("" if highest else ", a back-off")
                raise self.error(f"expected {expected}; found {len(fields)} fields: {row[:60]!r}")
            ngram = tuple(fields[1 : n + 1])
            if ngram in defined:
                raise self.error(f"{' '.join(ngram)!r} was listed before, in line {defined[ngram]}")
            if n > 1:
                self._check_parts(ngram)
            defined[ngram] = self.line
            value = self._number(fields[0])
            if value > 1e-6:
                raise self.error(f"log10 probability {fields[0]} is above 0")
            self.log_probs[ngram] = -math.inf if value <= _LOG_ZERO else min(value, 0.0) * _LN10
            if len(fields) == n + 2:
                weight = self._number(fields[-1])
                self.backoffs[ngram] = -math.inf if weight <= _LOG_ZERO else weight * _LN10
        raise self.error("the file ends without \\end\\: it is cut off")

    def _check_parts(self, ngram: Ngram) -> None:
        for word in ngram:
            if (word,) not in self.log_probs:
                raise self.error(f"the word {word!r} is not among the 1-grams")
        history = ngram[:-1]
        if history not in self.log_probs:
            raise self.error(f"its history {' '.join(history)!r} is not listed as an n-gram")
        if history not in self.backoffs:
            raise self.error(
                f"its history {' '.join(history)!r} is listed without a back-off weight; "
                "write 0 there if it is meant to be 1"
            )

    def _number(self, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if math.isnan(value) or value == math.inf:
            raise self.error(f"{text!r} is not a log10 probability or weight")
        return value
