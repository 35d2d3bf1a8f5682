import json

import numpy as np
import pytest

from outergrad.errors import InputError
from outergrad.hmm.alignment import (
    Alignments,
    log_priors,
    phone_segments,
    transition_counts,
)


def ids(*values):
    return np.array(values, dtype=np.int32)


# Transition_ids of the monophone fixture: silence 1-18, A 19-24, B 25-30; odd ones from 17 on loop.
A_STEPS = (20, 22, 24)
B_STEPS = (26, 28, 30)


def test_segments_when_self_loops_come_first(monophones):
    found = phone_segments(
        ids(19, 19, 20, 22, 23, 24, *A_STEPS, 25, *B_STEPS, 3, 12, 17, 18), monophones.transitions
    )
    assert found.phones.tolist() == [2, 2, 3, 1]
    assert found.offsets.tolist() == [0, 6, 9, 13, 17]


def test_segments_when_self_loops_follow(monophones):
    found = phone_segments(
        ids(20, 19, 22, 24, 23, 23, *A_STEPS, 26, 25, 28, 30, 29, 3, 1, 12, 18, 17),
        monophones.transitions,
    )
    assert found.phones.tolist() == [2, 2, 3, 1]
    assert found.offsets.tolist() == [0, 6, 9, 14, 19]


def test_no_frames_no_segments(monophones):
    assert phone_segments(ids(), monophones.transitions).phones.size == 0


def test_broken_alignments_are_refused(monophones):
    with pytest.raises(InputError, match="ends inside a phone"):
        phone_segments(ids(20, 22), monophones.transitions)
    for transition in (0, 31, -1):
        with pytest.raises(InputError, match=r"must be 1 \.\.\. 30"):
            phone_segments(ids(transition), monophones.transitions)


def test_counts_and_priors(monophones):
    alignments = {"a": ids(19, *A_STEPS), "b": ids(*A_STEPS, *B_STEPS)}
    counts = transition_counts(alignments, monophones.transitions)
    assert counts.sum() == 10
    assert (counts[19], counts[20], counts[26]) == (1, 2, 1)
    priors = np.exp(log_priors(alignments, monophones.transitions, floor=0.05))
    # A has pdfs 5, 6, 7, B has 8, 9, 10; silence was never seen.
    np.testing.assert_allclose(priors, [0.05] * 5 + [0.3, 0.2, 0.2, 0.1, 0.1, 0.1])


def test_priors_need_frames_and_a_floor(monophones):
    with pytest.raises(InputError, match="at least one aligned frame"):
        log_priors({}, monophones.transitions)
    for floor in (0.0, 1.0, -1.0):
        with pytest.raises(InputError, match="smallest prior"):
            log_priors({"a": ids(19)}, monophones.transitions, floor)


def test_saved_and_mapped(tmp_path):
    given = {"b": ids(3, 2, 1), "none": ids(), "a": ids(7)}
    Alignments.from_mapping(given).save(tmp_path / "ali")
    loaded = Alignments.load(tmp_path / "ali")
    assert list(loaded) == ["b", "none", "a"]
    assert {name: a.tolist() for name, a in loaded.items()} == {
        "b": [3, 2, 1],
        "none": [],
        "a": [7],
    }
    assert loaded.num_frames == 4
    assert "c" not in loaded


def test_damaged_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="not alignments"):
        Alignments.load(tmp_path)
    Alignments.from_mapping({"a": ids(1, 2), "b": ids(3)}).save(tmp_path)
    good = json.loads((tmp_path / "index.json").read_text())
    for change in (
        {"version": 9},
        {"offsets": [0, 2]},
        {"offsets": [0, 9, 3]},
        {"offsets": [0, 2, 4]},
        {"offsets": [0, 2, 1 << 70]},
        {"ids": ["a", "a"]},
        {"ids": 3},
    ):
        (tmp_path / "index.json").write_text(json.dumps(good | change))
        with pytest.raises(InputError):
            Alignments.load(tmp_path)
    (tmp_path / "index.json").write_text(json.dumps(good))
    (tmp_path / "transition_ids.npy").write_bytes(b"")
    with pytest.raises(InputError, match=r"transition_ids\.npy: not alignments"):
        Alignments.load(tmp_path)
    np.save(tmp_path / "transition_ids.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="not alignments"):
        Alignments.load(tmp_path)
