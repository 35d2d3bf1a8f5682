import numpy as np
import pytest

from outergrad.criteria.frame_error import FrameErrors, frame_errors
from outergrad.errors import InputError


def test_a_frame_is_wrong_when_another_state_is_more_probable():
    scores = np.log(np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.2, 0.5, 0.3]]))
    assert frame_errors(scores, np.array([0, 0, 1])) == FrameErrors(1, 3)


def test_of_equally_probable_states_the_first_is_taken():
    assert frame_errors(np.zeros((1, 2)), np.array([0])).errors == 0
    assert frame_errors(np.zeros((1, 2)), np.array([1])).errors == 1


def test_an_impossible_state_is_legal_but_nan_is_not():
    scores = np.array([[-np.inf, -1.0]])
    assert frame_errors(scores, np.array([1])).errors == 0
    for bad in (np.nan, np.inf):
        with pytest.raises(InputError, match="nan or"):
            frame_errors(np.array([[bad, -1.0]]), np.array([1]))


def test_counts_add_up_and_give_percent():
    assert (FrameErrors(1, 10) + FrameErrors(3, 10)).rate == 20.0
    empty = frame_errors(np.zeros((0, 4)), np.zeros(0, dtype=np.int32))
    assert empty == FrameErrors()
    assert np.isnan(empty.rate)


def test_shapes_and_ids_are_checked():
    with pytest.raises(InputError, match="one pdf_id a frame"):
        frame_errors(np.zeros((3, 4)), np.zeros(2, dtype=np.int32))
    with pytest.raises(InputError, match="out of range"):
        frame_errors(np.zeros((1, 4)), np.array([4]))
