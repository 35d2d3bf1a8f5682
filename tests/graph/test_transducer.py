from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from outergrad.graph.epsilon import add_self_loops, remove_epsilons_locally
from outergrad.graph.openfst import Transducer, from_openfst, to_openfst

NUM_STATES = 6
# Costs are sums of powers of two, so that any order of adding gives the same.
costs = st.integers(0, 64).map(lambda n: n / 8)


@st.composite
def transducers(draw):
    """Epsilon arcs lead to higher states (no epsilon cycles), others anywhere."""
    arcs, weights = [], []
    for _ in range(draw(st.integers(1, 12))):
        source = draw(st.integers(0, NUM_STATES - 1))
        silent = draw(st.booleans()) and source < NUM_STATES - 1
        lowest = source + 1 if silent else 0
        destination = draw(st.integers(lowest, NUM_STATES - 1))
        label = 0 if silent else draw(st.integers(1, 4))
        arcs.append((source, destination, label, draw(st.sampled_from([0, 0, 7, 8]))))
        weights.append(draw(costs))
    final = np.full(NUM_STATES, np.inf, dtype=np.float32)
    for state in draw(st.sets(st.integers(0, NUM_STATES - 1), min_size=1)):
        final[state] = draw(costs)
    return Transducer.of(draw(st.integers(0, NUM_STATES - 1)), arcs, weights, final)


def paths(fst, length):
    """Input labels, output labels -> costs of all paths of at most `length` input labels."""
    leaving = defaultdict(list)
    for arc in zip(*(column.tolist() for column in fst[1:6]), strict=True):
        leaving[arc[0]].append(arc[1:])
    found = defaultdict(list)

    def follow(state, inputs, outputs, cost):
        if fst.final_cost[state] < np.inf:
            found[inputs, outputs].append(cost + float(fst.final_cost[state]))
        for destination, ilabel, olabel, more in leaving[state]:
            longer = (*inputs, ilabel) if ilabel else inputs
            if len(longer) <= length:
                said = (*outputs, olabel) if olabel else outputs
                follow(destination, longer, said, cost + more)

    follow(fst.start, (), (), 0.0)
    return {path: sorted(values) for path, values in found.items()}


@given(transducers())
@settings(max_examples=150, deadline=None)
def test_removing_epsilons_changes_no_path(fst):
    fewer = remove_epsilons_locally(fst)
    assert len(fewer.source) <= len(fst.source)
    assert paths(fewer, 3) == paths(fst, 3)


def test_epsilon_chains_disappear():
    arcs = [(0, 1, 1, 0), (1, 2, 0, 0), (2, 3, 0, 7), (3, 4, 2, 0), (4, 5, 0, 0), (5, 0, 3, 8)]
    final = np.full(6, np.inf, dtype=np.float32)
    final[4] = 0.0
    fst = Transducer.of(0, arcs, [1.0] * 6, final)
    fewer = remove_epsilons_locally(fst)
    assert len(fewer.source) == 3
    assert (fewer.ilabel > 0).all()
    assert paths(fewer, 5) == paths(fst, 5)


def test_links_of_a_chain_are_bridged_one_after_the_other():
    arcs = [(0, 1, 1, 7), (0, 1, 2, 8), (1, 2, 0, 0), (2, 3, 0, 0), (0, 3, 3, 0), (0, 2, 4, 0)]
    final = np.array([np.inf, np.inf, np.inf, 0.0], dtype=np.float32)
    fst = Transducer.of(0, arcs, [1.0, 2.0, 0.5, 0.25, 4.0, 8.0], final)
    fewer = remove_epsilons_locally(fst)
    assert len(fewer.source) == 4
    assert paths(fewer, 2) == paths(fst, 2)
    # Epsilon arcs that fan out from a state with one way in.
    arcs = [(0, 1, 0, 7), (1, 2, 0, 0), (2, 3, 1, 0), (2, 3, 2, 0), (1, 3, 3, 0), (0, 3, 4, 8)]
    fst = Transducer.of(0, arcs, [1.0, 2.0, 0.5, 0.25, 4.0, 8.0], final)
    fewer = remove_epsilons_locally(fst)
    assert (fewer.ilabel > 0).all()
    assert paths(fewer, 2) == paths(fst, 2)


@given(transducers())
@settings(max_examples=150, deadline=None)
def test_self_loops_follow_the_labels_that_they_belong_to(fst):
    # Label 1 and 2 have the self-loop 11, label 3 has 12, label 4 none.
    self_loop_of = np.array([0, 11, 11, 12, 0, *[0] * 8], dtype=np.int32)
    loop_costs = np.zeros(13)
    loop_costs[11], loop_costs[12] = 0.5, 0.25
    looped = add_self_loops(fst, self_loop_of, loop_costs)
    wanted = defaultdict(list)
    for (inputs, outputs), values in paths(fst, 3).items():
        for longer, extra in insertions(inputs, self_loop_of, loop_costs, 3):
            wanted[longer, outputs] += [value + extra for value in values]
    assert paths(looped, 3) == {path: sorted(values) for path, values in wanted.items()}


def insertions(labels, self_loop_of, loop_costs, length):
    ways = [((), 0.0)]
    for position, label in enumerate(labels):
        room = length - (len(labels) - position - 1)
        loop = int(self_loop_of[label])
        ways = [
            ((*before, label, *[loop] * count), cost + count * loop_costs[loop])
            for before, cost in ways
            for count in range(room - len(before) if loop else 1)
        ]
    return ways


@given(transducers())
@settings(max_examples=30, deadline=None)
def test_openfst_gives_back_what_it_got(fst):
    again = from_openfst(to_openfst(fst))
    assert again.start == fst.start
    order = np.argsort(fst.source, kind="stable")
    for one, other in zip(again[1:6], fst.select(order)[1:6], strict=True):
        assert one.dtype == other.dtype
        assert one.tolist() == other.tolist()
    assert again.final_cost.tolist() == fst.final_cost.tolist()


def test_the_path_enumeration_sees_differences():
    final = np.array([np.inf, 0.0], dtype=np.float32)
    fst = Transducer.of(0, [(0, 1, 1, 7)], [0.5], final)
    assert paths(fst, 2) == {((1,), (7,)): [0.5]}
    assert paths(fst, 0) == {}
    for other in (fst._replace(cost=fst.cost * 2), fst._replace(olabel=fst.olabel * 0)):
        assert paths(other, 2) != paths(fst, 2)
