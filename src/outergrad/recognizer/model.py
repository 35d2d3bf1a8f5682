"""Model directories: all that recognizing and aligning need, in one folder that can be moved.

See ``docs/reference/model-directory.md`` for the format. Nothing in it is code or can become
code: parameters are safetensors, arrays plain ``.npy``, everything else JSON and text.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from outergrad.arrays import Float32Array
from outergrad.config import build, to_table
from outergrad.corpus.lexicon import Lexicon, read_lexicon, write_lexicon
from outergrad.decoder.decoding import DecoderConfig
from outergrad.errors import InputError
from outergrad.features.extract import FrontEnd
from outergrad.graph.arpa import read_arpa, write_arpa
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.graph.ngram import NgramModel
from outergrad.graph.units import GraphConfig
from outergrad.graph.words import word_table
from outergrad.hmm.model import HmmModel
from outergrad.nnet.acoustic import AcousticModel
from outergrad.recognizer.directory import (
    MANIFEST,
    MODEL,
    check_files,
    describe,
    find_model,
    read_manifest,
    summary,
    write_directory,
)

ACOUSTIC = "acoustic"
HMM = "hmm.json"
LEXICON = "lexicon.txt"
LM = "lm.arpa"
GRAPH = "graph"


@dataclass(frozen=True)
class DecodingConfig:
    """How a model recognizes speech; chosen on the tuning set."""

    lm_weight: float = 10.0
    """1 / acoustic scale."""
    insertion_penalty: float = 0.0
    """Cost per word, in nats."""
    search: DecoderConfig = field(
        default_factory=lambda: DecoderConfig(beam=15.0, lattice_beam=10.0)
    )
    """Beams and limits; its acoustic scale is not used."""

    def __post_init__(self) -> None:
        if not self.lm_weight > 0.0:
            raise InputError(f"lm_weight must be positive, got {self.lm_weight}")

    @property
    def decoder(self) -> DecoderConfig:
        """The search at the acoustic scale of the LM weight."""
        return replace(self.search, acoustic_scale=1.0 / self.lm_weight)


@dataclass(frozen=True)
class ModelConfig:
    """The settings in a model's description."""

    decoding: DecodingConfig = field(default_factory=DecodingConfig)
    """Recognition."""
    graph: GraphConfig = field(default_factory=GraphConfig)
    """Weights of silence and transitions, for graphs made later."""


@dataclass(frozen=True, eq=False)
class Model:
    """Everything that recognizes and aligns speech."""

    system: str
    """Which training made it, for people: "ce", "mmi"."""
    acoustic: AcousticModel
    """DNN and priors."""
    front_end: FrontEnd
    """From samples to the DNN's input."""
    hmm: HmmModel
    """Phones, topology, state tying, transitions."""
    lexicon: Lexicon
    """Pronunciations."""
    graph: DecodingGraph
    """H C L G."""
    config: ModelConfig
    """Settings."""

    @classmethod
    def of(
        cls,
        system: str,
        acoustic: AcousticModel,
        hmm: HmmModel,
        lexicon: Lexicon,
        graph: DecodingGraph,
        config: ModelConfig,
    ) -> Self:
        """A model from its parts; the means of training speakers are left out.

        Raises:
            InputError: the acoustic model does not say what features it takes, or the parts do
                not belong together.
        """
        front_end = FrontEnd.from_json(_front_end(acoustic))
        if front_end.statistics is not None:
            # Nobody needs to know who spoke in training; unknown speakers have their own mean.
            statistics = replace(front_end.statistics, speakers={})
            front_end = replace(front_end, statistics=statistics)
        attributes = {**acoustic.attributes, "front_end": front_end.to_json()}
        model = cls(
            system,
            replace(acoustic, attributes=attributes),
            front_end,
            hmm,
            lexicon,
            graph,
            config,
        )
        model.check("model")
        return model

    def scores(
        self, front_end: FrontEnd, samples: Float32Array, speaker: str | None = None
    ) -> Float32Array:
        """Acoustic scores of audio, float32 [T, P], natural log, unscaled.

        Args:
            front_end: the model's own, perhaps with the means of more speakers.
            samples: float32 [samples] at its rate, full scale ±1.
            speaker: who speaks.

        Raises:
            InputError: the audio is shorter than one frame.
        """
        return self.acoustic.scores(front_end.stacked(samples, speaker))

    def check(self, name: str) -> None:
        """Raise `InputError` unless the parts belong together."""
        counts = {
            "the network's outputs": self.acoustic.module.config.num_pdfs,
            HMM: self.hmm.num_pdfs,
            f"{GRAPH}/": self.graph.num_pdfs,
        }
        if len(set(counts.values())) != 1:
            found = ", ".join(f"{part} {count}" for part, count in counts.items())
            raise InputError(f"{name}: parts of different models: tied states of {found}")
        if self.graph.words != word_table(self.lexicon):
            raise InputError(f"{name}: the words of {GRAPH}/ are not those of {LEXICON}")
        unknown = [phone for phone in self.lexicon.phones if phone not in self.hmm.phones]
        if unknown:
            raise InputError(
                f"{name}: {LEXICON} has phones that the model lacks: {' '.join(unknown[:10])}"
            )

    def save(
        self, directory: Path, lm: NgramModel | None, about: dict[str, Any] | None = None
    ) -> None:
        """Write the model directory; an existing one is replaced whole.

        Args:
            directory: where to.
            lm: language model that the graph was compiled from, None when nobody knows it;
                recognizing does not need it, compiling a graph with another lexicon does.
            about: JSON values for people: data, word errors, date.

        Raises:
            RunError: it cannot be written (no rights, disk full); nothing is left behind.
        """

        def fill(folder: Path) -> None:
            self.acoustic.save(folder / ACOUSTIC)
            self.hmm.save(folder / HMM)
            write_lexicon(self.lexicon, folder / LEXICON)
            if lm is not None:
                write_arpa(lm, folder / LM)
            self.graph.save(folder / GRAPH)

        settings = to_table(self.config)
        write_directory(
            directory,
            fill,
            {"format": MODEL, "system": self.system, "settings": settings, "about": about or {}},
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a model directory, or the one in a run directory.

        Raises:
            InputError: no model, written by a newer version, or damaged; says which file.
        """
        directory = find_model(path)
        description = read_manifest(directory, MODEL)
        check_files(directory, description["files"])
        config = build(ModelConfig, description["settings"], str(directory / MANIFEST))
        acoustic = AcousticModel.load(directory / ACOUSTIC)
        model = cls(
            str(description["system"]),
            acoustic,
            FrontEnd.from_json(_front_end(acoustic)),
            HmmModel.load(directory / HMM),
            read_lexicon(directory / LEXICON)[0],
            DecodingGraph.load(directory / GRAPH),
            config,
        )
        model.check(f"model {directory}")
        return model


def language_model(path: Path) -> NgramModel:
    """The language model that a model directory's graph was compiled from.

    Raises:
        InputError: no model, or its graph was given ready-made.
    """
    directory = find_model(path)
    if LM not in read_manifest(directory, MODEL)["files"]:
        raise InputError(f"{directory}: its graph was given ready-made; there is no {LM}")
    return read_arpa(directory / LM)


def _front_end(acoustic: AcousticModel) -> dict[str, Any]:
    stored = acoustic.attributes.get("front_end")
    if not isinstance(stored, dict):
        raise InputError("the acoustic model does not say what features it takes (front_end)")
    return stored


__all__ = [
    "DecodingConfig",
    "Model",
    "ModelConfig",
    "describe",
    "find_model",
    "language_model",
    "summary",
]
