"""How long a run takes and how much room it needs, roughly, before it is begun.

Times are ranges between what was measured on two shared cores with a small closed vocabulary
(AN4, 42 minutes, easy to decode) and with open vocabulary and poor models (so762, 30 minutes,
hard to decode). Memory-mapped files are exact to a few per cent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from outergrad.recipes.plan import dnn_size
from outergrad.recipes.settings import RunConfig

# Seconds per minute of speech, easiest and hardest.
_PREPARE = (0.15, 0.25)
_BOOTSTRAP = (0.8, 1.6)
_TAKE_OVER = (0.005, 0.02)  # archives of alignments read
_GRAPH = (2.0, 15.0)  # seconds in all
_DECODE_GMM = (0.5, 10.0)
_DECODE_DNN = (0.5, 30.0)
_SEQUENCE_EPOCH = (0.4, 4.0)
_CE_PARAMETER_FRAMES = (4.0e10, 2.0e10)  # parameters × frames trained on per second
_CE_EPOCHS_AT_LEAST = 6
_BYTES_PER_VALUE = 4


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds of each stage (least, most) and bytes on disk."""

    seconds: dict[str, tuple[float, float]]
    disk_bytes: int

    @property
    def total(self) -> tuple[float, float]:
        """Seconds of all stages (least, most)."""
        return (
            sum(low for low, _ in self.seconds.values()),
            sum(high for _, high in self.seconds.values()),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "seconds": {
                stage: [round(low), round(high)] for stage, (low, high) in self.seconds.items()
            },
            "total_seconds": [round(value) for value in self.total],
            "disk_bytes": self.disk_bytes,
        }


def estimate_run(
    train_minutes: float,
    other_minutes: float,
    stages: Sequence[str],
    config: RunConfig,
    from_kaldi: bool = False,
) -> Estimate:
    """Time and disk of the given stages.

    Args:
        train_minutes: speech to train on.
        other_minutes: speech to tune and test on.
        stages: names as in the run directory; ``decode-SYSTEM`` for each system.
        config: settings.
        from_kaldi: the bootstrap is taken over from a Kaldi system.
    """
    frames_per_minute = 60_000 / config.filterbank.frame_shift_ms
    frames = train_minutes * frames_per_minute
    # What dnn.input_dim says is replaced by what the features have.
    inputs = config.filterbank.dim * (config.context.left + 1 + config.context.right)
    # The number of tied states is not known yet; the tree aims at half the root of the frames.
    outputs = max(1, round(0.5 * frames**0.5))
    parameters = dnn_size(inputs, config.dnn.hidden_layers, config.dnn.hidden_units, outputs)
    fast, slow = _CE_PARAMETER_FRAMES
    epoch = parameters * frames
    most = config.ce.max_epochs
    sequence = config.sequence.training.schedule.epochs * train_minutes
    known = {
        "prepare": _times(_PREPARE, train_minutes + other_minutes),
        "bootstrap": _times(_TAKE_OVER if from_kaldi else _BOOTSTRAP, train_minutes),
        "graph": _GRAPH,
        "ce": (epoch * min(_CE_EPOCHS_AT_LEAST, most) / fast, epoch * most / slow),
        "score": (1.0, 3.0),
    }
    seconds: dict[str, tuple[float, float]] = {}
    for stage in stages:
        if stage in known:
            seconds[stage] = known[stage]
        elif stage.startswith("decode-"):
            gmm = stage.removeprefix("decode-") in ("mono", "tri")
            seconds[stage] = _times(_DECODE_GMM if gmm else _DECODE_DNN, other_minutes)
        else:
            seconds[stage] = _times(_SEQUENCE_EPOCH, sequence)
    values = config.filterbank.dim + config.mfcc.dim
    features = (train_minutes + other_minutes) * frames_per_minute * values * _BYTES_PER_VALUE
    # The model in ce, its training state, each sequence criterion's model and snapshots, `model`.
    models = parameters * _BYTES_PER_VALUE * (4 + 5 * sum(s in _sequence(seconds) for s in seconds))
    return Estimate(seconds, round(features + models + 20e6))


def _sequence(seconds: dict[str, tuple[float, float]]) -> set[str]:
    others = {"prepare", "bootstrap", "graph", "ce", "score"}
    return {stage for stage in seconds if stage not in others and not stage.startswith("decode-")}


def _times(range_: tuple[float, float], minutes: float) -> tuple[float, float]:
    return range_[0] * minutes, range_[1] * minutes


def in_words(seconds: float) -> str:
    """A duration for people."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def range_in_words(low: float, high: float) -> str:
    """A range of durations for people."""
    first, second = in_words(low), in_words(high)
    return first if first == second else f"{first} to {second}"
