import numpy as np
import pytest
import torch

from outergrad.gradient.augmentation import (
    AugmentationConfig,
    Window,
    augment,
    stretch_matrix,
    warp_matrix,
)

WINDOW = Window(frames=6, channels=4, centre=4)


def test_a_factor_of_one_changes_nothing():
    np.testing.assert_array_equal(warp_matrix(40, 1.0), np.eye(40, dtype=np.float32))
    np.testing.assert_array_equal(stretch_matrix(26, 20, 1.0), np.eye(26, dtype=np.float32))


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


@pytest.mark.parametrize("factor", [0.8, 1.1])
def test_time_is_stretched_around_the_frame_itself(factor):
    ramp = np.arange(26, dtype=np.float32)
    stretched = stretch_matrix(26, 20, factor) @ ramp
    np.testing.assert_allclose(stretched, np.clip(20 + factor * (ramp - 20), 0, 25), rtol=1e-5)
    assert stretched[20] == 20


def test_every_stacked_frame_is_warped_alike():
    x = torch.arange(48, dtype=torch.float32).view(2, 24).cos()
    config = AugmentationConfig(warp=0.3)
    factor = 1.0 + 0.3 * np.random.default_rng(5).uniform(-1.0, 1.0)
    warped = augment(x, WINDOW, config, np.random.default_rng(5))
    matrix = torch.from_numpy(warp_matrix(4, factor))
    for frame in range(2):
        for place in range(0, 24, 4):
            expected = matrix @ x[frame, place : place + 4]
            torch.testing.assert_close(warped[frame, place : place + 4], expected)


def test_stretching_moves_whole_frames():
    x = torch.arange(48, dtype=torch.float32).view(2, 24).cos()
    factor = 1.0 + 0.2 * np.random.default_rng(7).uniform(-1.0, 1.0)
    stretched = augment(x, WINDOW, AugmentationConfig(stretch=0.2), np.random.default_rng(7))
    expected = torch.from_numpy(stretch_matrix(6, 4, factor)) @ x.view(2, 6, 4)
    torch.testing.assert_close(stretched.view(2, 6, 4), expected)


def test_masks_are_one_band_and_one_stretch_of_time_per_row_and_spare_the_frame_itself():
    config = AugmentationConfig(masked_channels=2, masked_frames=3)
    masked = augment(torch.ones(500, 24), WINDOW, config, np.random.default_rng(1))
    masked = masked.view(500, 6, 4)
    bands = masked[:, WINDOW.centre] == 0  # time masks leave this frame alone
    times = (masked == 0).all(dim=2)
    assert not times[:, WINDOW.centre].any()
    assert set(bands.sum(dim=1).tolist()) == {0, 1, 2}
    assert set(times.sum(dim=1).tolist()) == {0, 1, 2, 3}
    expected = times[:, :, None] | bands[:, None, :]
    torch.testing.assert_close(masked == 0, expected)
    assert (bands.any(dim=0)).all()
    assert times.any(dim=0).tolist() == [True] * 4 + [False, True]


def test_nothing_asked_for_changes_nothing():
    x = torch.randn(3, 24)
    assert augment(x, WINDOW, AugmentationConfig(), np.random.default_rng(1)) is x
