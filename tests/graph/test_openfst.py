"""Binary files of OpenFst's: both types read back, and damage refused."""

from pathlib import Path

import kaldifst
import numpy as np
import pytest

from outergrad.errors import InputError
from outergrad.graph.openfst import Transducer, read_openfst, to_openfst

ARCS = [(0, 1, 1, 2), (1, 2, 0, 3), (1, 1, 4, 0), (3, 0, 2, 2), (3, 2, 5, 1)]
COSTS = [0.5, 0.25, 0.125, 1.0, 2.0]
FINAL = np.array([np.inf, np.inf, 0.75, 0.0], dtype=np.float32)


def written(path: Path, kind: str) -> Path:
    fst = to_openfst(Transducer.of(0, ARCS, COSTS, FINAL))
    if kind == "const":
        fst = kaldifst.StdConstFst(fst)
    assert fst.write(str(path))
    return path


@pytest.mark.parametrize("kind", ["vector", "const"])
def test_what_openfst_wrote(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / "HCLG.fst", kind)
    assert kind.encode() in path.read_bytes()[:20]
    found = read_openfst(path)
    arcs = np.stack([found.source, found.destination, found.ilabel, found.olabel], axis=1)
    np.testing.assert_array_equal(arcs, ARCS)
    np.testing.assert_array_equal(found.cost, np.float32(COSTS))
    np.testing.assert_array_equal(found.final_cost, FINAL)
    assert found.start == 0


def test_arrays_that_were_aligned_for_mapping(tmp_path: Path) -> None:
    """fstconvert --fst_align: states and arcs begin at multiples of 16 bytes."""
    plain = written(tmp_path / "HCLG.fst", "const").read_bytes()
    states_begin = len(plain) - 4 * (5 * 4 + 4 * len(ARCS))
    header, states = plain[:states_begin], plain[states_begin : states_begin + 80]
    arcs = plain[states_begin + 80 :]
    flags_at = 4 + 4 + len("const") + 4 + len("standard") + 4
    header = header[:flags_at] + b"\4" + header[flags_at + 1 :]
    content = header + bytes(-len(header) % 16) + states
    content += bytes(-len(content) % 16) + arcs
    (tmp_path / "aligned.fst").write_bytes(content)
    found, wanted = read_openfst(tmp_path / "aligned.fst"), read_openfst(tmp_path / "HCLG.fst")
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", ["vector", "const"])
def test_truncation_and_changed_bytes_never_pass_unseen_or_crash(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / "HCLG.fst", kind)
    content = path.read_bytes()
    for size in range(len(content)):
        path.write_bytes(content[:size])
        with pytest.raises(InputError, match=r"HCLG\.fst: "):
            read_openfst(path)
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x80]) + content[at + 1 :])
        try:
            found = read_openfst(path)
        except InputError:
            continue
        # What no check can see (a cost, a label) must still be a transducer.
        assert np.all((found.destination >= 0) & (found.destination < len(found.final_cost)))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"standard", b"log64xyz", "weights 'log64xyz'; convert it to vector"),
        (b"vector", b"ngram1", "type 'ngram1'"),
        (b"\xd6\xfd\xb2\x7e", b"0 1 ", "not a binary file of OpenFst's"),
        (b"\x02\0\0\0\x00\0\0\0", b"\x02\0\0\0\x01\0\0\0", "symbol tables inside"),
    ],
)
def test_other_kinds_are_named(tmp_path: Path, old: bytes, new: bytes, said: str) -> None:
    path = written(tmp_path / "HCLG.fst", "vector")
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(InputError, match=said):
        read_openfst(path)


def test_an_aligned_file_that_ends_with_its_header(tmp_path: Path) -> None:
    """Its first state would begin at the next multiple of 16, behind the end."""
    path = written(tmp_path / "HCLG.fst", "const")
    content = bytearray(path.read_bytes())
    flags = content.index(b"standard") + len("standard") + 4
    content[flags] |= 4  # OpenFst's IS_ALIGNED
    for size in range(flags + 40, flags + 80):
        path.write_bytes(content[:size])
        with pytest.raises(InputError, match=r"HCLG\.fst: "):
            read_openfst(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_openfst(tmp_path / "none")
