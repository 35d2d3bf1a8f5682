"""Auxiliary functions: what is climbed while the outer gradient stays frozen at theta'.

All touch the criterion at theta': the same value and the same gradient there (Heigold et al. 2014,
Fig. 3; docs/derivations/auxiliary-functions.md). With d = log p_theta - log p_theta' of a frame:

tangential  kappa sum_s outer(s) d(s)                                  Eq. 3; no bound
proximal    kappa sum_s outer(s) d(s) - D_t KL(p_theta' || p_theta)    a lower bound for large D_t
bounded     kappa sum_s gamma_num(s) d(s) - log sum_s gamma_den(s) exp(kappa d(s))

The states that have no entry in a frame's row are one class in the divergence. That changes
neither value nor gradient at theta' nor how large D_t has to be (the rest of the bound does not
depend on how they share their mass), and messages stay as sparse as the outer gradient.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from outergrad.arrays import Float32Array, Float64Array, Int32Array, Int64Array
from outergrad.criteria.config import CriterionConfig, Kind
from outergrad.criteria.outcome import Anchor
from outergrad.errors import InputError


@dataclass(frozen=True, slots=True)
class AuxiliaryConfig:
    """Which auxiliary function, and how large its proximal weight is."""

    kind: Literal["tangential", "proximal", "bounded"] = "tangential"
    """tangential: Eq. 3. proximal: less a divergence from theta' (extended Baum-Welch).
    bounded: one that cannot run away as posteriors go to zero."""
    proximity: Literal["floor", "guaranteed"] = "floor"
    """proximal: D_t is `factor` times the smallest value that keeps the frame's targets
    non-negative, or large enough for a lower bound wherever the parameters go."""
    factor: float = 1.0
    """proximal, floor: E, at least 1 keeps targets non-negative."""
    ceiling: float = 10.0
    """proximal, floor: largest D_t / kappa, because one learning rate overshoots where it is large
    (one frame in twenty asks for thousands); 0: none. Where it cuts, targets may be negative."""

    def __post_init__(self) -> None:
        if not 0.0 < self.factor < np.inf or not 0.0 <= self.ceiling < np.inf:
            raise InputError(
                f"auxiliary function: factor {self.factor} must be positive and ceiling "
                f"{self.ceiling} 0 or more"
            )

    @property
    def anchored(self) -> bool:
        """Whether the outer gradient has to bring an `Anchor`."""
        return self.kind != "tangential"

    def check(self, kind: Kind, criterion: CriterionConfig) -> None:
        """Check that the auxiliary function exists for a criterion.

        Raises:
            InputError: it does not.
        """
        if not self.anchored:
            return
        if criterion.smoothing > 0.0 or criterion.silence_weight != 1.0:
            raise InputError(
                f"auxiliary function {self.kind}: it is defined for the criterion alone; use "
                "tangential together with smoothing or a silence weight"
            )
        guaranteed = self.kind == "proximal" and self.proximity == "guaranteed"
        if guaranteed and kind not in (Kind.MMI, Kind.BMMI):
            raise InputError(
                f"auxiliary function proximal: no guaranteed bound is known for {kind}, "
                "use proximity floor"
            )


@dataclass(frozen=True, slots=True, eq=False)
class AuxiliaryRows:
    """Rows of an outer gradient, dense, with their anchor; [frames, pdfs] each."""

    values: Float32Array
    """Outer gradient."""
    present: Float32Array
    """1 where the row has an entry, else 0."""
    anchor: Float32Array
    """log p_theta' where there is an entry, else 0."""
    denominator: Float32Array
    """gamma_den where there is an entry, else 0."""
    proximity: Float32Array
    """float32 ``[frames]``, D_t / kappa."""

    @classmethod
    def of(
        cls,
        offsets: Int64Array,
        pdfs: Int32Array,
        values: Float32Array,
        anchor: Anchor,
        num_pdfs: int,
    ) -> "AuxiliaryRows":
        """Lay out sparse rows; arguments as in `OuterGradient`.

        Raises:
            InputError: the anchor is not one of these rows.
        """
        num_rows = len(offsets) - 1
        fits = len(anchor.log_posteriors) == len(anchor.denominator) == len(pdfs)
        if not fits or len(anchor.proximity) != num_rows:
            raise InputError("auxiliary function: the anchor does not belong to these rows")
        place = (np.repeat(np.arange(num_rows), np.diff(offsets)), pdfs)

        def dense(entries: Float32Array | float) -> Float32Array:
            out = np.zeros((num_rows, num_pdfs), dtype=np.float32)
            out[place] = entries
            return out

        return cls(
            values=dense(values),
            present=dense(1.0),
            anchor=dense(anchor.log_posteriors),
            denominator=dense(anchor.denominator),
            proximity=anchor.proximity,
        )


def auxiliary_value(
    kind: str, rows: AuxiliaryRows, log_posteriors: Float32Array, acoustic_scale: float
) -> Float64Array:
    """How much the auxiliary function of each frame has changed since theta', float64 ``[frames]``.

    Args:
        kind: as in `AuxiliaryConfig`.
        rows: the outer gradient.
        log_posteriors: float32 ``[frames, pdfs]``, log p_theta, now.
        acoustic_scale: kappa.
    """
    moved = _moved(rows, log_posteriors)
    linear: Float64Array = acoustic_scale * (rows.values * moved).sum(axis=1)
    if kind == "tangential":
        return linear
    if kind == "proximal":
        weight = acoustic_scale * rows.proximity.astype(np.float64)
        return linear - weight * _divergence(rows, moved, log_posteriors)
    mass, weights = _tilted(rows, moved, acoustic_scale)
    denominator = rows.denominator.astype(np.float64)
    straight = acoustic_scale * (denominator * moved).sum(axis=1)
    sums = weights[0].sum(axis=1)
    mean = np.divide(sums, mass, out=np.ones_like(sums), where=mass > 0.0)
    # log of the mean of exp(kappa d) under gamma_den / mass, taken from its largest term.
    change: Float64Array = linear + straight - mass * (weights[1] + np.log(mean))
    return change


def logit_gradient(
    kind: str, rows: AuxiliaryRows, log_posteriors: Float32Array, acoustic_scale: float
) -> Float32Array:
    """Derivative of the auxiliary function in the logits, divided by kappa; arguments as above.

    Returns:
        float32 ``[frames, pdfs]``; each frame sums to zero.
    """
    if kind == "tangential":
        return rows.values
    if kind == "proximal":
        posteriors = np.exp(log_posteriors.astype(np.float64))
        there = rows.present > 0.0
        targets = np.where(there, np.exp(rows.anchor.astype(np.float64)), 0.0)
        rest_then = np.maximum(1.0 - targets.sum(axis=1), 0.0)
        others = np.where(there, 0.0, posteriors)
        rest_now = others.sum(axis=1)
        # The mass of the class, shared out among its states as they share it now.
        share = np.divide(rest_then, rest_now, out=np.ones_like(rest_now), where=rest_now > 0.0)
        pull = targets + others * share[:, None] - posteriors
        # What rounding leaves of a frame's sum is taken out in proportion to the posteriors.
        pull -= pull.sum(axis=1, keepdims=True) * posteriors
        climbing: Float64Array = rows.values + rows.proximity[:, None] * pull
        return climbing.astype(np.float32)
    mass, (weights, _) = _tilted(rows, _moved(rows, log_posteriors), acoustic_scale)
    sums = weights.sum(axis=1)
    scale = np.divide(mass, sums, out=np.zeros_like(mass), where=sums > 0.0)
    numerator = rows.values + rows.denominator.astype(np.float64)
    contact: Float64Array = numerator - scale[:, None] * weights
    return contact.astype(np.float32)


def _moved(rows: AuxiliaryRows, log_posteriors: Float32Array) -> Float64Array:
    """d = log p_theta - log p_theta' at the entries, 0 elsewhere."""
    now = log_posteriors.astype(np.float64)
    return np.where(rows.present > 0.0, now - rows.anchor, 0.0)


def _divergence(
    rows: AuxiliaryRows, moved: Float64Array, log_posteriors: Float32Array
) -> Float64Array:
    """KL(p_theta' || p_theta) of each frame with all states without an entry in one class."""
    there = rows.present > 0.0
    then = np.where(there, np.exp(rows.anchor.astype(np.float64)), 0.0)
    rest_then = np.maximum(1.0 - then.sum(axis=1), 0.0)
    rest_now = np.where(there, 0.0, np.exp(log_posteriors.astype(np.float64))).sum(axis=1)
    # Without other states, what rounding leaves to the class is no mass.
    both = (rest_then > 0.0) & (rest_now > 0.0)
    ratio = np.divide(rest_then, rest_now, out=np.ones_like(rest_now), where=both)
    divergence: Float64Array = -(then * moved).sum(axis=1) + rest_then * np.log(ratio)
    return divergence


def _tilted(
    rows: AuxiliaryRows, moved: Float64Array, acoustic_scale: float
) -> tuple[Float64Array, tuple[Float64Array, Float64Array]]:
    """Mass of each frame's gamma_den; gamma_den exp(kappa d - largest); that largest kappa d."""
    denominator = rows.denominator.astype(np.float64)
    exponent = np.where(denominator > 0.0, acoustic_scale * moved, -np.inf)
    largest = exponent.max(axis=1, initial=-np.inf)
    largest = np.where(np.isfinite(largest), largest, 0.0)
    return denominator.sum(axis=1), (denominator * np.exp(exponent - largest[:, None]), largest)
