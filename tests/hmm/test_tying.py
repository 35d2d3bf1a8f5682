import json

import pytest

from outergrad.errors import InputError
from outergrad.hmm.topology import Topology
from outergrad.hmm.tying import HMM_STATE, Leaf, Split, StateTying


def test_monophones_have_a_pdf_for_every_state():
    tying = StateTying.monophone(Topology.default(3))
    found = [
        tying.pdf((phone,), state) for phone in (1, 2, 3) for state in range(5 if phone == 1 else 3)
    ]
    assert found == list(range(11))
    assert tying.num_pdfs == 11
    assert tying.central_position == 0
    assert tying.pdfs(2, 1) == (6,)


def test_trees_ask_for_context_and_state(triphones):
    tying = triphones.tying
    assert tying.central_position == 1
    assert [tying.pdf((left, 2, 3), 0) for left in (0, 1, 2, 3)] == [5, 5, 6, 6]
    assert [tying.pdf((3, 2, 1), state) for state in (0, 1, 2)] == [6, 7, 7]
    assert {
        tying.pdf((left, 3, right), s) for left in range(4) for right in range(4) for s in (0, 1, 2)
    } == {8}
    assert tying.pdfs(2, 0) == (5, 6)
    assert tying.pdfs(2, 2) == (7,)


def test_silence_has_no_context(triphones):
    for state in range(5):
        found = {
            triphones.tying.pdf((left, 1, right), state) for left in range(4) for right in range(4)
        }
        assert found == {state}


@pytest.mark.parametrize("window", [(2,), (1, 2), (0, 0, 0), (0, 4, 0), (4, 2, 0), (0, 2, -1)])
def test_windows_outside_the_phones_are_refused(triphones, window):
    with pytest.raises(InputError, match="window"):
        triphones.tying.pdf(window, 0)


@pytest.mark.parametrize(
    ("roots", "num_pdfs"),
    [
        ((Leaf(1),), 1),
        ((Leaf(0),), 2),
        ((Split(1, frozenset({1}), Leaf(0), Leaf(1)),), 2),
        ((Split(3, frozenset({1}), Leaf(0), Leaf(1)),), 2),
    ],
)
def test_wrong_trees_are_refused(roots, num_pdfs):
    with pytest.raises(InputError, match="tree"):
        StateTying(3, num_pdfs, roots)


def test_monophone_trees_must_not_ask_for_context():
    with pytest.raises(InputError, match="position 0"):
        StateTying(1, 2, (Split(0, frozenset({1}), Leaf(0), Leaf(1)),))


def test_survives_json(triphones):
    stored = json.loads(json.dumps(triphones.tying.to_json()))
    assert StateTying.from_json(stored) == triphones.tying


def test_damaged_or_hostile_json_is_refused():
    deep = {"pdf": 0}
    for _ in range(100_000):
        deep = {"ask": "hmm_state", "in": [0], "yes": {"pdf": 0}, "no": deep}
    for roots in (3, [{}], [{"ask": 0}], [deep]):
        with pytest.raises(InputError):
            StateTying.from_json({"context_width": 3, "num_pdfs": 1, "roots": roots})
    stored = {"context_width": 1, "roots": [{"pdf": 0}]}
    for num_pdfs in (float("inf"), float("nan"), -1, 1 << 40, 1 << 70):
        with pytest.raises(InputError):
            StateTying.from_json(stored | {"num_pdfs": num_pdfs})
    with pytest.raises(InputError, match=r"pdf_ids 0 \.\.\. 1"):
        StateTying.from_json(stored | {"num_pdfs": 2, "roots": [{"pdf": 0}, {"pdf": 2}]})


def test_state_questions_are_answered_for_the_state(triphones):
    root = triphones.tying.roots[1]
    assert isinstance(root, Split)
    assert root.position == HMM_STATE
