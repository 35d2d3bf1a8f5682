"""The training loop that monophones and triphones share: align, EM step, split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from outergrad.arrays import Float64Array, Int32Array
from outergrad.bootstrap.aligner import MAX_FAILED, Aligner, check_failures
from outergrad.bootstrap.config import BootstrapConfig
from outergrad.bootstrap.frames import GmmFrames
from outergrad.errors import InputError
from outergrad.hmm.alignment import Alignments, transition_counts
from outergrad.hmm.gmm import DiagonalGmm
from outergrad.hmm.gmm_training import accumulate, split, update
from outergrad.hmm.model import HmmModel
from outergrad.progress import Progress
from outergrad.randomness import rng

HMM_FILE = "hmm.json"
GMM_FILE = "gmm.safetensors"
ALIGNMENTS_FOLDER = "alignments"
MAX_FAILED_UNDERWAY = 0.5
"""Share of the utterances that may fail before the last pass; crude models lose more."""


@dataclass(frozen=True, eq=False)
class TrainedGmm:
    """A trained GMM-HMM with the alignments that it makes of its training data."""

    hmm: HmmModel
    """Phones, topology, tying and transitions."""
    gmm: DiagonalGmm
    """Mixtures of the pdfs."""
    alignments: Alignments
    """Of the utterances that could be aligned."""
    failed: Mapping[str, str]
    """Utterance id → reason, of the others."""
    log_likelihoods: tuple[float, ...]
    """Log-likelihood per frame (nats) of each EM step's alignment, before its update."""

    def save(self, directory: Path | str) -> None:
        """Write model, mixtures and alignments into `directory`, which is made."""
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        self.hmm.save(folder / HMM_FILE)
        self.gmm.save(folder / GMM_FILE)
        self.alignments.save(folder / ALIGNMENTS_FOLDER)


def load_gmm_hmm(directory: Path | str) -> tuple[HmmModel, DiagonalGmm, Alignments]:
    """Read what `TrainedGmm.save` wrote.

    Raises:
        InputError: a file is missing or damaged, or they do not belong together.
    """
    folder = Path(directory)
    hmm = HmmModel.load(folder / HMM_FILE)
    gmm = DiagonalGmm.load(folder / GMM_FILE)
    if gmm.num_pdfs != hmm.num_pdfs:
        raise InputError(f"{folder}: {gmm.num_pdfs} mixtures for {hmm.num_pdfs} pdfs")
    return hmm, gmm, Alignments.load(folder / ALIGNMENTS_FOLDER)


@dataclass(frozen=True)
class Schedule:
    """What happens in which iteration."""

    iterations: int
    """EM steps, numbered from 1."""
    realign: frozenset[int]
    """Iterations that begin with a new alignment."""
    first_gaussians: int
    """Gaussians at the begin of the growth."""
    last_gaussians: int
    """Gaussians at its end."""
    growth_iterations: int
    """Iterations over which the number grows linearly."""

    def num_gaussians(self, iteration: int) -> int:
        """Gaussians to have after `iteration`."""
        share = min(iteration / max(self.growth_iterations, 1), 1.0)
        grown = self.first_gaussians + share * (self.last_gaussians - self.first_gaussians)
        return max(round(grown), self.first_gaussians)


def frame_pdfs(
    frames: GmmFrames, alignments: Mapping[str, Int32Array], hmm: HmmModel
) -> Int32Array:
    """int32 [frames of the corpus], pdf_id of each frame, -1 where there is no alignment."""
    pdfs = np.full(frames.num_frames, -1, dtype=np.int32)
    for i, utterance in enumerate(frames.ids):
        if utterance in alignments:
            found = hmm.transitions.pdf_of[alignments[utterance]]
            pdfs[frames.offsets[i] : frames.offsets[i + 1]] = found
    return pdfs


def em_step(
    gmm: DiagonalGmm,
    frames: GmmFrames,
    pdfs: Int32Array,
    variance_floor: Float64Array,
    num_gaussians: int,
    config: BootstrapConfig,
    stream: tuple[str, int],
) -> tuple[DiagonalGmm, float]:
    """One EM step, then splitting up to `num_gaussians`.

    Returns:
        The new mixtures, and the log-likelihood per frame (nats) of the old ones.
    """
    statistics = accumulate(gmm, frames.x, pdfs, threads=config.threads)
    occupancy = statistics.pdf_occupancy(gmm.offsets)
    gmm = update(gmm, statistics, variance_floor, config.gmm)
    if num_gaussians > gmm.num_gaussians:
        generator = rng(config.seed, "split-gaussians", *stream)
        gmm = split(gmm, occupancy, num_gaussians, config.gmm, generator)
    return gmm, statistics.log_likelihood / max(float(occupancy.sum()), 1.0)


def train(
    name: str,
    hmm: HmmModel,
    gmm: DiagonalGmm,
    frames: GmmFrames,
    aligner: Aligner,
    alignments: Mapping[str, Int32Array],
    schedule: Schedule,
    config: BootstrapConfig,
    progress: Progress,
) -> TrainedGmm:
    """EM with realignment and growing mixtures; ends with a last alignment.

    Args:
        name: what is trained, for progress and for the name of the random stream.
        hmm: model; its transitions are trained too.
        gmm: first mixtures.
        frames: features.
        aligner: graphs of the utterances.
        alignments: first alignments; may be empty if iteration 1 realigns.
        schedule: when to align and how many Gaussians to have.
        config: everything else.
        progress: bar to move.

    Raises:
        RunError: too many utterances cannot be aligned.
    """
    variance_floor = config.gmm.variance_floor * frames.moments()[1]
    log_likelihoods: list[float] = []
    pdfs = frame_pdfs(frames, alignments, hmm)
    # The flat start leaves models too crude for a wide beam to be worth its time.
    beam = config.alignment.beam if alignments else config.alignment.first_beam
    with progress.task(name) as advance:
        for iteration in range(1, schedule.iterations + 1):
            if iteration in schedule.realign:
                alignments = aligner.align(gmm, beam)
                check_failures(
                    aligner.failed,
                    len(frames),
                    MAX_FAILED_UNDERWAY,
                    "no alignment",
                    f"before the last pass of the {name} training, whatever {MAX_FAILED} is",
                )
                beam = config.alignment.beam
                pdfs = frame_pdfs(frames, alignments, hmm)
                hmm = hmm.with_transition_counts(transition_counts(alignments, hmm.transitions))
            target = schedule.num_gaussians(iteration)
            grows = iteration <= schedule.growth_iterations
            gmm, value = em_step(
                gmm,
                frames,
                pdfs,
                variance_floor,
                target if grows else 0,
                config,
                (name, iteration),
            )
            log_likelihoods.append(value)
            advance(iteration, schedule.iterations + 1)
        alignments = aligner.align(gmm, config.alignment.beam)
        advance(schedule.iterations + 1, schedule.iterations + 1)
    check_failures(aligner.failed, len(frames), config.alignment.max_failed, "no alignment")
    return TrainedGmm(
        hmm.with_transition_counts(transition_counts(alignments, hmm.transitions)),
        gmm,
        Alignments.from_mapping(alignments),
        dict(aligner.failed),
        tuple(log_likelihoods),
    )
