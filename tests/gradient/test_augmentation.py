import numpy as np
import pytest
import torch

from outergrad.gradient.augmentation import warp, warp_matrix


def test_a_factor_of_one_changes_nothing():
    np.testing.assert_array_equal(warp_matrix(40, 1.0), np.eye(40, dtype=np.float32))


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.07, 1.5])
@pytest.mark.parametrize("num_channels", [1, 2, 40])
def test_values_are_taken_from_the_stretched_axis(factor, num_channels):
    matrix = warp_matrix(num_channels, factor)
    # A ramp shows where values come from: linear interpolation reproduces it exactly.
    ramp = np.arange(num_channels, dtype=np.float32) + 0.5
    wanted = np.clip(factor * ramp, 0.5, num_channels - 0.5)
    np.testing.assert_allclose(matrix @ ramp, wanted, rtol=1e-5)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, rtol=1e-6)
    assert (matrix >= 0).all()


def test_every_stacked_frame_is_warped_alike():
    x = torch.arange(24, dtype=torch.float32).view(2, 12).cos()
    warped = warp(x, 4, 1.2)
    matrix = torch.from_numpy(warp_matrix(4, 1.2))
    for frame in range(2):
        for place in range(0, 12, 4):
            expected = matrix @ x[frame, place : place + 4]
            torch.testing.assert_close(warped[frame, place : place + 4], expected)
