"""Log-likelihood of data under the one diagonal Gaussian that fits it best."""

from __future__ import annotations

import numpy as np

from outergrad.arrays import Float64Array


def log_likelihood(moments: Float64Array, variance_floor: Float64Array) -> Float64Array:
    """Largest log-likelihood that one diagonal Gaussian gives to each set of frames.

    L = -n/2 Σ_d [log(2π v_d) + s_d / v_d], with n frames, s_d their variance and v_d = max(s_d,
    floor_d).

    Args:
        moments: float64 [..., 1 + 2 D], number of frames, sums, sums of squares.
        variance_floor: float64 [D], smallest variance.

    Returns:
        float64 [...], nats; 0 where there are no frames.
    """
    dim = len(variance_floor)
    counts = moments[..., :1]
    safe = np.maximum(counts, 1e-10)
    means = moments[..., 1 : dim + 1] / safe
    variances = np.maximum(moments[..., dim + 1 :] / safe - means**2, 0.0)
    floored = np.maximum(variances, variance_floor)
    terms = np.log(2.0 * np.pi * floored) + variances / floored
    return np.asarray(-0.5 * counts[..., 0] * terms.sum(axis=-1))
