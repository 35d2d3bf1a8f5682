import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outergrad.errors import InputError
from outergrad.features.store import FeatureStore
from outergrad.gradient.frames import FrameSet, batches, hold_out_speakers
from outergrad.randomness import rng

LENGTHS = {"a": 5, "b": 3, "c": 9, "d": 4, "e": 1}


@pytest.fixture
def store(tmp_path):
    items = [
        (name, rng(1, name).standard_normal((length, 2), dtype=np.float32))
        for name, length in LENGTHS.items()
    ]
    return FeatureStore.create(tmp_path / "features", items, left=2, right=1)


def alignments():
    return {name: np.arange(n, dtype=np.int32) % 3 for name, n in LENGTHS.items()}


def test_positions_lead_to_the_right_frames_and_targets(store):
    frames = FrameSet.of(store, alignments(), ["d", "a"], num_pdfs=3)
    assert frames.num_frames == 9
    gathered = store.windows[frames.rows]
    np.testing.assert_array_equal(gathered[:4], store.stacked("d"))
    np.testing.assert_array_equal(gathered[4:], store.stacked("a"))
    np.testing.assert_array_equal(frames.targets, [0, 1, 2, 0, 0, 1, 2, 0, 1])


@pytest.mark.parametrize(
    ("name", "targets", "message"),
    [
        ("b", None, "b has no alignment"),
        ("b", [0, 1], "3 frames, but its alignment has 2"),
        ("b", [0, 1, 3], r"pdf_ids in \[0, 3\)"),
        ("b", [0, -1, 2], r"pdf_ids in \[0, 3\)"),
    ],
)
def test_unfit_alignments_are_refused(store, name, targets, message):
    everything = alignments()
    if targets is None:
        del everything[name]
    else:
        everything[name] = np.array(targets, dtype=np.int32)
    with pytest.raises(InputError, match=message):
        FrameSet.of(store, everything, ["a", "b"], num_pdfs=3)


@pytest.mark.parametrize("shuffling", ["none", "on-the-fly", "full"])
def test_an_epoch_visits_every_frame_once(store, shuffling):
    frames = FrameSet.of(store, alignments(), list(LENGTHS), num_pdfs=3)
    epochs = {
        epoch: [batch.tolist() for batch in batches(frames, shuffling, 3, seed=7, epoch=epoch)]
        for epoch in (1, 2)
    }
    for visited in epochs.values():
        assert sorted(itertools.chain.from_iterable(visited)) == list(range(22))
        assert max(map(len, visited)) == 3
    again = [batch.tolist() for batch in batches(frames, shuffling, 3, seed=7, epoch=2)]
    assert again == epochs[2], "an epoch can be repeated alone"
    assert (epochs[1] == epochs[2]) == (shuffling == "none")


def test_on_the_fly_batches_mix_utterances(store):
    frames = FrameSet.of(store, alignments(), list(LENGTHS), num_pdfs=3)
    longest = max(LENGTHS.values())
    slots = frames.num_frames // longest
    assert slots > 1
    for batch in batches(frames, "on-the-fly", slots, seed=7, epoch=1):
        owners = np.searchsorted(frames.offsets, batch, side="right")
        assert len(set(owners.tolist())) == len(batch)


def test_on_the_fly_batches_mix_times_and_are_equally_large():
    # As many slots as utterances: begun together, each batch would hold one time of all of them.
    num, length = 40, 50
    offsets = np.arange(num + 1, dtype=np.int64) * length
    rows = np.arange(num * length, dtype=np.int64)
    frames = FrameSet(
        tuple(f"u{k}" for k in range(num)), offsets, rows, np.zeros(num * length, np.int32)
    )
    found = list(batches(frames, "on-the-fly", 37, seed=7, epoch=1))
    assert [len(batch) for batch in found[:-1]] == [37] * (num * length // 37)
    assert len(found[-1]) == num * length % 37
    for batch in found[:-1]:
        times = batch % length
        assert len(set(times.tolist())) > 10
        # Each slot goes on frame by frame.
    steps = np.diff([batch[0] for batch in found])
    assert np.count_nonzero(steps == 1) >= len(steps) - 2


def test_unknown_shuffling_is_refused(store):
    frames = FrameSet.of(store, alignments(), ["a"], num_pdfs=3)
    with pytest.raises(InputError, match="choose none, on-the-fly or full"):
        next(batches(frames, "some", 3, seed=7, epoch=1))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 6), min_size=2, max_size=40),
    st.floats(0.01, 0.99),
    st.integers(0, 9),
)
def test_held_out_speakers_are_in_one_part_only(owners, fraction, seed):
    speakers = {f"u{i:02d}": f"s{owner}" for i, owner in enumerate(owners)}
    training, held_out = hold_out_speakers(speakers, fraction, seed)
    assert training
    assert held_out
    assert sorted(training + held_out) == sorted(speakers)
    if len(set(owners)) > 2:
        assert not {speakers[u] for u in training} & {speakers[u] for u in held_out}
        largest = max(owners.count(owner) for owner in owners)
        assert len(held_out) < fraction * len(owners) + largest
    assert hold_out_speakers(speakers, fraction, seed) == (training, held_out)


def test_held_out_share_follows_the_fraction():
    speakers = {f"u{i:03d}": f"s{i // 5}" for i in range(200)}
    held_out = hold_out_speakers(speakers, 0.1, seed=1)[1]
    assert len(held_out) == 20
    assert hold_out_speakers(speakers, 0.1, seed=2)[1] != held_out


@pytest.mark.parametrize(
    ("speakers", "fraction"), [({"a": "s"}, 0.5), ({"a": "s", "b": "t"}, 0.0), ({}, 0.5)]
)
def test_splits_that_cannot_be_are_refused(speakers, fraction):
    with pytest.raises(InputError):
        hold_out_speakers(speakers, fraction, seed=1)
