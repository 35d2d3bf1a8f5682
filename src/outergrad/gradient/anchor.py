"""What an outer gradient brings along for auxiliary functions, and how large D_t must be."""

from dataclasses import replace

import numpy as np

from outergrad.arrays import Float32Array, Float64Array, Int32Array, Int64Array
from outergrad.criteria.config import Kind
from outergrad.criteria.numerator import Numerator
from outergrad.criteria.outcome import Anchor, OuterGradient
from outergrad.gradient.auxiliary import AuxiliaryConfig

GRID = 96
"""Points between 0 and the largest move of a state at which its share of the bound is taken."""


def anchored(
    outer: OuterGradient,
    numerator: Numerator,
    log_posteriors: Float32Array,
    kind: Kind,
    auxiliary: AuxiliaryConfig,
    acoustic_scale: float,
) -> OuterGradient:
    """The outer gradient with an anchor at the parameters that it was computed at.

    States on which gamma_num and gamma_den are equal get entries, too: those of the numerator
    that have none. So the entries of a row are all states with an occupancy.

    Args:
        outer: outer gradient without CE in it.
        numerator: its numerator.
        log_posteriors: float32 ``[frames, pdfs]``, log p_theta'.
        kind: the criterion; only MMI and bMMI have a denominator, for the others the negative
            part of the rows takes its place.
        auxiliary: how large D_t is to be.
        acoustic_scale: kappa.
    """
    offsets, pdfs, values, gamma_num = _with_numerator(outer, numerator)
    rows = np.repeat(np.arange(len(outer.frames)), np.diff(offsets))
    has_denominator = kind in (Kind.MMI, Kind.BMMI)
    denominator = np.maximum((gamma_num if has_denominator else 0.0) - values, 0.0)
    then = log_posteriors[outer.frames[rows], pdfs]
    proximity = np.zeros(len(outer.frames))
    if auxiliary.kind == "proximal":
        if auxiliary.proximity == "floor":
            smallest = np.maximum(-values, 0.0) / np.exp(then.astype(np.float64))
            needed = auxiliary.factor * smallest
            if auxiliary.ceiling:
                needed = np.minimum(needed, auxiliary.ceiling)
        else:
            needed = guaranteed(denominator, then, acoustic_scale, outer.num_frames)
        np.maximum.at(proximity, rows, needed)
    anchor = Anchor(
        log_posteriors=then,
        denominator=denominator.astype(np.float32),
        proximity=proximity.astype(np.float32),
    )
    return replace(
        outer, offsets=offsets, pdfs=pdfs, values=values.astype(np.float32), anchor=anchor
    )


def _with_numerator(
    outer: OuterGradient, numerator: Numerator
) -> tuple[Int64Array, Int32Array, Float64Array, Float64Array]:
    """Rows of the outer gradient and of the numerator merged: offsets, pdfs, both values."""
    side = numerator.occupancies
    row_of = np.full(side.num_frames, -1, dtype=np.int64)
    row_of[outer.frames] = np.arange(len(outer.frames))
    theirs = np.repeat(row_of, np.diff(side.offsets))
    kept = theirs >= 0
    row = np.concatenate(
        [np.repeat(np.arange(len(outer.frames)), np.diff(outer.offsets)), theirs[kept]]
    )
    pdf = np.concatenate([outer.pdfs, side.pdf[kept]]).astype(np.int64)
    width = int(pdf.max(initial=0)) + 1
    place, inverse = np.unique(row * width + pdf, return_inverse=True)
    ours = len(outer.pdfs)
    values = np.bincount(inverse[:ours], outer.values, len(place)).astype(np.float64)
    gamma = np.bincount(inverse[ours:], side.value[kept], len(place)).astype(np.float64)
    offsets = np.searchsorted(place // width, np.arange(len(outer.frames) + 1))
    pdfs = (place % width).astype(np.int32)
    return offsets.astype(np.int64), pdfs, values, gamma


def guaranteed(
    denominator: Float64Array,
    log_posteriors: Float32Array,
    acoustic_scale: float,
    num_frames: int,
) -> Float64Array:
    """D / kappa that each entry asks for, so that the largest of a frame gives a lower bound.

    With T frames, c = kappa T and g(x) = exp(x) - 1 - x, Hölder's inequality over the frames
    leaves for each frame to show, for all moves x of log p_theta with sum p' g(x) = KL,

        h(x) = log sum gamma exp(c x) - c sum gamma x <= D T sum p' g(x).

    For c <= 1, h <= sum gamma g(c x) <= c sum gamma g(x): D / kappa = gamma / p' is enough.
    For c > 1, h is at most 2 c^2 sum gamma g(x) over the states that fall, plus over those that
    rise sum psi(gamma (exp(c x) - 1)) - c gamma x, with psi(a) = log(1 + a) + (a / (1 + a))^2 / 2,
    which is concave. A state cannot rise above x = -log p'. Both numerator and g(x) grow with x,
    so between two points of a grid their ratio is at most that of the upper to the lower end.
    The proof is in docs/derivations/auxiliary-functions.md.

    Args:
        denominator: float64 ``[entries]``, gamma_den.
        log_posteriors: float32 ``[entries]``, log p_theta'.
        acoustic_scale: kappa.
        num_frames: T, frames of the utterance.

    Returns:
        float64 ``[entries]``.
    """
    c = acoustic_scale * num_frames
    log_then = np.minimum(log_posteriors.astype(np.float64), 0.0)
    ratio = denominator * np.exp(-log_then)
    if c <= 1.0:
        return ratio
    falling = 2.0 * c * ratio
    # Geometric from where exp(c x) is still nearly parabolic up to the largest rise.
    top = np.maximum(-log_then, 1e-12)
    first = np.minimum(0.1 / c, 0.5 * top)
    steps = np.linspace(0.0, 1.0, GRID)
    x = first[:, None] * (top / first)[:, None] ** steps
    gamma = denominator[:, None]
    bound = _psi(gamma, c * x) - c * gamma * x
    # On [0, first] the ratio is at most that of g(c x) to g(x), which grows with x.
    initial = gamma[:, 0] * _g(c * first) / _g(first)
    between = (bound[:, 1:] / _g(x[:, :-1])).max(axis=1)
    rising = np.maximum(initial, between) * np.exp(-log_then) / c
    needed: Float64Array = np.where(denominator > 0.0, np.maximum(falling, rising), 0.0)
    return needed


def _g(x: Float64Array) -> Float64Array:
    """exp(x) - 1 - x, without cancellation for small x."""
    small = x * x * (0.5 + x / 6.0 + x * x / 24.0)
    return np.where(np.abs(x) < 1e-3, small, np.expm1(np.minimum(x, 700.0)) - x)


def _psi(gamma: Float64Array, exponent: Float64Array) -> Float64Array:
    """log(1 + a) + (a / (1 + a))^2 / 2 for a = gamma (exp(exponent) - 1)."""
    with np.errstate(divide="ignore"):
        log_a = np.log(gamma) + exponent + np.log(-np.expm1(-exponent))
    log_1a = np.logaddexp(0.0, log_a)
    return log_1a + 0.5 * np.exp(2.0 * (log_a - log_1a))
