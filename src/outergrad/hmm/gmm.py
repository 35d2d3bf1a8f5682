"""Diagonal-covariance Gaussian mixtures, one per pdf, and their log-likelihoods."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from outergrad.arrays import Float32Array, Float64Array, Int32Array, Int64Array
from outergrad.errors import InputError
from outergrad.jit import kernel

FORMAT = "outergrad-gmm"
VERSION = "1"
NEGLIGIBLE = -18.0
"""Terms of a log-sum-exp this far (nats) below the largest change a float32 sum by nothing."""


@dataclass(frozen=True, eq=False)
class DiagonalGmm:
    """Mixtures p(x|pdf) = Σ_g w_g N(x; μ_g, diag σ²_g) over the Gaussians g of the pdf.

    Attributes:
        offsets: int64 [P + 1], Gaussians of pdf p are offsets[p] ... offsets[p + 1] - 1.
        log_weights: float64 [G], natural log; the weights of a pdf sum to 1.
        means: float64 [G, D].
        variances: float64 [G, D], positive.

    Raises:
        InputError: shapes that do not fit, pdfs without Gaussians, weights that do not sum to 1,
            variances that are not positive, or numbers that are not finite.
    """

    offsets: Int64Array
    log_weights: Float64Array
    means: Float64Array
    variances: Float64Array

    def __post_init__(self) -> None:
        num_gaussians = len(self.log_weights)
        if (
            self.means.ndim != 2
            or self.means.shape != self.variances.shape
            or len(self.means) != num_gaussians
        ):
            raise InputError(
                f"weights {self.log_weights.shape}, means {self.means.shape} and variances "
                f"{self.variances.shape} do not belong to the same Gaussians"
            )
        if (
            len(self.offsets) < 2
            or self.offsets[0] != 0
            or self.offsets[-1] != num_gaussians
            or np.any(np.diff(self.offsets) < 1)
        ):
            raise InputError("offsets must give every pdf at least one of the Gaussians")
        for name in ("log_weights", "means", "variances"):
            if not np.all(np.isfinite(getattr(self, name))):
                raise InputError(f"{name} of a Gaussian mixture must be finite")
        if np.any(self.variances <= 0.0):
            raise InputError("variances must be positive")
        totals = np.add.reduceat(np.exp(self.log_weights), self.offsets[:-1])
        if np.any(np.abs(totals - 1.0) > 1e-6):
            raise InputError("the mixture weights of each pdf must sum to 1")

    @classmethod
    def single(cls, means: Float64Array, variances: Float64Array) -> DiagonalGmm:
        """One Gaussian per pdf; means and variances float64 [P, D]."""
        num_pdfs = len(means)
        return cls(
            np.arange(num_pdfs + 1, dtype=np.int64),
            np.zeros(num_pdfs),
            np.array(means, dtype=np.float64),
            np.array(variances, dtype=np.float64),
        )

    @property
    def num_pdfs(self) -> int:
        """Number of mixtures P."""
        return len(self.offsets) - 1

    @property
    def num_gaussians(self) -> int:
        """Number of Gaussians of all mixtures together, G."""
        return len(self.log_weights)

    @property
    def dim(self) -> int:
        """Dimension D of the features."""
        return int(self.means.shape[1])

    @cached_property
    def constants(self) -> Float64Array:
        """float64 [G], the part of log w N(x; μ, σ²) that does not depend on x."""
        return np.asarray(
            self.log_weights
            - 0.5 * np.sum(np.log(2.0 * np.pi * self.variances), axis=1)
            - 0.5 * np.sum(self.means**2 / self.variances, axis=1)
        )

    @cached_property
    def coefficients(self) -> Float64Array:
        """float64 [G, 2 D], what [x, x²] is multiplied with: μ/σ² and -1/(2 σ²)."""
        precisions = 1.0 / self.variances
        return np.concatenate([self.means * precisions, -0.5 * precisions], axis=1)

    @cached_property
    def _coefficients32(self) -> Float32Array:
        return self.coefficients.astype(np.float32)

    @cached_property
    def _all_columns(self) -> tuple[Float32Array, Float32Array]:
        return self._columns(np.arange(self.num_gaussians))

    def _columns(self, gaussians: Int64Array) -> tuple[Float32Array, Float32Array]:
        """Coefficients [2 D, n] and constants [n] of some Gaussians."""
        return (
            np.ascontiguousarray(self._coefficients32[gaussians].T),
            self.constants[gaussians].astype(np.float32),
        )

    def scores(self, x: Float32Array, pdfs: Int32Array | None = None) -> Float32Array:
        """Log-likelihoods log p(x_t|pdf).

        Args:
            x: float32 [T, D], features.
            pdfs: int32, ascending pdf_ids that are wanted; all others become -inf. All pdfs
                without it.

        Returns:
            float32 [T, P], natural log.

        Raises:
            InputError: features of another dimension or not finite, pdf_ids out of range.
        """
        _check_frames(x, self.dim)
        if pdfs is None:
            wanted = np.arange(self.num_pdfs, dtype=np.int32)
            coefficients, constants = self._all_columns
        else:
            wanted = np.asarray(pdfs, dtype=np.int32)
            if np.any(wanted < 0) or np.any(wanted >= self.num_pdfs):
                raise InputError(f"pdf_ids must be 0 ... {self.num_pdfs - 1}")
            coefficients, constants = self._columns(gaussians_of(self.offsets, wanted))
        offsets = np.zeros(len(wanted) + 1, dtype=np.int64)
        np.cumsum(np.diff(self.offsets)[wanted], out=offsets[1:])
        scores = np.full((len(x), self.num_pdfs), -np.inf, dtype=np.float32)
        extended = np.concatenate([x, x * x], axis=1)
        _score(extended, coefficients, constants, offsets, wanted, scores)
        return scores

    def save(self, path: Path | str) -> None:
        """Write the mixtures as one safetensors file."""
        safetensors.numpy.save_file(
            {
                "offsets": self.offsets,
                "log_weights": self.log_weights,
                "means": self.means,
                "variances": self.variances,
            },
            path,
            metadata={"format": FORMAT, "version": VERSION},
        )

    @classmethod
    def load(cls, path: Path | str) -> DiagonalGmm:
        """Read mixtures that `save` wrote.

        Raises:
            InputError: the file cannot be read or holds something else.
        """
        try:
            with safetensors.safe_open(path, framework="numpy") as stored:
                metadata = stored.metadata() or {}
                if metadata.get("format") != FORMAT or metadata.get("version") != VERSION:
                    raise InputError(f"{path}: not an {FORMAT} file of version {VERSION}")
                offsets = stored.get_tensor("offsets").astype(np.int64)
                log_weights, means, variances = (
                    stored.get_tensor(name).astype(np.float64)
                    for name in ("log_weights", "means", "variances")
                )
        except (OSError, safetensors.SafetensorError) as error:
            raise InputError(f"{path}: not a file of Gaussian mixtures: {error}") from error
        return cls(offsets, log_weights, means, variances)


def gaussians_of(offsets: Int64Array, pdfs: Int32Array) -> Int64Array:
    """Indices of the Gaussians of `pdfs`, int64, in the order of `pdfs`."""
    sizes = (offsets[1:] - offsets[:-1])[pdfs]
    ends = np.cumsum(sizes)
    first = np.repeat(offsets[:-1][pdfs] - (ends - sizes), sizes)
    return np.asarray(first + np.arange(len(first)))


def _check_frames(x: Float32Array, dim: int) -> None:
    if x.ndim != 2 or x.shape[1] != dim:
        raise InputError(f"features of shape {x.shape}, the mixtures want [T, {dim}]")
    if not np.all(np.isfinite(x)):
        raise InputError("features must be finite")


# Not a matrix product of numpy's: its library starts threads of its own, which next to ours (one
# utterance each) wait for one another, many times longer than they compute. The innermost
# loops run over Gaussians, so they become vector instructions without reordering any sum.
@kernel
def _score(
    extended: Float32Array,
    coefficients: Float32Array,
    constants: Float32Array,
    offsets: Int64Array,
    pdfs: Int32Array,
    scores: Float32Array,
) -> None:
    num_frames, width = extended.shape
    num_gaussians = len(constants)
    logits = np.empty((4, num_gaussians), dtype=np.float32)
    row0, row1, row2, row3 = logits[0], logits[1], logits[2], logits[3]
    for t in range(0, num_frames, 4):
        # Beyond the last frame the last one is computed again and not used.
        x0 = extended[t]
        x1 = extended[min(t + 1, num_frames - 1)]
        x2 = extended[min(t + 2, num_frames - 1)]
        x3 = extended[min(t + 3, num_frames - 1)]
        for g in range(num_gaussians):
            row0[g] = constants[g]
            row1[g] = constants[g]
            row2[g] = constants[g]
            row3[g] = constants[g]
        for d in range(width):
            factors = coefficients[d]
            a0, a1, a2, a3 = x0[d], x1[d], x2[d], x3[d]
            for g in range(num_gaussians):
                factor = factors[g]
                row0[g] += a0 * factor
                row1[g] += a1 * factor
                row2[g] += a2 * factor
                row3[g] += a3 * factor
        for row in range(min(4, num_frames - t)):
            _log_sum_exp(logits[row], offsets, pdfs, scores[t + row])


@kernel
def _log_sum_exp(
    logits: Float32Array, offsets: Int64Array, pdfs: Int32Array, scores: Float32Array
) -> None:
    for column in range(len(pdfs)):
        begin, end = offsets[column], offsets[column + 1]
        largest = logits[begin]
        for g in range(begin + 1, end):
            largest = max(largest, logits[g])
        total = np.float32(0.0)
        for g in range(begin, end):
            below = logits[g] - largest
            if below > NEGLIGIBLE:
                total += np.exp(below)
        scores[pdfs[column]] = largest + np.log(total)
