import numpy as np
import pytest

from outergrad.criteria.ce import FrameScore, cross_entropy
from outergrad.criteria.frame_error import FrameErrors
from outergrad.errors import InputError

POSTERIORS = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]], dtype=np.float32))


def test_cross_entropy_by_hand():
    score = cross_entropy(POSTERIORS, np.array([1, 1], dtype=np.int32))
    assert score.value == pytest.approx(np.log(0.25) + np.log(0.8), rel=1e-6)
    assert score.errors == FrameErrors(1, 2)
    assert score.cross_entropy == pytest.approx(-0.5 * np.log(0.2), rel=1e-6)
    assert score.errors.rate == 50.0


def test_scores_add_up():
    total = FrameScore(-3.0, FrameErrors(1, 4)) + FrameScore(-1.0, FrameErrors(0, 4))
    assert total.cross_entropy == 0.5
    assert total.errors.rate == 12.5


@pytest.mark.parametrize("targets", [[0], [0, 3], [-1, 0]])
def test_unfit_targets_are_refused(targets):
    with pytest.raises(InputError, match="pdf_id"):
        cross_entropy(POSTERIORS, np.array(targets, dtype=np.int32))
