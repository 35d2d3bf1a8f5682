"""Which layout a folder or file of speech has."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from outergrad.corpus.kaldi import read_kaldi_directory
from outergrad.corpus.layouts.aligner import has_transcripts_beside, read_aligner_folder
from outergrad.corpus.layouts.manifests import manifests_in, read_manifests
from outergrad.corpus.layouts.transcript_table import TABLE_SUFFIXES, read_transcript_table
from outergrad.corpus.problems import Problem
from outergrad.corpus.utterance import Corpus
from outergrad.errors import InputError


class Layout(StrEnum):
    """How a corpus lies on disk; the value is what messages say."""

    KALDI = "Kaldi data directory"
    TABLE = "table of transcripts"
    MANIFESTS = "Lhotse manifests"
    ALIGNER = "recordings with transcripts beside them"


_EXPECTED = (
    "a Kaldi data directory (wav.scp, text), a table of transcripts (.csv, .tsv or .jsonl with "
    "columns for the audio file and the text), Lhotse manifests (recordings and supervisions, or "
    "cuts, .jsonl or .jsonl.gz), or recordings with a .lab, .txt or .TextGrid beside each"
)


def read_corpus(
    path: Path, name: str | None = None, *, transcripts: bool = True
) -> tuple[Corpus, list[Problem], Layout]:
    """Read a corpus in whichever known layout it has; recordings are looked for, not opened.

    Args:
        path: A folder, or a table or manifest by itself.
        name: Name of the corpus; by default the last part of `path`.
        transcripts: Whether transcripts must be there (Kaldi data directories only).

    Returns:
        The usable utterances, everything wrong with the others, and the layout.

    Raises:
        InputError: Nothing there has a known layout, or several have.
    """
    name = name or path.resolve().name
    layout, read = _reader(path, name, transcripts)
    corpus, problems = read()
    return corpus, problems, layout


_Read = Callable[[], tuple[Corpus, list[Problem]]]


def _reader(path: Path, name: str, transcripts: bool) -> tuple[Layout, _Read]:
    try:
        return _detect(path, name, transcripts)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def _detect(path: Path, name: str, transcripts: bool) -> tuple[Layout, _Read]:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; needed is {_EXPECTED}")
    if path.is_file():
        if manifests_in([path]):
            return Layout.MANIFESTS, lambda: read_manifests([path], path.parent, name)
        if path.suffix.lower() in TABLE_SUFFIXES:
            return Layout.TABLE, lambda: read_transcript_table(path, name)
        raise InputError(f"{path} has no known layout; needed is {_EXPECTED}")
    if (path / "wav.scp").exists():
        return Layout.KALDI, lambda: read_kaldi_directory(path, name, transcripts=transcripts)
    files = sorted(child for child in path.iterdir() if child.is_file())
    if manifests_in(files):
        return Layout.MANIFESTS, lambda: read_manifests(files, path, name)
    tables = [file for file in files if file.suffix.lower() in TABLE_SUFFIXES]
    if len(tables) > 1:
        listed = ", ".join(table.name for table in tables[:5])
        raise InputError(f"{path} has several tables ({listed}); give the path of the one wanted")
    if tables:
        return Layout.TABLE, lambda: read_transcript_table(tables[0], name)
    if has_transcripts_beside(path):
        return Layout.ALIGNER, lambda: read_aligner_folder(path, name)
    raise InputError(f"{path} has no known layout; needed is {_EXPECTED}")
