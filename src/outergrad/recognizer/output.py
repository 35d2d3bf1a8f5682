"""Alignments on disk: TextGrid, CTM, JSON lines."""

import json
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from outergrad.corpus.textgrid import TextInterval, Tier, format_textgrid
from outergrad.corpus.utterance import file_name_for
from outergrad.errors import RunError
from outergrad.recognizer.alignment import Aligned
from outergrad.recognizer.timing import Interval

TEXTGRIDS, WORDS, PHONES, JSONL = "textgrids", "words.ctm", "phones.ctm", "alignments.jsonl"


class AlignmentWriter:
    """Writes each alignment as it comes; a context manager.

    ``textgrids/ID.TextGrid`` (tiers words and phones; ids that are no file names are
    percent-encoded), ``words.ctm`` and ``phones.ctm`` (utterance, channel 1, begin, duration,
    label) and ``alignments.jsonl`` (everything, with the score). All times are seconds from the
    begin of the utterance.
    """

    def __init__(self, folder: Path) -> None:
        """Write into `folder`, which is made; earlier alignments in it are replaced.

        Raises:
            RunError: it cannot be written.
        """
        self._folder = folder
        self._files: list[IO[str]] = []

    def __enter__(self) -> Self:
        try:
            (self._folder / TEXTGRIDS).mkdir(parents=True, exist_ok=True)
            for old in (self._folder / TEXTGRIDS).glob("*.TextGrid"):
                old.unlink()
            for name in (WORDS, PHONES, JSONL):
                self._files.append((self._folder / name).open("w", encoding="utf-8"))
        except OSError as error:
            raise self._failure(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in self._files:
            try:
                file.close()
            except OSError as failed:
                if kind is None:
                    raise self._failure(failed) from failed

    def write(self, aligned: Aligned) -> None:
        """Write one utterance.

        Raises:
            RunError: the disk is full, or the like.
        """
        words, phones, lines = self._files
        name = file_name_for(aligned.utterance, ".TextGrid")
        tiers = [_tier("words", aligned.timing.words), _tier("phones", aligned.timing.phones)]
        value = {
            "utterance": aligned.utterance,
            "seconds": round(aligned.seconds, 3),
            "score": aligned.score,
            "words": [asdict(interval) for interval in aligned.timing.words],
            "phones": [asdict(interval) for interval in aligned.timing.phones],
        }
        try:
            (self._folder / TEXTGRIDS / name).write_text(
                format_textgrid(_end(aligned), tiers), encoding="utf-8"
            )
            words.write(_ctm(aligned.utterance, aligned.timing.words))
            phones.write(_ctm(aligned.utterance, aligned.timing.phones))
            lines.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> RunError:
        return RunError(f"{self._folder}: cannot write the alignments: {error.strerror}")


def _end(aligned: Aligned) -> float:
    """Frames overlap, so the last one may end, by its number, a little before the audio does."""
    phones = aligned.timing.phones
    return max(aligned.seconds, phones[-1].end if phones else 0.0)


def _tier(name: str, intervals: tuple[Interval, ...]) -> Tier:
    return Tier(name, tuple(TextInterval(i.begin, i.end, i.label) for i in intervals))


def _ctm(utterance: str, intervals: tuple[Interval, ...]) -> str:
    return "".join(
        f"{utterance} 1 {i.begin:.3f} {i.end - i.begin:.3f} {i.label}\n" for i in intervals
    )
