import re

import numpy as np
import pytest

from outergrad.errors import InputError
from outergrad.hmm.phones import PhoneTable
from outergrad.hmm.topology import Topology
from outergrad.hmm.transitions import TransitionModel
from outergrad.hmm.tying import Leaf, Node, Split, StateTying, state_chain


def test_numbering_by_hand(triphones):
    t = triphones.transitions
    assert t.num_transition_ids == 18 + 2 * 4 + 2 * 3
    assert t.num_transition_states == 5 + 4 + 3
    # After the 18 of silence: A state 0 pdf 5, A state 0 pdf 6, A states 1 and 2 pdf 7, B.
    assert t.pdf_of[19:].tolist() == [5, 5, 6, 6, 7, 7, 7, 7, 8, 8, 8, 8, 8, 8]
    assert t.phone_of[19:].tolist() == [2] * 8 + [3] * 6
    assert t.hmm_state_of[19:].tolist() == [0, 0, 0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]
    assert t.next_hmm_state_of[19:].tolist() == [0, 1, 0, 1, 1, 2, 2, 3, 0, 1, 1, 2, 2, 3]
    assert t.is_self_loop[19:].tolist() == [True, False] * 7
    assert t.self_loop_of[19:].tolist() == [19, 19, 21, 21, 23, 23, 25, 25, 27, 27, 29, 29, 31, 31]
    assert np.flatnonzero(t.is_exit).tolist() == [18, 26, 32]
    assert t.transition_ids(2, 0, 6) == ((21, 0), (22, 1))
    assert t.transition_ids(1, 2, 2) == ((9, 1), (10, 2), (11, 3), (12, 4))
    assert (t.pdf_of[0], t.is_self_loop[0], t.is_exit[0]) == (-1, False, False)


def shown(model):
    """The lines of Kaldi's ``show-transitions``, without probabilities."""
    lines, number = [], 0
    for t in range(1, model.num_transition_ids + 1):
        state, target = model.hmm_state_of[t], model.next_hmm_state_of[t]
        if model.transition_state_of[t] != number:
            number = model.transition_state_of[t]
            lines.append(
                f"Transition-state {number}: phone = {model.phones.name(model.phone_of[t])} "
                f"hmm-state = {state} pdf = {model.pdf_of[t]}"
            )
        what = "self-loop" if model.is_self_loop[t] else f"{state} -> {target}"
        lines.append(f" Transition-id = {t} [{what}]")
    return lines


def test_kaldis_numbering(shared):
    text = (shared / "golden" / "graph" / "transitions.txt").read_text()
    names = [
        line.split()[0]
        for line in (shared / "golden" / "graph" / "phones.txt").read_text().splitlines()
        if not line.startswith(("<", "#"))
    ]
    phones = PhoneTable(tuple(names))
    pdfs: dict[tuple[int, int], list[int]] = {}
    for name, state, pdf in re.findall(r"phone = (\S+) hmm-state = (\d+) pdf = (\d+)", text):
        pdfs.setdefault((phones.id(name), int(state)), []).append(int(pdf))
    topology = Topology.default(len(phones))

    def tree(phone: int, state: int) -> Node:
        # Which contexts lead where does not matter for the numbering.
        leaves: list[Node] = [Leaf(pdf) for pdf in reversed(pdfs[phone, state])]
        node = leaves[0]
        for left, leaf in enumerate(leaves[1:]):
            node = Split(0, frozenset({left}), leaf, node)
        return node

    tying = StateTying(
        3,
        1 + max(pdf for found in pdfs.values() for pdf in found),
        tuple(
            state_chain([tree(phone, state) for state in range(topology.num_states(phone))])
            for phone in range(1, len(phones) + 1)
        ),
    )
    kaldi = np.load(shared / "golden" / "graph" / "transitions.npz")
    log_prob = kaldi["log_prob"].astype(np.float64)
    model = TransitionModel(topology, tying, phones, log_prob)
    np.testing.assert_array_equal(model.pdf_of[1:], kaldi["tid2pdf"][1:])
    np.testing.assert_array_equal(model.phone_of[1:], kaldi["tid2phone"][1:])
    np.testing.assert_array_equal(model.is_self_loop[1:], kaldi["is_self_loop"][1:] != 0)

    without_probabilities = [re.sub(r" p = \S+", "", line) for line in text.splitlines()]
    assert shown(model) == without_probabilities


def test_maximum_likelihood_with_floor(monophones):
    t = monophones.transitions
    counts = np.zeros(t.num_transition_ids + 1)
    first = [transition for transition, _ in t.transition_ids(1, 0, 0)]
    counts[first] = [90.0, 0.0, 10.0, 0.0]
    second = [transition for transition, _ in t.transition_ids(2, 1, 6)]
    counts[second] = [3.0, 1.0]
    updated = t.update(counts)
    # Two at the floor of 0.01, the others share 0.98 in proportion 9 : 1.
    np.testing.assert_allclose(np.exp(updated.log_prob[first]), [0.882, 0.01, 0.098, 0.01])
    # Four frames are fewer than five: unchanged.
    np.testing.assert_array_equal(updated.log_prob[second], t.log_prob[second])
    counts[second] = [30.0, 10.0]
    np.testing.assert_allclose(np.exp(t.update(counts).log_prob[second]), [0.75, 0.25])


def test_floors_that_push_others_below_the_floor(monophones):
    t = monophones.transitions
    counts = np.zeros(t.num_transition_ids + 1)
    first = [transition for transition, _ in t.transition_ids(1, 0, 0)]
    counts[first] = [0.0, 0.0, 1.01, 98.99]
    p = np.exp(t.update(counts).log_prob[first])
    np.testing.assert_allclose(p, [0.01, 0.01, 0.01, 0.97])


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_bad_counts_are_refused(monophones, value):
    counts = np.zeros(monophones.transitions.num_transition_ids + 1)
    counts[3] = value
    with pytest.raises(InputError, match="finite and not negative"):
        monophones.transitions.update(counts)
    with pytest.raises(InputError, match="transition_ids"):
        monophones.transitions.update(counts[:-1])


def test_bad_probabilities_are_refused(monophones):
    t = monophones.transitions
    parts = (t.topology, t.tying, t.phones)
    for transition, value in ((5, np.log(0.5)), (5, -np.inf), (5, np.nan)):
        log_prob = t.log_prob.copy()
        log_prob[transition] = value
        with pytest.raises(InputError, match="probabilities"):
            TransitionModel(*parts, log_prob)
    with pytest.raises(InputError, match="2 transition probabilities"):
        TransitionModel(*parts, np.zeros(2))


def test_parts_must_fit():
    topology = Topology.default(2)
    with pytest.raises(InputError, match="3 phones"):
        TransitionModel(topology, StateTying.monophone(topology), PhoneTable(("SIL", "A", "B")))


def test_transitions_of_wrong_pdf_are_refused(triphones):
    with pytest.raises(InputError, match="never has pdf_id 7"):
        triphones.transitions.transition_ids(2, 0, 7)


def test_arrays_cannot_be_changed(monophones):
    with pytest.raises(ValueError, match="read-only"):
        monophones.transitions.pdf_of[1] = 3
