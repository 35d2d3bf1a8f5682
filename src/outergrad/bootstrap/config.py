"""Settings of the bootstrap: flat start, monophone, tree and triphone training."""

from __future__ import annotations

from dataclasses import dataclass, field

from outergrad.errors import InputError
from outergrad.hmm.gmm_training import GmmTrainingConfig


@dataclass(frozen=True)
class AlignmentConfig:
    """How training utterances are aligned with the current GMM."""

    beam: float = 10.0
    """Beam, scaled nats."""
    first_beam: float = 6.0
    """Beam of the first pass after the flat start, when models are crude; scaled nats."""
    retry_beam: float = 40.0
    """Beam of the second try, scaled nats."""
    acoustic_scale: float = 0.1
    """Factor on the log-likelihoods."""
    silence_boost: float = 1.0
    """Factor on the likelihood of silence."""
    max_failed: float = 0.1
    """Share of the utterances that may be without alignment at the end of a training."""

    def __post_init__(self) -> None:
        _positive(self, "silence_boost", "acoustic_scale")
        for name in ("beam", "first_beam"):
            if not 0.0 < getattr(self, name) <= self.retry_beam:
                raise InputError(
                    f"{name} must be positive and at most retry_beam ({self.retry_beam}), "
                    f"not {getattr(self, name)}"
                )
        if not 0.0 <= self.max_failed <= 1.0:
            raise InputError(f"max_failed must be in [0, 1], not {self.max_failed}")


@dataclass(frozen=True)
class MonophoneConfig:
    """Monophone training, by default the schedule of Kaldi's ``steps/train_mono.sh``."""

    iterations: int = 40
    """EM steps, that of the flat start included."""
    realign: tuple[int, ...] = (
        *(1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
        *(12, 14, 16, 18, 20, 23, 26, 29, 32, 35, 38),
    )
    """Iterations that begin with a new alignment."""
    growth_iterations: int = 30
    """Iterations over which the number of Gaussians grows."""
    num_gaussians: int = 1000
    """Gaussians at the end, if the frames suffice for them."""
    frames_per_gaussian: int = 100
    """Frames of the corpus for each Gaussian: on little speech there are fewer Gaussians."""

    def __post_init__(self) -> None:
        _positive(self, "iterations", "num_gaussians", "frames_per_gaussian")


@dataclass(frozen=True)
class TreeConfig:
    """How the hmm_states of triphones are tied."""

    num_leaves: int = 0
    """Most tied states; 0 = 0.5 √frames (250 for 42 minutes, 2300 for 60 hours)."""
    min_occupancy: float = 100.0
    """Frames that each tied state must have."""
    min_gain: float = 300.0
    """Log-likelihood (nats) that a split must gain."""
    variance_floor: float = 0.01
    """Smallest variance of a node, as a share of the variance of all frames in that dimension."""

    def __post_init__(self) -> None:
        _positive(self, "min_occupancy", "variance_floor")
        if self.num_leaves < 0:
            raise InputError(f"num_leaves must not be negative, it is {self.num_leaves}")


@dataclass(frozen=True)
class TriphoneConfig:
    """Triphone training, by default the schedule of Kaldi's ``steps/train_deltas.sh``."""

    tree: TreeConfig = field(default_factory=TreeConfig)
    """State tying."""
    iterations: int = 35
    """EM steps."""
    realign: tuple[int, ...] = (10, 20, 30)
    """Iterations that begin with a new alignment."""
    growth_iterations: int = 25
    """Iterations over which the number of Gaussians grows."""
    gaussians_per_leaf: float = 10.0
    """Gaussians at the end for each tied state, on average."""

    def __post_init__(self) -> None:
        _positive(self, "iterations", "gaussians_per_leaf")


@dataclass(frozen=True)
class BootstrapConfig:
    """Everything from features and transcripts to aligned triphone states."""

    monophone: MonophoneConfig = field(default_factory=MonophoneConfig)
    """First model."""
    triphone: TriphoneConfig = field(default_factory=TriphoneConfig)
    """Second model."""
    gmm: GmmTrainingConfig = field(default_factory=GmmTrainingConfig)
    """How Gaussians are estimated and split."""
    alignment: AlignmentConfig = field(default_factory=AlignmentConfig)
    """How utterances are aligned."""
    silence_states: int = 5
    """Emitting hmm_states of silence."""
    speech_states: int = 3
    """Emitting hmm_states of the other phones."""
    threads: int = 2
    """Threads that align and collect statistics; the result does not depend on it."""
    seed: int = 1
    """Seed of the random directions in which split Gaussians are moved apart."""

    def __post_init__(self) -> None:
        _positive(self, "silence_states", "speech_states", "threads")


def _positive(settings: object, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if not 0 < value < float("inf"):  # nan fails, too
            raise InputError(f"{name} must be positive, not {value}")
