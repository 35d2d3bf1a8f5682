"""How long cells will take: a rough number before the first one, a measured one afterwards."""

import math
from collections.abc import Sequence
from pathlib import Path

import soundfile

from outergrad.corpus.layouts import read_corpus
from outergrad.experiments.cell import Cell
from outergrad.recipes.plan import dnn_size
from outergrad.recipes.settings import RunConfig
from outergrad.report.formatting import duration

# Seconds of one core per second of speech, measured on two cores of a machine of 2026 with the
# default network and half an hour of English spelling; twice as fast or slow is to be expected.
BASE = 0.05
"""Features, GMM-HMMs, alignments, graphs."""
CE_EPOCH = 0.008
"""An epoch of frame training, a million and a half parameters."""
SEQUENCE_EPOCH = 0.025
"""An epoch of sequence training, held-out evaluations included; 0.012 where the CE model makes few
errors, so that beams keep few hypotheses, and 0.045 where it makes many."""
TEST = 0.02
"""Recognition of tuning and test set, per second of training speech."""
LOOKED_AT = 100
"""Recordings whose length is read."""
OUTPUTS = 300
"""Tied states, before the tree has grown."""
USUAL = 1.6e6
"""Parameters that the numbers above are for."""


def rough_seconds(cells: Sequence[Cell], config: RunConfig, speech: float, jobs: int = 1) -> float:
    """Seconds for all cells and their base runs, before anything was measured.

    Args:
        cells: what is planned.
        config: settings that all cells start from.
        speech: seconds of training speech.
        jobs: cells at a time, of those that take one core.
    """
    beside: list[float] = []
    dnn = config.dnn
    inputs = config.filterbank.num_bins * (config.context.left + 1 + config.context.right)
    parameters = dnn_size(inputs, dnn.hidden_layers, dnn.hidden_units, OUTPUTS)
    size = 0.3 + 0.7 * parameters / USUAL
    # Who trains nothing wants costs that were measured with a CE model.
    bases = len({cell.seed for cell in cells}) or 1
    total = bases * (BASE + CE_EPOCH * config.ce.max_epochs * size)
    for cell in cells:
        own = cell.config(config)
        if cell.stage == "ce":
            seconds = CE_EPOCH * own.ce.max_epochs * size
        else:
            seconds = SEQUENCE_EPOCH * own.sequence.training.schedule.epochs * size
        seconds += TEST if cell.test else 0.0
        if cell.takes_one_core(config):
            beside.append(seconds)
        else:
            total += seconds
    total += max(sum(beside) / jobs, max(beside, default=0.0))
    return total * speech


def speech_seconds(folder: Path) -> float:
    """Seconds of training speech, from the headers of a few recordings."""
    corpus, _, _ = read_corpus(folder, "train")
    looked = corpus.utterances[:: max(1, len(corpus) // LOOKED_AT)]
    lengths = []
    for utterance in looked:
        end = utterance.end
        try:
            lengths.append(
                (soundfile.info(utterance.audio).duration if end is None else end) - utterance.begin
            )
        except soundfile.LibsndfileError:
            continue  # stage `prepare` will say what is wrong with it
    return len(corpus) * sum(lengths) / len(lengths) if lengths else 0.0


class Estimate:
    """Remaining time of a list of cells from those that took time so far."""

    def __init__(self, total: int, jobs: int = 1) -> None:
        self._total = total
        self._jobs = jobs
        self._seconds: list[float] = []

    def took(self, seconds: float) -> None:
        """A cell is done; one that was done before takes no time and says nothing."""
        if seconds > 2.0:
            self._seconds.append(seconds)

    def left(self, done: int) -> str:
        """Time for the rest in words; empty as long as nothing was measured."""
        if not self._seconds or done >= self._total:
            return ""
        mean = sum(self._seconds) / len(self._seconds)
        return f"about {duration(mean * math.ceil((self._total - done) / self._jobs))} left"
