"""Triphone GMM-HMM with tied states, from the alignments of a monophone one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from outergrad.bootstrap.aligner import Aligner
from outergrad.bootstrap.config import BootstrapConfig
from outergrad.bootstrap.contexts import collect_context_statistics, convert_alignment
from outergrad.bootstrap.em import Schedule, TrainedGmm, train
from outergrad.bootstrap.frames import GmmFrames
from outergrad.bootstrap.questions import phone_questions
from outergrad.bootstrap.tree import TiedStates, build_tree
from outergrad.corpus.lexicon import Lexicon
from outergrad.hmm.alignment import transition_counts
from outergrad.hmm.gmm import DiagonalGmm
from outergrad.hmm.model import HmmModel
from outergrad.progress import Progress, Silent


def tie_states(frames: GmmFrames, trained: TrainedGmm, config: BootstrapConfig) -> TiedStates:
    """Derive questions from the alignments of `trained` and grow the trees."""
    statistics = collect_context_statistics(frames, trained.alignments, trained.hmm)
    floor = config.triphone.tree.variance_floor * frames.moments()[1]
    questions = phone_questions(statistics, floor)
    return build_tree(statistics, questions, trained.hmm.topology, config.triphone.tree, floor)


def train_triphone(
    frames: GmmFrames,
    transcripts: Mapping[str, tuple[str, ...]],
    lexicon: Lexicon,
    monophone: TrainedGmm,
    config: BootstrapConfig | None = None,
    progress: Progress | None = None,
) -> TrainedGmm:
    """Train triphones with tied states (Kaldi's ``steps/train_deltas.sh``).

    Args:
        frames: features.
        transcripts: utterance id → words.
        lexicon: pronunciations.
        monophone: model whose alignments the trees are built from.
        config: settings.
        progress: bar to move.

    Raises:
        InputError: a word is not in the lexicon or an utterance has no transcript.
        RunError: too many utterances cannot be aligned.
    """
    config = config or BootstrapConfig()
    settings = config.triphone
    tied = tie_states(frames, monophone, config)
    hmm = HmmModel.create(monophone.hmm.phones, monophone.hmm.topology, tied.tying)
    alignments = {
        utterance: convert_alignment(transition_ids, monophone.hmm, hmm)
        for utterance, transition_ids in monophone.alignments.items()
    }
    hmm = hmm.with_transition_counts(transition_counts(alignments, hmm.transitions))
    aligner = Aligner(frames, transcripts, lexicon, hmm, config.alignment, threads=config.threads)
    gmm = first_mixtures(tied, frames, config)
    schedule = Schedule(
        iterations=settings.iterations,
        realign=frozenset(settings.realign),
        first_gaussians=hmm.num_pdfs,
        last_gaussians=round(settings.gaussians_per_leaf * hmm.num_pdfs),
        growth_iterations=settings.growth_iterations,
    )
    return train(
        "triphone",
        hmm,
        gmm,
        frames,
        aligner,
        alignments,
        schedule,
        config,
        progress or Silent(),
    )


def first_mixtures(tied: TiedStates, frames: GmmFrames, config: BootstrapConfig) -> DiagonalGmm:
    """One Gaussian per tied state from the frames of its leaf; of all frames where it has few."""
    mean, variance = frames.moments()
    counts = tied.moments[:, :1]
    enough = counts >= config.gmm.min_occupancy
    safe = np.maximum(counts, 1.0)
    means = tied.moments[:, 1 : len(mean) + 1] / safe
    variances = tied.moments[:, len(mean) + 1 :] / safe - means**2
    variances = np.maximum(variances, config.gmm.variance_floor * variance)
    return DiagonalGmm.single(np.where(enough, means, mean), np.where(enough, variances, variance))
