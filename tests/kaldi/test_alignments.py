"""Archives of alignments: text and binary, plain and gzipped, written by another program too."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from outergrad.errors import InputError
from outergrad.kaldi.alignments import read_alignments
from outergrad.kaldi.system import KaldiSystem

ALIGNED = {"spk-a": [1, 1, 3, 36], "spk-é": [7], "spk-leer": []}


def written(path: Path, binary: bool) -> Path:
    kaldi = pytest.importorskip("kaldi_native_io")
    kind = "ark" if binary else "ark,t"
    with kaldi.Int32VectorWriter(f"{kind}:{path}") as writer:
        for utterance, values in ALIGNED.items():
            writer.write(utterance, values)
    return path


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("packed", [True, False])
def test_what_kaldis_own_code_writes(tmp_path: Path, binary: bool, packed: bool) -> None:
    path = written(tmp_path / "ali.ark", binary)
    if packed:
        (tmp_path / "ali.1.gz").write_bytes(gzip.compress(path.read_bytes()))
        path = tmp_path / "ali.1.gz"
    found = dict(read_alignments(path))
    assert {utterance: values.tolist() for utterance, values in found.items()} == ALIGNED
    assert all(values.dtype == np.int32 for values in found.values())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"u1 1 2\nu2 1 x\n", r"u2: expected integers, .*\(byte 10"),
        (b"u1\n", "expected an utterance id and a blank"),
        (b"u1 \0B\4\2\0\0\0\4\1\0\0\0", "u1: the file ends too early"),
        (b"u1 \0B\4\1\0\0\0\2\1\0\0\0", "u1: not a vector of integers"),
        (b"u1 \0BFM \4\1\0\0\0", "u1: expected a vector of integers"),
        (b"u1 99999999999\n", "u1: expected integers"),
        (gzip.compress(b"u1 1 2\n", mtime=0)[:-9], "cannot be read"),
        (b"\xff\xfe 1\n", "expected an utterance id"),
    ],
)
def test_damage_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "ali.1.gz").write_bytes(content)
    with pytest.raises(InputError, match=rf"ali\.1\.gz: .*{said}|ali\.1\.gz: {said}"):
        list(read_alignments(tmp_path / "ali.1.gz"))


def test_an_alignment_of_another_model(write_system: Callable[..., Path]) -> None:
    folder = write_system(ali_1_txt=None)
    with pytest.raises(InputError, match=r"no alignments .* steps/align_si\.sh"):
        list(KaldiSystem.read(folder).alignments())
    (folder / "ali.1.txt").write_text("u1 1 37\n")
    with pytest.raises(InputError, match=r"u1 has transition_ids up to 37, .* has 1 \.\.\. 36"):
        list(KaldiSystem.read(folder).alignments())
