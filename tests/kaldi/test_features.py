"""feats.scp: what it may say, and what is wrong with an archive."""

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from outergrad.corpus.utterance import Corpus, Utterance
from outergrad.errors import InputError
from outergrad.kaldi.features import KaldiFeatures

kaldi_native_io = pytest.importorskip("kaldi_native_io")

MATRIX = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    (tmp_path / "data" / "train").mkdir(parents=True)
    path = tmp_path / "fbank.ark"
    scp = tmp_path / "data" / "train" / "feats.scp"
    with kaldi_native_io.FloatMatrixWriter(f"ark,scp:{path},{scp}") as writer:
        writer.write("u1", MATRIX)
        writer.write("u2", MATRIX[:2])
    return path


def script(archive: Path, text: str | None = None) -> Path:
    folder = archive.parent / "data" / "train"
    if text is not None:
        (folder / "feats.scp").write_text(text)
    return folder


def test_matrices_by_their_offsets(archive: Path) -> None:
    given = KaldiFeatures.read(script(archive))
    np.testing.assert_array_equal(given.matrix("u1"), MATRIX)
    np.testing.assert_array_equal(given.matrix("u2"), MATRIX[:2])
    assert given.config(12.5).dim == 3
    assert given.config(12.5).frame_shift_ms == 12.5


def test_a_matrix_in_a_file_of_its_own_named_from_the_recipe(archive: Path) -> None:
    kaldi_native_io.FloatMatrix(MATRIX).write(str(archive.parent / "one.mat"), True)
    given = KaldiFeatures.read(script(archive, "u1 one.mat\n"))
    np.testing.assert_array_equal(given.matrix("u1"), MATRIX)


def test_utterances_that_are_not_listed_are_problems(archive: Path) -> None:
    corpus = Corpus("train", tuple(Utterance(u, u, ("a",), archive) for u in ("u1", "u2", "u3")))
    good, problems = KaldiFeatures.read(script(archive)).present(corpus)
    assert good.ids == ("u1", "u2")
    assert [(p.kind.value, p.utterance) for p in problems] == [("utterance without features", "u3")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("u1 touch pwned |\n", r"feats\.scp:1: a shell command is not run"),
        ("u1 | touch pwned\n", r"feats\.scp:1: a shell command is not run"),
        ("u1 fbank.ark:3[0:2]\n", r"parts of a matrix \(.*\[0:2\]\) are not supported"),
        ("u1\n", r"feats\.scp:1: expected 'utterance FILE:OFFSET'"),
        ("u1 a:1\nu1 a:1\n", r"feats\.scp:2: expected"),
        ("\n", "lists no features"),
    ],
)
def test_scripts_that_are_refused(archive: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        KaldiFeatures.read(script(archive, text))
    assert not Path("pwned").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("u1 none.ark:3\n", r"feats\.scp:1: no such file: none\.ark"),
        ("u1 fbank.ark:2\n", "not a matrix of Kaldi's"),
        ("u1 fbank.ark:99999\n", "not a matrix of Kaldi's"),
    ],
)
def test_archives_that_do_not_hold_the_matrix(archive: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        KaldiFeatures.read(script(archive, text)).matrix("u1")


def test_a_directory_without_features(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no feats\.scp; .*steps/make_fbank\.sh"):
        KaldiFeatures.read(tmp_path)


def test_the_missing_extra_is_named(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "kaldi_native_io":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install '\.\[kaldi\]'"):
        KaldiFeatures.read(script(archive))
