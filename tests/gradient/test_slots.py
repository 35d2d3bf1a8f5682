from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outergrad.errors import InputError
from outergrad.gradient.slots import Slots, random_order


def source(lengths, seed=1):
    order = iter(random_order(range(len(lengths)), seed, "slots", 0, 1))

    def next_utterance():
        index = next(order, None)
        return None if index is None else (index, lengths[index])

    return next_utterance


def all_batches(n, lengths, seed=1):
    slots = Slots(n, source(lengths, seed))
    batches = []
    while (batch := slots.next_batch())[0]:
        batches.append((batch[0], batch[1].tolist()))
    return batches


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.lists(st.integers(0, 7), max_size=20), st.integers(0, 99))
def test_every_frame_once_in_order_from_different_utterances(n, lengths, seed):
    batches = all_batches(n, lengths, seed)
    visits = Counter()
    for utterances, frames in batches:
        assert len(utterances) == len(frames) <= n
        assert len(set(utterances)) == len(utterances), "one frame of each utterance"
        for utterance, frame in zip(utterances, frames, strict=True):
            assert frame == visits[utterance], "frames come in order"
            visits[utterance] += 1
    assert visits == Counter({u: length for u, length in enumerate(lengths) if length})
    # Batches are full as long as utterances are left to load, and never grow again after.
    sizes = [len(utterances) for utterances, _ in batches]
    assert sizes == sorted(sizes, reverse=True)
    if sizes:
        assert sizes[0] == min(n, sum(length > 0 for length in lengths))


def test_order_is_decided_by_the_seed_alone():
    lengths = [3, 5, 2, 4, 4, 1, 6]
    assert all_batches(3, lengths, seed=5) == all_batches(3, lengths, seed=5)
    assert all_batches(3, lengths, seed=5) != all_batches(3, lengths, seed=6)


def test_an_empty_slot_asks_again_at_the_next_batch():
    given = iter([("a", 3), None, ("b", 1), None, None])
    slots = Slots(2, lambda: next(given))
    assert slots.next_batch()[0] == ["a"]
    utterances, frames = slots.next_batch()
    assert utterances == ["a", "b"]
    np.testing.assert_array_equal(frames, [1, 0])


def test_a_slot_takes_the_next_utterance_where_its_last_one_ended():
    given = iter([("a", 1), ("b", 3), ("c", 0), ("d", 2), None, None])
    slots = Slots(2, lambda: next(given))
    assert [slots.next_batch()[0] for _ in range(3)] == [["a", "b"], ["d", "b"], ["d", "b"]]


def test_slots_need_room():
    with pytest.raises(InputError, match="at least 1"):
        Slots(0, lambda: None)
