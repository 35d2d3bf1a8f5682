"""Recognizing recordings: words with times and confidences."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.corpus.stream import CutConfig, Piece, cut_at_silence, stream_audio
from outergrad.decoder.decoding import decode_words
from outergrad.decoder.errors import DecodingError
from outergrad.decoder.records import Workspace
from outergrad.errors import InputError
from outergrad.features.frontend import from_audio
from outergrad.lattice.paths import arc_occupancies, best_path
from outergrad.lattice.word_lattice import WordLattice
from outergrad.recognizer.model import Model
from outergrad.recognizer.timing import time_words

LABEL_TOLERANCE = 15
"""Frames by which the labels of the same spoken word may differ from path to path."""


@dataclass(frozen=True, slots=True)
class Word:
    """A recognized word: `begin` and `end` in seconds, `confidence` in 0 … 1."""

    word: str
    begin: float
    end: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Failure:
    """A stretch of a recording (seconds) in which nothing could be recognized, and why."""

    begin: float
    end: float
    reason: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in a recording of `seconds`."""

    seconds: float
    words: tuple[Word, ...]
    failures: tuple[Failure, ...]

    @property
    def text(self) -> str:
        """The words as one line."""
        return " ".join(word.word for word in self.words)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "seconds": round(self.seconds, 3),
            "text": self.text,
            "words": [
                {"word": w.word, "begin": w.begin, "end": w.end, "confidence": w.confidence}
                for w in self.words
            ],
            "failures": [
                {"begin": f.begin, "end": f.end, "reason": f.reason} for f in self.failures
            ],
        }


class Recognizer:
    """A model at work; use one per thread."""

    def __init__(self, model: Model, cut: CutConfig | None = None) -> None:
        """Recognize with `model`, long recordings cut as `cut` says.

        Raises:
            InputError: the model takes features that cannot be computed from audio.
        """
        from_audio(model.front_end.config)
        self.model = model
        self._cut = cut or CutConfig()
        self._workspace = Workspace()

    def transcribe(self, path: Path) -> Transcript:
        """The words of a recording of any length; memory is bounded by the longest piece.

        Raises:
            AudioError: the recording cannot be used.
        """
        rate = self.model.front_end.rate
        words: list[Word] = []
        failures: list[Failure] = []
        seconds = 0.0
        for piece in cut_at_silence(stream_audio(path, rate), self._cut, rate):
            seconds = piece.begin + len(piece.samples) / rate
            found = self.recognize(piece)
            if isinstance(found, Failure):
                failures.append(found)
            else:
                words += found
        return Transcript(seconds, tuple(words), tuple(failures))

    def recognize(self, piece: Piece) -> list[Word] | Failure:
        """The words of one piece, at the recording's times."""
        model = self.model
        end = round(piece.begin + len(piece.samples) / model.front_end.rate, 3)
        try:
            stacked = model.front_end.stacked(piece.samples)
        except InputError:
            return Failure(round(piece.begin, 3), end, "too-short")
        scores = model.acoustic.scores(stacked)
        try:
            return self._words(scores, piece.begin)
        except DecodingError as error:
            return Failure(round(piece.begin, 3), end, error.reason)

    def _words(self, scores: Float32Array, begin: float) -> list[Word]:
        model, decoding = self.model, self.model.config.decoding
        lattice = decode_words(model.graph, scores, decoding.decoder, workspace=self._workspace)
        if decoding.insertion_penalty:
            cost = lattice.graph_cost + decoding.insertion_penalty * (lattice.word > 0)
            lattice = replace(lattice, graph_cost=cost)
        path = best_path(lattice)
        words = [model.graph.words[word] for word in path.words]
        shift = model.front_end.config.frame_shift_ms / 1000
        timing = time_words(words, path.transitions, model.lexicon, model.hmm, shift)
        places = [place for place, _ in path.word_frames]
        confidences = word_confidences(lattice, path.words, places)
        return [
            Word(said.label, said.begin, said.end, round(confidence, 4))
            for said, confidence in zip(
                (interval.shifted(begin) for interval in timing.words), confidences, strict=True
            )
        ]


def word_confidences(
    lattice: WordLattice, words: tuple[int, ...], places: list[int]
) -> list[float]:
    """How much of the lattice's probability agrees with each word, in 0 … 1.

    The sum of the occupancies of all arcs that carry the same word at about the same time
    (`LABEL_TOLERANCE`), at the acoustic scale that the lattice was made with.

    Args:
        lattice: the word lattice of the utterance.
        words: word_ids of the best path.
        places: frame at which the label of each stands.
    """
    _, occupancy = arc_occupancies(lattice)
    length = np.diff(lattice.first_entry)
    place = np.maximum(lattice.frame[lattice.source] + length - 1, 0)
    return [
        min(
            1.0,
            float(
                occupancy[(lattice.word == word) & (np.abs(place - at) <= LABEL_TOLERANCE)].sum()
            ),
        )
        for word, at in zip(words, places, strict=True)
    ]


@contextmanager
def spooled(stream: BinaryIO) -> Iterator[Path]:
    """A pipe's content as a file for as long as the block lasts; audio headers need to seek.

    Raises:
        InputError: the stream is empty.
    """
    with tempfile.NamedTemporaryFile(prefix="outergrad-", suffix=".audio") as file:
        while chunk := stream.read(1 << 20):
            file.write(chunk)
        file.flush()
        if not file.tell():
            raise InputError("standard input is empty; audio is needed there")
        yield Path(file.name)
