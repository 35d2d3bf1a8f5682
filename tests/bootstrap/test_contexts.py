import numpy as np
import pytest

from outergrad.bootstrap.contexts import (
    collect_context_statistics,
    convert_alignment,
    frame_windows,
)
from outergrad.bootstrap.frames import GmmFrames
from outergrad.hmm.model import HmmModel
from outergrad.hmm.phones import PhoneTable
from outergrad.hmm.topology import Topology
from outergrad.hmm.tying import Leaf, Split, StateTying, state_chain
from outergrad.randomness import rng

PHONES = PhoneTable(("SIL", "A", "B"))
# Silence through states 0, 2, 4; A; B; A again; each hmm_state once, but for two self-loops.
ALIGNMENT = np.array([3, 12, 18, 20, 19, 22, 24, 26, 28, 27, 30, 20, 22, 24], dtype=np.int32)
WINDOWS = [(0, 1, 0)] * 3 + [(1, 2, 3)] * 4 + [(2, 3, 2)] * 4 + [(3, 2, 0)] * 3


@pytest.fixture
def monophones():
    return HmmModel.monophone(PHONES)


def test_windows_of_frames(monophones):
    assert [tuple(w) for w in frame_windows(ALIGNMENT, monophones).tolist()] == WINDOWS


def test_statistics_are_sums_over_frames(monophones):
    generator = rng(1, "contexts")
    mfcc = {name: generator.standard_normal((14, 2)).astype(np.float32) for name in "abc"}
    frames = GmmFrames.of(mfcc, dict.fromkeys("abc", "speaker"))
    found = collect_context_statistics(frames, {"a": ALIGNMENT, "c": ALIGNMENT}, monophones)
    states = monophones.transitions.hmm_state_of[ALIGNMENT]
    wanted = {}
    for name in "ac":
        for window, state, x in zip(WINDOWS, states.tolist(), dict(frames)[name], strict=True):
            count, first, second = wanted.get((window, state), (0, 0.0, 0.0))
            x = x.astype(np.float64)
            wanted[window, state] = (count + 1, first + x, second + x * x)
    keys = [
        (tuple(window), state)
        for window, state in zip(found.windows.tolist(), found.hmm_states.tolist(), strict=True)
    ]
    assert sorted(keys) == sorted(wanted)
    for row, key in enumerate(keys):
        assert found.counts[row] == wanted[key][0]
        np.testing.assert_allclose(found.first[row], wanted[key][1], atol=1e-6)
        np.testing.assert_allclose(found.second[row], wanted[key][2], atol=1e-6)
    assert found.moments.shape == (len(keys), 13)


def test_conversion_keeps_the_path(monophones):
    after_b = Split(0, frozenset({3}), Leaf(5), Leaf(6))
    tying = StateTying(3, 8, (state_chain([Leaf(i) for i in range(5)]), after_b, Leaf(7)))
    tied = HmmModel.create(PHONES, Topology.default(3), tying)
    converted = convert_alignment(ALIGNMENT, monophones, tied)
    old, new = monophones.transitions, tied.transitions
    for name in ("phone_of", "hmm_state_of", "next_hmm_state_of"):
        np.testing.assert_array_equal(getattr(new, name)[converted], getattr(old, name)[ALIGNMENT])
    assert new.pdf_of[converted].tolist() == [0, 2, 4] + [6] * 4 + [7] * 4 + [5] * 3
    np.testing.assert_array_equal(convert_alignment(converted, tied, monophones), ALIGNMENT)
