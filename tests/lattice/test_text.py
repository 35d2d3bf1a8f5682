"""Lattices as text, both ways, and what is no lattice."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outergrad.errors import InputError
from outergrad.lattice.building import (
    LatticeArc,
    WordArc,
    lattice_from_arcs,
    word_lattice_from_arcs,
)
from outergrad.lattice.one_alignment import one_alignment_per_word_string
from outergrad.lattice.paths import best_path, log_z
from outergrad.lattice.text import (
    format_archive,
    format_lattice,
    format_word_lattice,
    parse_archive,
    parse_lattice,
    parse_word_lattice,
)

PDF_OF = np.array([-1, 4, 7, 9], dtype=np.int32)
RAW = """0 1 1 5 1.5,-20
0 2 2 6 2.5,-25.25
1 2 0 0 0.25
2 3 3 0
3 0.5,0
"""
COMPACT = """0 1 5 1.5,-20,1_2
0 1 6 2.5,-25.25,2_2
1 0.5,3,3
"""


def test_reading_kaldis_layout():
    raw = RAW.replace("0.25\n", "0.25,0\n").replace("0 2 2 6", "0 1 2 6")
    lattice = parse_lattice(raw, pdf_of=PDF_OF, acoustic_scale=1.0)
    assert (lattice.num_nodes, lattice.num_arcs, lattice.num_frames) == (4, 4, 2)
    path = best_path(lattice)
    assert path.words == (6,)
    assert path.pdfs.tolist() == [7, 9]
    assert path.transitions.tolist() == [2, 3]
    assert path.graph_cost == pytest.approx(2.5 + 0.25 + 0.5)
    assert path.acoustic_score == pytest.approx(25.25)


def test_reading_compact_lattices():
    lattice = parse_word_lattice(COMPACT, pdf_of=PDF_OF, acoustic_scale=1.0)
    path = best_path(lattice)
    assert path.words == (6,)
    assert path.pdfs.tolist() == [7, 7, 9]
    assert path.acoustic_score == pytest.approx(25.25 - 3.0)
    assert lattice.num_frames == 3


def test_final_acoustic_costs_are_kept():
    lattice = parse_lattice("0 1 1 0 1,2\n1 3,4\n", pdf_of=PDF_OF, acoustic_scale=1.0)
    assert log_z(lattice) == pytest.approx(-10.0)


def test_round_trip_by_transitions_and_by_pdfs(lattices):
    pdf_of = np.zeros(100, dtype=np.int32)
    for lattice, _ in lattices:
        known = lattice.transition[lattice.pdf >= 0]
        if len(
            set(zip(known.tolist(), lattice.pdf[lattice.pdf >= 0].tolist(), strict=True))
        ) != len(set(known.tolist())):
            continue
        pdf_of[known] = lattice.pdf[lattice.pdf >= 0]
        text = format_lattice(lattice)
        by_transition = parse_lattice(text, pdf_of=pdf_of, acoustic_scale=0.3)
        by_pdf = parse_lattice(
            format_lattice(lattice, labels="pdfs"), labels="pdfs", acoustic_scale=0.3
        )
        for again in (by_transition, by_pdf):
            assert log_z(again) == pytest.approx(log_z(lattice), abs=1e-12)
            assert again.num_arcs == lattice.num_arcs
        assert sorted(by_transition.word.tolist()) == sorted(lattice.word.tolist())
        words = one_alignment_per_word_string(lattice, np.inf, 64)
        again = parse_word_lattice(format_word_lattice(words), pdf_of=pdf_of, acoustic_scale=0.3)
        assert log_z(again) == pytest.approx(log_z(words), abs=1e-7)
        assert (again.num_nodes, again.num_arcs) == (words.num_nodes, words.num_arcs)


def test_words_instead_of_ids():
    lattice = lattice_from_arcs(2, 0, [LatticeArc(0, 1, 3, 1, 1, 0.5, 2.0)], {1: 0.0}, 1.0)
    assert format_lattice(lattice, words=["<eps>", "yes"]) == "0\t1\t1\tyes\t0.5,-2\n1\t0,0\n"
    arcs = [WordArc(0, 1, 1, 0.5, 2.0, [3], [1]), WordArc(1, 2, 0, 0.25, 1.0, [3], [2])]
    words = word_lattice_from_arcs(3, 0, 2, arcs, 1.0)
    assert (
        format_word_lattice(words, words=["<eps>", "yes"]) == "0\t1\tyes\t0.5,-2,1\n1\t0.25,-1,2\n"
    )


def test_archives():
    archive = {"a-1": RAW, "b": COMPACT}
    assert parse_archive(format_archive(archive)) == archive
    with pytest.raises(InputError, match="twice"):
        parse_archive("a\n0 1 1\n\na\n0 1 1\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("0 1 1 0 1,1\n", "no final node"),
        ("0 1 1 0 1,1\n1 nan,0\n", "line 2"),
        ("0 1 x 0 1,1\n1\n", "line 1"),
        ("0 1 4 0 1,1\n1\n", "transition_id 4"),
        ("0 1 -1 0 1,1\n1\n", "negative"),
        ("0 1 1 -3 1,1\n1\n", "negative"),
        ("0 1 1 0 1\n1\n", "line 1"),
        ("0 1 1 0 1,1 7\n1\n", "6 fields"),
        ("0 1 1 0 1,1\n1 2 1 0 1,1\n2 1 1 0 1,1\n2\n", "different length|cycle"),
        ("0 1 0 0 1,1\n1 2 0 0 1,1\n2 1 0 0 1,1\n2\n", "cycle"),
        ("0 0 0 0 1,1\n0\n", "start node"),
        ("0 1 1 0 1,1\n2 1 1 0 1,1\n1\n", "no arc leads to node 2"),
        ("0 1 1 0 1,1\n1 2 1 0 1,1\n1\n2\n", "different numbers of frames"),
    ],
)
def test_what_is_no_lattice(text, message):
    with pytest.raises(InputError, match=message):
        parse_lattice(text, pdf_of=PDF_OF)


def test_transition_labels_need_their_pdfs():
    with pytest.raises(InputError, match="pdf_of"):
        parse_lattice(RAW)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 1 5 1,2,1\n", "no final node"),
        ("0 1 5 1,2,9\n1\n", "transition_id 9"),
        ("0 1 5 1,2\n1\n", "line 1"),
        ("0 1 -5 1,2,1\n1\n", "negative"),
        ("0 1 2 3 4\n1\n", "5 fields"),
        ("0 1 5 1,2,1\n0 1 6 1,2,1_1\n1\n", "different length"),
    ],
)
def test_what_is_no_word_lattice(text, message):
    with pytest.raises(InputError, match=message):
        parse_word_lattice(text, pdf_of=PDF_OF)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123 \n,._-einfa\t", max_size=60))
def test_any_text_gives_a_lattice_or_an_input_error(text):
    for read in (
        lambda: parse_lattice(text, pdf_of=PDF_OF),
        lambda: parse_lattice(text, labels="pdfs"),
        lambda: parse_word_lattice(text, pdf_of=PDF_OF),
    ):
        try:
            lattice = read()
        except InputError:
            continue
        assert lattice.num_frames >= 0
        assert np.isfinite(log_z(lattice))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_lattices_give_a_lattice_or_an_input_error(data):
    text = data.draw(st.sampled_from([RAW, COMPACT]))
    place = data.draw(st.integers(0, len(text) - 1))
    damaged = text[:place] + data.draw(st.text("0123456789 \n,_-", max_size=3)) + text[place + 1 :]
    for read in (parse_lattice, parse_word_lattice):
        try:
            lattice = read(damaged, pdf_of=PDF_OF)
        except InputError:
            continue
        for field in dataclasses.fields(lattice):
            values = np.asarray(getattr(lattice, field.name))
            if values.dtype == np.int32 and len(values):
                assert values.min() >= -1
