"""Features that Kaldi computed: matrices that a ``feats.scp`` points to, compressed ones too."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.corpus.problems import Kind, Problem, printable
from outergrad.corpus.tables import decode_lines, read_bytes
from outergrad.corpus.utterance import Corpus, Utterance
from outergrad.errors import InputError
from outergrad.features.frontend import GivenConfig

SCRIPT = "feats.scp"


@dataclass(frozen=True, slots=True)
class KaldiFeatures:
    """What a ``feats.scp`` lists; matrices are read one at a time."""

    path: Path
    """The script."""
    places: Mapping[str, tuple[str, int]]
    """Utterance id → where its matrix is, ``FILE`` or ``FILE:OFFSET``, and the script's line."""

    @classmethod
    def read(cls, directory: Path) -> "KaldiFeatures":
        """Read the script of a Kaldi data directory.

        Raises:
            InputError: there is none, the extra ``kaldi`` is missing, a line is malformed, or it
                is a shell command, which is not run.
        """
        _native_io()
        path = directory / SCRIPT
        if not path.is_file():
            raise InputError(
                f"{directory}: there is no {SCRIPT}; features=kaldi needs Kaldi data directories "
                "with features (steps/make_fbank.sh)"
            )
        problems: list[Problem] = []
        places: dict[str, tuple[str, int]] = {}
        content = read_bytes(path, "a list of features")
        for number, line in decode_lines(content, str(path), problems):
            utterance, _, place = line.strip().partition(" ")
            place = place.strip()
            if not utterance:
                continue
            if not place or utterance in places:
                raise InputError(f"{path}:{number}: expected 'utterance FILE:OFFSET', each id once")
            if "|" in (place[0], place[-1]):
                raise InputError(
                    f"{path}:{number}: a shell command is not run; write the features into an "
                    "archive (copy-feats scp:… ark,scp:…)"
                )
            if place.endswith("]"):
                raise InputError(
                    f"{path}:{number}: parts of a matrix ({place[-20:]}) are not supported; write "
                    "the features into an archive (copy-feats scp:… ark,scp:…)"
                )
            places[utterance] = (place, number)
        if problems:
            raise InputError(str(problems[0]))
        if not places:
            raise InputError(f"{path} lists no features")
        return cls(path, places)

    def present(self, corpus: Corpus) -> tuple[Corpus, list[Problem]]:
        """The utterances that the script lists, and the others as problems."""
        found = [u.id for u in corpus if u.id in self.places]
        problems = [
            Problem(Kind.NO_FEATURES, "not listed", str(self.path), utterance=u.id)
            for u in corpus
            if u.id not in self.places
        ]
        return corpus.select(found, corpus.name), problems

    def config(self, frame_shift_ms: float) -> GivenConfig:
        """What the features are, by the first matrix.

        Raises:
            InputError: it cannot be read.
        """
        first = self.matrix(next(iter(self.places)))
        return GivenConfig(dim=first.shape[1], frame_shift_ms=frame_shift_ms)

    def of(self, corpus: Corpus) -> Iterator[tuple[Utterance, Float32Array]]:
        """Each utterance of a corpus, all of them listed, with float32 [frames, dim].

        Raises:
            InputError: a matrix cannot be read.
        """
        for utterance in corpus:
            yield utterance, self.matrix(utterance.id)

    def matrix(self, utterance: str) -> Float32Array:
        """float32 [frames, dim], features of a listed utterance.

        Raises:
            InputError: the archive is missing, damaged, or has no matrix there.
        """
        place, number = self.places[utterance]
        name, colon, offset = place.rpartition(":")
        name, offset = (name, offset) if colon and offset.isdecimal() else (place, "")
        file = self._find(name)
        where = f"{self.path}:{number}: {printable(utterance)}: {file}"
        if file is None:
            raise InputError(f"{self.path}:{number}: no such file: {printable(name)}")
        try:
            # An absolute path cannot be taken for a pipe or an option.
            read = _native_io().FloatMatrix.read(f"{file}:{offset}" if offset else str(file))
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise InputError(f"{where}: not a matrix of Kaldi's: {reason}") from error
        matrix = np.array(read, dtype=np.float32)
        if matrix.ndim != 2 or 0 in matrix.shape:
            raise InputError(f"{where}: an empty matrix")
        return matrix

    def _find(self, name: str) -> Path | None:
        """The archive: recipes name it by its path from where they run, two folders up or so."""
        folders = [Path(), *self.path.resolve().parents]
        for candidate in (folder / name for folder in folders):
            if candidate.is_file() and not str(candidate).strip().endswith("|"):
                return candidate.resolve()
        return None


def _native_io() -> ModuleType:
    try:
        import kaldi_native_io
    except ImportError as error:
        raise InputError(
            "Kaldi's features need the extra: pip install '.[kaldi]' in the clone"
        ) from error
    module: ModuleType = kaldi_native_io
    return module
