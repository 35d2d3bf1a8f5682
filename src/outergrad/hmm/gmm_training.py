"""Maximum-likelihood training of Gaussian mixtures: EM statistics, update, mixture splitting."""

from __future__ import annotations

import heapq
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from outergrad.arrays import Float32Array, Float64Array, Int32Array, Int64Array
from outergrad.errors import InputError
from outergrad.hmm.gmm import DiagonalGmm
from outergrad.jit import kernel


@dataclass(frozen=True)
class GmmTrainingConfig:
    """How Gaussian mixtures are estimated and split."""

    min_occupancy: float = 10.0
    """Frames that a Gaussian must have been responsible for, or it is removed."""
    min_weight: float = 1e-5
    """Share of its pdf's frames that it must have been responsible for, or it is removed."""
    variance_floor: float = 0.05
    """Smallest variance, as a share of the variance of all frames in that dimension."""
    split_power: float = 0.25
    """Gaussians are given to pdfs in proportion to (frames of the pdf) ** split_power."""
    split_perturbation: float = 0.01
    """Standard deviations by which the halves of a split Gaussian are moved apart."""
    min_split_count: float = 20.0
    """Frames per Gaussian below which a pdf gets no more of them."""

    def __post_init__(self) -> None:
        if not 0.0 < self.variance_floor <= 1.0:
            raise InputError(f"variance_floor must be in (0, 1], not {self.variance_floor}")
        for name in ("min_occupancy", "min_weight", "split_perturbation", "min_split_count"):
            if not 0.0 <= getattr(self, name) < float("inf"):
                raise InputError(f"{name} must be 0 or more, not {getattr(self, name)}")


@dataclass(frozen=True, eq=False)
class GmmStatistics:
    """Sufficient statistics of an EM step, all float64.

    Attributes:
        occupancy: [G], Σ_t γ_t(g), frames.
        first: [G, D], Σ_t γ_t(g) x_t.
        second: [G, D], Σ_t γ_t(g) x_t².
        log_likelihood: Σ_t log p(x_t|pdf_t), nats, of the mixtures that gave the γ.
    """

    occupancy: Float64Array
    first: Float64Array
    second: Float64Array
    log_likelihood: float

    def pdf_occupancy(self, offsets: Int64Array) -> Float64Array:
        """float64 [P], frames of each pdf."""
        return np.asarray(np.add.reduceat(self.occupancy, offsets[:-1]))


def accumulate(
    gmm: DiagonalGmm, x: Float32Array, pdfs: Int32Array, *, threads: int = 1
) -> GmmStatistics:
    """E-step: responsibilities γ_t(g) ∝ w_g N(x_t; μ_g, σ²_g) of the aligned pdf's Gaussians.

    Args:
        gmm: current mixtures.
        x: float32 [T, D], features.
        pdfs: int32 [T], pdf_id of each frame; -1 leaves a frame out.
        threads: threads to use.

    Raises:
        InputError: shapes that do not fit, or pdf_ids out of range.
    """
    if x.ndim != 2 or x.shape[1] != gmm.dim or pdfs.shape != (len(x),):
        raise InputError(
            f"features {x.shape} and alignment {pdfs.shape} do not fit mixtures of "
            f"dimension {gmm.dim}"
        )
    x = np.ascontiguousarray(x)
    if len(pdfs) and not -1 <= pdfs.min() <= pdfs.max() < gmm.num_pdfs:
        raise InputError(f"pdf_ids must be -1 ... {gmm.num_pdfs - 1}")
    order = np.argsort(pdfs, kind="stable")
    begins = np.searchsorted(pdfs[order], np.arange(gmm.num_pdfs + 1))
    occupancy = np.zeros(gmm.num_gaussians)
    first = np.zeros((gmm.num_gaussians, gmm.dim))
    second = np.zeros((gmm.num_gaussians, gmm.dim))

    def accumulate_pdf(pdf: int) -> float:
        g = slice(int(gmm.offsets[pdf]), int(gmm.offsets[pdf + 1]))
        return _accumulate(
            x,
            order[begins[pdf] : begins[pdf + 1]],
            np.ascontiguousarray(gmm.coefficients[g].T),
            gmm.constants[g],
            occupancy[g],
            first[g],
            second[g],
        )

    # The longest first, so that no thread is left with a long one at the end.
    longest_first = np.argsort(-np.diff(begins), kind="stable").tolist()
    with ThreadPoolExecutor(threads) as pool:
        values = list(pool.map(accumulate_pdf, longest_first))
    log_likelihood = float(np.sum(values))
    if not np.isfinite(log_likelihood):
        raise InputError("features must be finite")
    return GmmStatistics(occupancy, first, second, log_likelihood)


@kernel
def _accumulate(
    x: Float32Array,
    frames: Int64Array,
    coefficients: Float64Array,
    constants: Float64Array,
    occupancy: Float64Array,
    first: Float64Array,
    second: Float64Array,
) -> float:
    dim = x.shape[1]
    num_gaussians = len(constants)
    logits = np.empty(num_gaussians, dtype=np.float64)
    values = np.empty(2 * dim, dtype=np.float64)
    log_likelihood = 0.0
    for t in frames:
        for d in range(dim):
            values[d] = x[t, d]
            values[dim + d] = values[d] * values[d]
        logits[:] = constants
        for d in range(2 * dim):
            value = values[d]
            for g in range(num_gaussians):
                logits[g] += value * coefficients[d, g]
        largest = logits.max()
        total = 0.0
        for g in range(num_gaussians):
            logits[g] = np.exp(logits[g] - largest)
            total += logits[g]
        log_likelihood += largest + np.log(total)
        for g in range(num_gaussians):
            posterior = logits[g] / total
            if posterior > 0.0:
                occupancy[g] += posterior
                for d in range(dim):
                    first[g, d] += posterior * values[d]
                    second[g, d] += posterior * values[dim + d]
    return log_likelihood


def update(
    gmm: DiagonalGmm,
    statistics: GmmStatistics,
    variance_floor: Float64Array,
    config: GmmTrainingConfig,
) -> DiagonalGmm:
    """M-step: weights, means and variances of maximum likelihood.

    Gaussians with too few frames are removed; a pdf that would lose all keeps the one with most
    frames as it was.

    Args:
        gmm: mixtures that `statistics` were made with.
        statistics: E-step.
        variance_floor: float64 [D], smallest variance.
        config: thresholds.
    """
    occupancy = statistics.occupancy
    pdf_of = np.repeat(np.arange(gmm.num_pdfs), np.diff(gmm.offsets))
    total = statistics.pdf_occupancy(gmm.offsets)[pdf_of]
    with np.errstate(invalid="ignore"):
        share = np.where(total > 0.0, occupancy / total, 0.0)
    estimated = (occupancy >= config.min_occupancy) & (share >= config.min_weight)
    kept = estimated.copy()
    for pdf in np.flatnonzero(~np.logical_or.reduceat(estimated, gmm.offsets[:-1])):
        begin, end = gmm.offsets[pdf], gmm.offsets[pdf + 1]
        best = np.lexsort((gmm.log_weights[begin:end], occupancy[begin:end]))[-1]
        kept[begin + best] = True
    means, variances = gmm.means.copy(), gmm.variances.copy()
    counts = occupancy[estimated, None]
    means[estimated] = statistics.first[estimated] / counts
    variances[estimated] = statistics.second[estimated] / counts - means[estimated] ** 2
    variances[estimated] = np.maximum(variances[estimated], variance_floor)
    offsets = np.zeros_like(gmm.offsets)
    np.cumsum(np.add.reduceat(kept.astype(np.int64), gmm.offsets[:-1]), out=offsets[1:])
    # A Gaussian that is kept without having been estimated is alone in its pdf.
    weights = np.where(estimated, occupancy, 1.0)[kept]
    weights /= np.add.reduceat(weights, offsets[:-1])[pdf_of[kept]]
    return DiagonalGmm(offsets, np.log(weights), means[kept], variances[kept])


def split(
    gmm: DiagonalGmm,
    pdf_occupancy: Float64Array,
    num_gaussians: int,
    config: GmmTrainingConfig,
    generator: np.random.Generator,
) -> DiagonalGmm:
    """Split Gaussians until there are `num_gaussians`, as Kaldi's ``gmm-mixup``.

    A pdf gets its next Gaussian when (its frames) ** power / (its Gaussians) is largest; the
    Gaussian with the largest weight is halved, its halves moved by ± perturbation × σ × normal
    draws.

    Args:
        gmm: mixtures.
        pdf_occupancy: float64 [P], frames of each pdf.
        num_gaussians: wanted number of Gaussians; fewer result when the frames do not suffice.
        config: power, perturbation and smallest count.
        generator: random draws for the perturbation.
    """
    targets = _split_targets(np.diff(gmm.offsets), pdf_occupancy, num_gaussians, config)
    weights: list[Float64Array] = []
    means: list[Float64Array] = []
    variances: list[Float64Array] = []
    for pdf, target in enumerate(targets):
        g = slice(int(gmm.offsets[pdf]), int(gmm.offsets[pdf + 1]))
        pdf_weights = list(np.exp(gmm.log_weights[g]))
        pdf_means = list(gmm.means[g])
        pdf_variances = list(gmm.variances[g])
        while len(pdf_weights) < target:
            widest = int(np.argmax(pdf_weights))
            pdf_weights[widest] *= 0.5
            pdf_weights.append(pdf_weights[widest])
            step = config.split_perturbation * np.sqrt(pdf_variances[widest])
            step = step * generator.standard_normal(gmm.dim)
            pdf_means.append(pdf_means[widest] + step)
            pdf_means[widest] = pdf_means[widest] - step
            pdf_variances.append(pdf_variances[widest])
        weights.append(np.array(pdf_weights) / np.sum(pdf_weights))
        means.append(np.array(pdf_means))
        variances.append(np.array(pdf_variances))
    offsets = np.zeros(gmm.num_pdfs + 1, dtype=np.int64)
    np.cumsum(targets, out=offsets[1:])
    return DiagonalGmm(
        offsets, np.log(np.concatenate(weights)), np.concatenate(means), np.concatenate(variances)
    )


def _split_targets(
    sizes: Int64Array, pdf_occupancy: Float64Array, num_gaussians: int, config: GmmTrainingConfig
) -> list[int]:
    targets = [int(size) for size in sizes]
    powers = np.maximum(pdf_occupancy, 0.0) ** config.split_power
    heap = [(-powers[pdf] / size, pdf) for pdf, size in enumerate(targets)]
    heapq.heapify(heap)
    total = sum(targets)
    while total < num_gaussians and heap:
        _, pdf = heapq.heappop(heap)
        if pdf_occupancy[pdf] / (targets[pdf] + 1) < config.min_split_count:
            continue
        targets[pdf] += 1
        total += 1
        heapq.heappush(heap, (-powers[pdf] / targets[pdf], pdf))
    return targets
