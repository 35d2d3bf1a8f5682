"""All settings of a run and its inputs: what a stage depends on is named here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self

from outergrad.bootstrap.config import BootstrapConfig
from outergrad.config import build, merge, parse_overrides, read_toml
from outergrad.corpus import CheckConfig
from outergrad.criteria.config import Kind
from outergrad.decoder.decoding import DecoderConfig
from outergrad.engine.engines import EngineName
from outergrad.engine.ray.config import RayConfig
from outergrad.engine.simulated.config import SimulatedConfig
from outergrad.errors import InputError
from outergrad.features.frontend import FilterbankConfig, MfccConfig
from outergrad.features.normalisation import Normalisation
from outergrad.gradient.auxiliary import AuxiliaryConfig
from outergrad.gradient.ce import CeConfig
from outergrad.gradient.outer import OuterConfig
from outergrad.graph.units import GraphConfig
from outergrad.nnet.dnn import DnnConfig
from outergrad.nnet.precision import Device
from outergrad.workers.config import AsyncConfig, GapConfig, ScheduleConfig

SHORT_BOOTSTRAP: Mapping[str, Any] = {
    "monophone": {
        "iterations": 25,
        "realign": [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 21],
        "growth_iterations": 18,
    },
    "triphone": {"iterations": 20, "realign": [6, 12], "growth_iterations": 14},
}
"""Section `bootstrap` where GMM-HMMs only have to give alignments: trained less long."""


@dataclass(frozen=True)
class Inputs:
    """Files and folders that a run starts from, absolute paths."""

    train: str
    """Training speech, in any layout that `read_corpus` knows."""
    test: str
    """Test speech, likewise."""
    lexicon: str
    """Pronunciations."""
    dev: str | None = None
    """Speech for tuning, likewise; None: training speakers are held out."""
    lm: str | None = None
    """ARPA language model for the test; None: a trigram is estimated."""
    lm_text: str | None = None
    """Sentences that the trigram is estimated from, besides the training transcripts."""
    init: str | None = None
    """Run, model directory or acoustic model whose hidden layers the DNN starts from."""
    kaldi: str | None = None
    """Directory of a Kaldi system whose tree, transition model and alignments replace the
    bootstrap."""
    hclg: str | None = None
    """Directory with HCLG.fst and words.txt, a graph of that system for the test instead of a
    language model."""

    @classmethod
    def of(cls, **paths: Path | None) -> Self:
        """Check that everything exists.

        Raises:
            InputError: a path is missing, or options exclude or need each other.
        """
        for name, path in paths.items():
            if path is not None and not path.exists():
                raise InputError(f"--{name.replace('_', '-')} {path}: no such file or folder")
        if paths.get("lm") and paths.get("lm_text"):
            raise InputError("give --lm or --lm-text, not both")
        if paths.get("hclg") and (paths.get("lm") or paths.get("lm_text")):
            raise InputError("--hclg has its language model inside: leave --lm and --lm-text away")
        if paths.get("hclg") and not paths.get("kaldi"):
            raise InputError("--hclg needs the system that it was made for: --kaldi DIR")
        known = {entry.name for entry in fields(cls)}
        named = {name: str(path.resolve()) for name, path in paths.items() if path is not None}
        return cls(**{name: path for name, path in named.items() if name in known})


@dataclass(frozen=True)
class CorpusConfig:
    """What data are accepted and how they are split."""

    check: CheckConfig = field(default_factory=CheckConfig)
    """What an utterance must fulfil."""
    max_bad: float = 0.1
    """Share of bad utterances above which the run stops, 0 ... 1."""
    held_out: float = 0.08
    """Share of the training utterances, whole speakers, held out for tuning without --dev."""


@dataclass(frozen=True)
class ContextConfig:
    """Frames stacked around each frame as the DNN's input."""

    left: int = 20
    """Frames before."""
    right: int = 5
    """Frames after."""


@dataclass(frozen=True)
class LmConfig:
    """Language models estimated from text."""

    order: int = 3
    """Longest n-gram of the LM for the test, in words."""
    method: Literal["witten-bell", "kneser-ney"] = "witten-bell"
    """Smoothing."""
    vocabulary: Literal["lexicon", "text"] = "lexicon"
    """lexicon: every word of the lexicon can be recognized. text: words of the texts only; tuning
    utterances with other words then count for WER only."""


@dataclass(frozen=True)
class RateScales:
    """Factors on the learning rate: the outer gradients of the criteria differ in size.

    Tried for sMBR on AN4 with three seeds: 0.3 and 1 raise the held-out criterion by 0.007 and
    0.010 a frame, with 103 and 105 held-out word errors (121 before); 0.1 was slower.
    """

    mmi: float = 1.0
    """MMI: posteriors, at most 1."""
    bmmi: float = 1.0
    """bMMI: the same."""
    smbr: float = 1.0
    """sMBR: posteriors times differences of accuracy, in frames."""
    mpe: float = 1.0
    """MPE: the same."""

    def of(self, kind: Kind) -> float:
        """The factor of a criterion."""
        factor: float = getattr(self, kind.value)
        return factor

    def __post_init__(self) -> None:
        for kind in Kind:
            if not 0.0 < self.of(kind) < float("inf"):
                raise InputError(f"rate scale of {kind} is {self.of(kind)}, must be positive")


@dataclass(frozen=True)
class SequenceConfig:
    """Sequence training, by whatever criterion."""

    layers: Literal["all", "last"] = "all"
    """Layers that are trained (Fig. 7)."""
    device: Device = "cpu"
    """Where replicas compute; decoders and the evaluator stay on the processor. cuda: products of
    bfloat16 operands, float32 parameters on the server."""
    outer: OuterConfig = field(default_factory=OuterConfig)
    """Sums, searches, and which frames count."""
    auxiliary: AuxiliaryConfig = field(default_factory=AuxiliaryConfig)
    """What is climbed while an outer gradient is in use."""
    freeze_silence: bool = False
    """The silence states' weights and biases in the last layer keep the values of the CE model."""
    rate_scale: RateScales = field(default_factory=RateScales)
    """Learning rate of each criterion, relative to that of the schedule."""
    training: AsyncConfig = field(
        default_factory=lambda: AsyncConfig(
            queue=4,
            clip_norm=100.0,
            schedule=ScheduleConfig(rate=1e-4, epochs=5, patience=2),
            gap=GapConfig(every=50),
        )
    )
    """Roles, staleness, learning rate. The rate is for ReLU networks and gradients summed over
    32 frames; three times as much is unstable on some corpora, which the clipping only slows."""


@dataclass(frozen=True)
class DecodeConfig:
    """Recognition of the tuning and the test set."""

    search: DecoderConfig = field(
        default_factory=lambda: DecoderConfig(beam=15.0, lattice_beam=10.0, acoustic_scale=0.1)
    )
    """Beam search; lattices are rescored at every LM weight."""
    lm_weights: tuple[int, ...] = tuple(range(4, 19))
    """LM weights tried on the tuning set (1 / acoustic scale)."""
    insertion_penalties: tuple[float, ...] = (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0)
    """Costs per word tried on the tuning set, in nats."""
    threads: int = 2
    """Utterances decoded at a time."""

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise InputError(f"decode: threads is {self.threads}, must be at least 1")
        if not self.lm_weights or min(self.lm_weights) < 1:
            raise InputError("decode: lm_weights must be one or more positive numbers")
        if not self.insertion_penalties:
            raise InputError("decode: insertion_penalties must be one or more numbers")


@dataclass(frozen=True)
class ScoreConfig:
    """Word errors and their intervals."""

    samples: int = 10_000
    """Bootstrap samples over utterances."""


@dataclass(frozen=True)
class RunConfig:
    """Everything that can be set."""

    seed: int = 1
    """Seed of every random draw."""
    engine: EngineName = "local"
    """local: processes and shared memory. serial: one thread, the same bits every time.
    simulated: virtual time, the same bits every time. ray: actors on a cluster."""
    simulated: SimulatedConfig = field(default_factory=SimulatedConfig)
    """Costs of work and messages in engine `simulated`."""
    ray: RayConfig = field(default_factory=RayConfig)
    """The cluster of engine ray."""
    tensorboard: bool = False
    """Curves of CE and sequence training for TensorBoard, in the run's folder `tensorboard`; needs
    the extra of that name."""
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    """Data."""
    features: Literal["filterbank", "kaldi"] = "filterbank"
    """What the DNN sees. filterbank: computed from the audio. kaldi: the ``feats.scp`` of the
    Kaldi data directories, for runs that start from a Kaldi system; needs the extra kaldi."""
    filterbank: FilterbankConfig = field(default_factory=FilterbankConfig)
    """Features of the DNN, unless they are Kaldi's."""
    mfcc: MfccConfig = field(default_factory=MfccConfig)
    """Features of the GMMs."""
    normalisation: Normalisation = field(default_factory=Normalisation)
    """Of the DNN's features."""
    context: ContextConfig = field(default_factory=ContextConfig)
    """Stacking."""
    bootstrap: BootstrapConfig = field(default_factory=BootstrapConfig)
    """GMM-HMMs."""
    graph: GraphConfig = field(default_factory=GraphConfig)
    """Decoding graphs."""
    lm: LmConfig = field(default_factory=LmConfig)
    """Language models."""
    dnn: DnnConfig = field(default_factory=lambda: DnnConfig(hidden_units=512, dropout=0.2))
    """The network."""
    ce: CeConfig = field(default_factory=lambda: CeConfig(precision="auto", max_epochs=15))
    """Frame training."""
    criteria: tuple[Kind, ...] = (Kind.MMI,)
    """Sequence criteria (mmi, bmmi, smbr, mpe); each is a system of its own that starts from CE."""
    sequence: SequenceConfig = field(default_factory=SequenceConfig)
    """Sequence training."""
    decode: DecodeConfig = field(default_factory=DecodeConfig)
    """Test."""
    score: ScoreConfig = field(default_factory=ScoreConfig)
    """Word errors."""

    def __post_init__(self) -> None:
        if len(set(self.criteria)) < len(self.criteria):
            raise InputError(f"criteria: {', '.join(self.criteria)} names one twice")

    def engine_settings(self) -> tuple[Any, ...]:
        """What the chosen engine is made with: its own section, if it has one."""
        section = getattr(self, self.engine, None)
        return () if section is None else (section,)


def read_config(
    path: Path | None, settings: Sequence[str] = (), seed: int | None = None
) -> RunConfig:
    """Defaults ← file ← `section.key=value` settings ← seed.

    Raises:
        InputError: a wrong key or value; says where.
    """
    table = read_toml(path) if path is not None else {}
    # The file is checked alone first, so that an error names the right culprit.
    build(RunConfig, table, str(path))
    table = merge(table, parse_overrides(settings))
    if seed is not None:
        table["seed"] = seed
    return build(RunConfig, table, "--set")
