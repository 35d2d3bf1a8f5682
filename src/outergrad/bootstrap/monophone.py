"""Monophone GMM-HMM from a flat start."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from outergrad.bootstrap.aligner import Aligner, check_failures
from outergrad.bootstrap.config import BootstrapConfig
from outergrad.bootstrap.em import Schedule, TrainedGmm, em_step, train
from outergrad.bootstrap.flat_start import equal_alignment
from outergrad.bootstrap.frames import GmmFrames
from outergrad.corpus.lexicon import Lexicon
from outergrad.hmm.gmm import DiagonalGmm
from outergrad.hmm.model import HmmModel
from outergrad.hmm.phones import PhoneTable
from outergrad.hmm.topology import Topology
from outergrad.progress import Progress, Silent


def train_monophone(
    frames: GmmFrames,
    transcripts: Mapping[str, tuple[str, ...]],
    lexicon: Lexicon,
    config: BootstrapConfig | None = None,
    progress: Progress | None = None,
) -> TrainedGmm:
    """Train context-independent models from transcripts alone.

    One Gaussian per hmm_state from the equal alignment, then EM with realignment while the mixtures
    grow (Kaldi's ``steps/train_mono.sh``).

    Args:
        frames: features.
        transcripts: utterance id → words.
        lexicon: pronunciations.
        config: settings.
        progress: bar to move.

    Raises:
        InputError: a word is not in the lexicon or an utterance has no transcript.
        RunError: too many utterances cannot be aligned.
    """
    config = config or BootstrapConfig()
    phones = PhoneTable.from_lexicon(lexicon)
    topology = Topology.default(
        len(phones), speech_states=config.speech_states, silence_states=config.silence_states
    )
    hmm = HmmModel.monophone(phones, topology)
    aligner = Aligner(frames, transcripts, lexicon, hmm, config.alignment, threads=config.threads)
    mean, variance = frames.moments()
    gmm = DiagonalGmm.single(np.tile(mean, (hmm.num_pdfs, 1)), np.tile(variance, (hmm.num_pdfs, 1)))
    pdfs = np.full(frames.num_frames, -1, dtype=np.int32)
    too_short: dict[str, str] = {}
    for i, utterance in enumerate(frames.ids):
        begin, end = int(frames.offsets[i]), int(frames.offsets[i + 1])
        equal = equal_alignment(transcripts[utterance], lexicon, hmm, end - begin)
        if equal is None:
            too_short[utterance] = "shorter than its phones"
        else:
            pdfs[begin:end] = equal
    check_failures(too_short, len(frames), config.alignment.max_failed, "no flat start")
    floor = config.gmm.variance_floor * variance
    gmm, _ = em_step(gmm, frames, pdfs, floor, 0, config, ("monophone", 0))
    settings = config.monophone
    most = frames.num_frames // settings.frames_per_gaussian
    schedule = Schedule(
        iterations=settings.iterations - 1,
        realign=frozenset(settings.realign) | {1},
        first_gaussians=hmm.num_pdfs,
        last_gaussians=max(hmm.num_pdfs, min(settings.num_gaussians, most)),
        growth_iterations=settings.growth_iterations,
    )
    return train("monophone", hmm, gmm, frames, aligner, {}, schedule, config, progress or Silent())
