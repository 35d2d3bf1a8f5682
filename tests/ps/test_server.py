import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outergrad.errors import InputError
from outergrad.ps.partition import Partition, Selection, Span
from outergrad.ps.rules import Adagrad, Adam, Momentum, Sgd
from outergrad.ps.server import ParameterServer
from outergrad.ps.shard import PushOutcome

SIZE = 23
RULES = (Sgd(), Momentum(), Adagrad(), Adam())


def vector(seed, size=SIZE):
    return np.random.default_rng(seed).normal(size=size).astype(np.float32)


@settings(deadline=None)  # shared machines pause
@given(
    st.integers(1, SIZE),
    st.sampled_from(RULES),
    st.lists(st.integers(1, 10**6), min_size=1, max_size=4),
)
def test_the_number_of_shards_changes_nothing_in_a_synchronous_step(shards, rule, seeds):
    many = ParameterServer(vector(0), Partition.even(SIZE, shards), rule)
    one = ParameterServer(vector(0), Partition.even(SIZE, 1), rule)
    for seed in seeds:
        many.push(vector(seed), many.versions, 0.1)
        one.push(vector(seed), one.versions, 0.1)
    assert np.array_equal(many.values(), one.values())


@settings(deadline=None)  # shared machines pause
@given(st.sets(st.integers(0, SIZE - 1), min_size=1), st.integers(1, SIZE))
def test_partial_pushes_and_pulls(entries, shards):
    parts = Selection.of(*(Span(k, k + 1) for k in entries))
    assert parts.size == len(entries)
    server = ParameterServer(vector(0), Partition.even(SIZE, shards), Sgd())
    gradient = parts.gather(vector(1))
    server.push(gradient, server.versions, 1.0, parts)
    chosen = np.zeros(SIZE, bool)
    chosen[list(entries)] = True
    expected = np.where(chosen, vector(0) + vector(1), vector(0))
    assert np.array_equal(server.values(), expected)
    out = np.full(SIZE, np.nan, np.float32)
    versions = server.pull(out, parts)
    assert np.array_equal(out[chosen], expected[chosen])
    assert np.isnan(out[~chosen]).all()
    bounds = server.partition.bounds
    touched = [bool(chosen[a:b].any()) for a, b in itertools.pairwise(bounds)]
    assert versions == tuple(map(int, touched))


def test_selections():
    whole = Selection.of(Span(2, 5), Span(0, 2), Span(7, 7), Span(6, 9))
    assert whole.spans == (Span(0, 5), Span(6, 9))
    assert whole.without(Span(1, 3), Span(8, 20)).spans == (Span(0, 1), Span(3, 5), Span(6, 8))
    assert whole.without(Span(4, 7)).spans == (Span(0, 4), Span(7, 9))
    with pytest.raises(InputError, match="selected"):
        whole.without(Span(0, 9))
    with pytest.raises(InputError, match="0:3, 2:4"):
        Selection.of(Span(0, 3), Span(2, 4))
    with pytest.raises(InputError, match="exceeds"):
        Partition.even(4, 2).pieces(Selection.of(Span(2, 5)))


def test_one_shard_refuses_what_the_others_take():
    server = ParameterServer(np.zeros(4, np.float32), Partition.even(4, 2), Sgd())
    gradient = np.array([1, 1, np.nan, 1], np.float32)
    outcomes = server.push(gradient, server.versions, 1.0)
    assert outcomes == (PushOutcome.APPLIED, PushOutcome.REJECTED)
    assert server.versions == (1, 0)
    assert server.values().tolist() == [1, 1, 0, 0]
    assert (server.counts().applied, server.counts().rejected) == (1, 1)


@settings(deadline=None)  # shared machines pause
@given(st.integers(1, SIZE), st.integers(1, SIZE), st.sampled_from(RULES))
def test_a_state_restores_into_another_number_of_shards(before, after, rule):
    server = ParameterServer(vector(0), Partition.even(SIZE, before), rule)
    server.push(vector(1), server.versions, 0.1)
    server.push(vector(2), server.versions, 0.1)
    moved = ParameterServer.restore(server.state(), Partition.even(SIZE, after), rule)
    assert moved.versions == (2,) * after
    for one in (server, moved):
        one.push(vector(3), one.versions, 0.1)
    assert np.array_equal(moved.values(), server.values())


def test_versions_never_run_backwards_when_shards_are_merged():
    server = ParameterServer(vector(0), Partition.even(SIZE, 4), Sgd())
    server.push(np.ones(3, np.float32), server.versions, 1.0, Selection.of(Span(0, 3)))
    assert server.versions == (1, 0, 0, 0)
    merged = ParameterServer.restore(server.state(), Partition.even(SIZE, 2), Sgd())
    assert merged.versions == (1, 0)


def test_states_that_do_not_fit_are_refused():
    state = ParameterServer(vector(0), Partition.even(SIZE, 2), Momentum()).state()
    with pytest.raises(InputError, match="velocity"):
        ParameterServer.restore(state, Partition.even(SIZE, 2), Sgd())
    with pytest.raises(InputError, match="do not fit"):
        ParameterServer.restore(state, Partition.even(SIZE + 1, 2), Momentum())


def test_partitions():
    assert Partition.even(10, 3).bounds == (0, 3, 6, 10)
    overlaps = list(Partition.even(10, 3).overlaps(Span(2, 7)))
    assert overlaps == [(0, Span(2, 3)), (1, Span(3, 6)), (2, Span(6, 7))]
    with pytest.raises(InputError, match="5 shards"):
        Partition.even(4, 5)
    with pytest.raises(InputError, match="increase"):
        Partition((0, 3, 3))
    with pytest.raises(InputError, match="exceeds"):
        list(Partition.even(4, 2).overlaps(Span(2, 5)))
    with pytest.raises(InputError, match="increasing range"):
        Span(3, 2)
