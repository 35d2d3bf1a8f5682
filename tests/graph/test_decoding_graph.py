"""The decoding graph: what is kept, its order, its files."""

import json
import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outergrad.errors import InputError
from outergrad.graph.decoding_graph import DecodingGraph

COLUMNS = {
    "start": 0,
    "source": [0, 0, 1, 1, 2, 3, 3, 4],
    "destination": [1, 4, 1, 2, 3, 3, 0, 4],
    "pdf": [0, 1, 1, -1, -1, 2, -1, 0],
    "transition": [1, 2, 3, 0, 0, 4, 0, 5],
    "word": [1, 0, 0, 0, 2, 0, 0, 0],
    "cost": [0.5, 0.25, 1.0, 2.0, 0.125, 0.75, 3.0, 0.0],
    "final_cost": [np.inf, np.inf, np.inf, 1.5, np.inf],
    "num_pdfs": 3,
    "words": ["<eps>", "yes", "no"],
}


def build(**changes):
    return DecodingGraph.from_arcs(**{**COLUMNS, **changes})


def labelled_arcs(arcs):
    """Arcs without the state numbers, which differ from graph to graph."""
    return Counter(
        zip(
            (arcs.source == arcs.destination).tolist(),
            arcs.pdf.tolist(),
            arcs.transition.tolist(),
            arcs.word.tolist(),
            arcs.cost.tolist(),
            strict=True,
        )
    )


def test_arcs_come_back_without_dead_ends():
    graph = build()
    # State 4 is a dead end, and so are the two arcs into it.
    assert (graph.num_states, graph.num_arcs) == (4, 6)
    expected = Counter(
        (source == target, pdf, transition, word, cost)
        for source, target, pdf, transition, word, cost in zip(
            *(COLUMNS[name] for name in ("source", "destination", "pdf", "transition")),
            COLUMNS["word"],
            COLUMNS["cost"],
            strict=True,
        )
        if target != 4
    )
    assert labelled_arcs(graph.arcs()) == expected


def test_states_are_ordered_by_epsilon_level():
    graph = build()
    arcs = graph.arcs()
    level = np.zeros(graph.num_states, dtype=int)
    level[graph.first_epsilon_state :] = graph.epsilon_level
    silent = arcs.pdf < 0
    targets = level[arcs.destination[silent]]
    assert ((targets > level[arcs.source[silent]]) | (targets == 0)).all()
    assert (np.diff(level) >= 0).all()
    assert graph.num_levels == 3


def test_rebuilding_from_its_own_arcs_changes_nothing():
    graph = build()
    arcs = graph.arcs()
    again = DecodingGraph.from_arcs(
        start=graph.start,
        **arcs._asdict(),
        final_cost=graph.final_cost,
        num_pdfs=3,
        words=graph.words,
    )
    assert labelled_arcs(again.arcs()) == labelled_arcs(arcs)
    assert again.num_states == graph.num_states


def test_a_second_self_loop_and_one_with_a_word_are_kept():
    graph = build(
        source=[0, 0, 0, 0],
        destination=[0, 0, 0, 1],
        pdf=[0, 1, 2, 0],
        transition=[1, 2, 3, 4],
        word=[1, 0, 0, 0],
        cost=[0.0, 1.0, 2.0, 3.0],
        final_cost=[np.inf, 0.0],
    )
    assert graph.num_arcs == 4
    assert labelled_arcs(graph.arcs())[(True, 0, 1, 1, 0.0)] == 1


def test_impossible_arcs_are_dropped():
    assert build(cost=[0.5, 0.25, np.inf, 2.0, 0.125, 0.75, 3.0, 0.0]).num_arcs == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": 5}, "start state 5"),
        ({"words": ["yes", "no", "<eps>"]}, "<eps>"),
        ({"source": [0, 0, 1, 1, 2, 3, 3, 9]}, "source state out of range"),
        ({"destination": [0, 0, 1, 1, 2, 3, 3, -1]}, "destination state out of range"),
        ({"pdf": [0, 1, 3, -1, -1, 2, -1, 0]}, "pdf_id out of range"),
        ({"word": [3, 0, 0, 0, 2, 0, 0, 0]}, "word_id out of range"),
        ({"transition": [-1, 2, 3, 0, 0, 4, 0, 5]}, "transition_id out of range"),
        ({"cost": [np.nan] * 8}, "nan or -inf"),
        ({"final_cost": [-np.inf] * 5}, "nan or -inf"),
        ({"final_cost": [np.inf] * 5}, "no path"),
        ({"pdf": [-1, 1, 1, -1, -1, 2, -1, 0]}, "cycle of epsilon arcs"),
        ({"pdf": [0, 1, -1, -1, -1, 2, -1, 0]}, "cycle of epsilon arcs"),
        ({"word": [0, 0]}, "expected 8 entries"),
    ],
)
def test_bad_graphs(changes, message):
    with pytest.raises(InputError, match=message):
        build(**changes)


@pytest.mark.parametrize("way", ["files", "pickle"])
def test_copies_are_equal_and_read_only(way, tmp_path):
    graph = build()
    if way == "files":
        graph.save(tmp_path / "graph")
        copy = DecodingGraph.load(tmp_path / "graph")
    else:
        copy = pickle.loads(pickle.dumps(graph))
    for mine, theirs in zip(graph.arcs(), copy.arcs(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert (copy.start, copy.words, copy.num_pdfs) == (graph.start, graph.words, graph.num_pdfs)
    assert not copy.states.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        copy.final_cost[0] = 0.0


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(InputError, match="not a readable decoding graph"):
        DecodingGraph.load(tmp_path)
    build().save(tmp_path)
    description = json.loads((tmp_path / "graph.json").read_text())
    (tmp_path / "graph.json").write_text(json.dumps({**description, "format": 99}))
    with pytest.raises(InputError, match="format 99"):
        DecodingGraph.load(tmp_path)
    (tmp_path / "graph.json").write_text(json.dumps({"format": 2}))
    with pytest.raises(InputError, match="damaged"):
        DecodingGraph.load(tmp_path)


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from(
        ["states", "arc_table", "epsilon_first", "epsilon_level", "transitions", "final_cost"]
    ),
    place=st.integers(0, 200),
    value=st.integers(0, 255),
)
def test_damaged_files_are_refused_or_harmless(tmp_path_factory, name, place, value):
    """A graph that loads has no id out of range, whatever byte of its files was changed."""
    folder = tmp_path_factory.mktemp("graph")
    build().save(folder)
    array = np.load(folder / f"{name}.npy")
    raw = array.view(np.uint8)
    raw[place % len(raw)] = value
    np.save(folder / f"{name}.npy", array)
    try:
        graph = DecodingGraph.load(folder)
    except InputError:
        return
    arcs = graph.arcs()
    for states in (arcs.source, arcs.destination):
        assert states.min() >= 0
        assert states.max() < graph.num_states
    assert arcs.pdf.min() >= -1
    assert arcs.pdf.max() < graph.num_pdfs
    assert 0 <= arcs.word.min() <= arcs.word.max() < len(graph.words)
    assert len(graph.epsilon_first) == len(graph.epsilon_level) + 1
