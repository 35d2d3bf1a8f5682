"""Whatever is in a graph's files: a graph that can be decoded with, or an InputError."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outergrad.decoder.decoding import DecoderConfig, decode
from outergrad.decoder.errors import DecodingError
from outergrad.errors import InputError
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.graph.openfst_text import read_openfst_text

WORDS = ("<eps>", "yes", "no")
PDF_OF = np.array([-1, 0, 1, 0], dtype=np.int32)
TEXT = "0\t1\t1\t1\t0.5\n1\t1\t3\t0\t0.25\n1\t2\t0\t2\n0\t2\t2\t0\t1.5\n2\t0.125\n"
ONCE = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def try_out(graph):
    """Decode with the graph; what must not happen is anything but a result or its own error."""
    scores = np.zeros((3, graph.num_pdfs), dtype=np.float32)
    try:
        decode(graph, scores, DecoderConfig(acoustic_scale=1.0))
    except DecodingError:
        return


@ONCE
@given(st.text(alphabet="0123 \n\t.-einfa9", max_size=60))
def test_any_text(tmp_path, text):
    path = tmp_path / "graph.txt"
    path.write_text(text)
    try:
        graph = read_openfst_text(path, WORDS, PDF_OF, 2)
    except InputError:
        return
    try_out(graph)


@ONCE
@given(st.data())
def test_damaged_text(tmp_path, data):
    place = data.draw(st.integers(0, len(TEXT) - 1))
    path = tmp_path / "graph.txt"
    path.write_text(
        TEXT[:place] + data.draw(st.text("0123456789 \n\t-.", max_size=3)) + TEXT[place:]
    )
    try:
        graph = read_openfst_text(path, WORDS, PDF_OF, 2)
    except InputError:
        return
    try_out(graph)


def test_state_numbers_may_have_gaps(tmp_path):
    path = tmp_path / "graph.txt"
    path.write_text("5 2147483647 1 1 0.5\n2147483647 0.25\n")
    graph = read_openfst_text(path, WORDS, PDF_OF, 2)
    assert (graph.num_states, graph.num_arcs) == (2, 1)


@ONCE
@given(st.data())
def test_damaged_files(tmp_path, data):
    (tmp_path / "graph.txt").write_text(TEXT)
    folder = tmp_path / "graph"
    read_openfst_text(tmp_path / "graph.txt", WORDS, PDF_OF, 2).save(folder)
    path = data.draw(st.sampled_from(sorted(folder.iterdir())))
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[place] = data.draw(st.integers(0, 255))
    else:
        del content[place:]
    path.write_bytes(content)
    try:
        graph = DecodingGraph.load(folder)
    except InputError:
        return
    try_out(graph)


def test_an_empty_file(tmp_path):
    (tmp_path / "graph.txt").write_text(TEXT)
    folder = tmp_path / "graph"
    read_openfst_text(tmp_path / "graph.txt", WORDS, PDF_OF, 2).save(folder)
    (folder / "states.npy").write_bytes(b"")
    with pytest.raises(InputError, match="not a readable decoding graph"):
        DecodingGraph.load(folder)
