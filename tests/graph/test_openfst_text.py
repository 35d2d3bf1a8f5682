import numpy as np
import pytest

from outergrad.errors import InputError
from outergrad.graph.openfst_text import read_openfst_text, read_word_table, write_openfst_text

WORDS = ("<eps>", "a", "b")
PDF_OF = [-1, 0, 1, 2]
GOOD = """0\t1\t1\t1\t0.5
0 0 3 0
1\t2\t0\t2\t0.25
2\t0.75
1 2 2 0 inf
"""


def read(tmp_path, text):
    path = tmp_path / "graph.txt"
    path.write_text(text, encoding="utf-8")
    return read_openfst_text(path, WORDS, PDF_OF, 3)


def test_reads_and_writes_the_same_paths(tmp_path, path_oracle):
    graph = read(tmp_path, GOOD)
    wanted = {((3,) * n + (1,), ("a", "b")): [1.5] for n in range(3)}
    assert path_oracle.paths_of(graph, 3) == wanted
    written = tmp_path / "again.txt"
    write_openfst_text(graph, written)
    again = read_openfst_text(written, WORDS, PDF_OF, 3)
    assert path_oracle.paths_of(again, 3) == wanted
    assert again.arcs().pdf.tolist() == graph.arcs().pdf.tolist()


def test_kaldis_graph_survives_a_round_trip(shared, tmp_path):
    folder = shared / "golden/graph"
    words = read_word_table(folder / "words.txt")
    pdf_of = np.load(folder / "transitions.npz")["tid2pdf"]
    num_pdfs = int(pdf_of.max()) + 1
    graph = read_openfst_text(folder / "HCLG.tid.fst.txt", words, pdf_of, num_pdfs)
    write_openfst_text(graph, tmp_path / "again.txt")
    again = read_openfst_text(tmp_path / "again.txt", words, pdf_of, num_pdfs)
    assert again.num_arcs == graph.num_arcs == 3670
    # States may be numbered differently; labels and costs stay.
    for name in ("pdf", "transition", "word", "cost"):
        one, other = (sorted(getattr(g.arcs(), name).tolist()) for g in (again, graph))
        assert one == other


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2\t0.75", "2\tx", "graph.txt:4: expected"),
        ("2\t0.75", "2\tnan", "graph.txt:4: expected"),
        ("0 0 3 0", "0 0 3", "graph.txt:2: expected"),
        ("0 0 3 0", "0 0 3 0 1 2", "graph.txt:2: expected"),
        ("0 0 3 0", "0 -1 3 0", "graph.txt:2: expected"),
        ("0 0 3 0", "0 99999999999 3 0", "graph.txt:2: expected"),
        ("0 0 3 0", "0 0 4 0", "graph.txt:2: labels outside the 3"),
        ("0 0 3 0", "0 0 3 3", "graph.txt:2: labels outside"),
        (GOOD, "", "empty"),
    ],
)
def test_errors_name_the_line(tmp_path, old, new, message):
    assert old in GOOD
    with pytest.raises(InputError, match=message):
        read(tmp_path, GOOD.replace(old, new))


@pytest.mark.parametrize("text", ["", "<eps> 0\na 2\n", "<eps> 0\na 0\n", "<eps>\n", "a x\n"])
def test_bad_word_tables_are_refused(tmp_path, text):
    path = tmp_path / "words.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"words\.txt"):
        read_word_table(path)
