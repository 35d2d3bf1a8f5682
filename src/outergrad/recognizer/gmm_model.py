"""Triphone GMMs that align: what ``align --train`` leaves for later recordings."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.config import build, to_table
from outergrad.corpus.lexicon import Lexicon, read_lexicon, write_lexicon
from outergrad.errors import InputError
from outergrad.features.extract import FrontEnd
from outergrad.features.frontend import MfccConfig, deltas
from outergrad.features.normalisation import Normalisation, Statistics
from outergrad.graph.units import GraphConfig
from outergrad.hmm.gmm import DiagonalGmm
from outergrad.hmm.model import HmmModel
from outergrad.recognizer.directory import (
    GMM,
    MANIFEST,
    check_files,
    find_model,
    read_manifest,
    write_directory,
)
from outergrad.recognizer.model import HMM, LEXICON, Model

MIXTURES = "gmm.safetensors"


@dataclass(frozen=True)
class GmmModelConfig:
    """The settings in a GMM model's description."""

    mfcc: MfccConfig = field(default_factory=MfccConfig)
    """Its features, before the speaker's mean is subtracted and time derivatives are appended."""
    graph: GraphConfig = field(default_factory=GraphConfig)
    """Weights of silence and transitions."""


@dataclass(frozen=True, eq=False)
class GmmModel:
    """A GMM-HMM with everything that aligning needs."""

    hmm: HmmModel
    """Phones, topology, state tying, transitions."""
    gmm: DiagonalGmm
    """Mixtures of the tied states."""
    lexicon: Lexicon
    """Pronunciations."""
    config: GmmModelConfig
    """Settings."""

    @property
    def front_end(self) -> FrontEnd:
        """From samples to MFCC without the speaker's mean."""
        mfcc = self.config.mfcc
        normalisation = Normalisation(speaker_mean=True, global_variance=False)
        zeros, ones = np.zeros(mfcc.dim), np.ones(mfcc.dim)
        return FrontEnd(mfcc, Statistics(zeros, ones, {}, normalisation))

    def scores(
        self, front_end: FrontEnd, samples: Float32Array, speaker: str | None = None
    ) -> Float32Array:
        """Log-likelihoods of audio, float32 [T, P]; see `Model.scores`."""
        features = front_end.features(samples, speaker)
        return self.gmm.scores(deltas(features, order=2))

    def save(self, directory: Path, about: dict[str, Any] | None = None) -> None:
        """Write the model directory; an existing one is replaced whole.

        Args:
            directory: where to.
            about: JSON values for people.

        Raises:
            RunError: it cannot be written; nothing is left behind.
        """

        def fill(folder: Path) -> None:
            self.hmm.save(folder / HMM)
            self.gmm.save(folder / MIXTURES)
            write_lexicon(self.lexicon, folder / LEXICON)

        settings = to_table(self.config)
        write_directory(
            directory,
            fill,
            {"format": GMM, "system": "tri", "settings": settings, "about": about or {}},
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a model directory, or the one in the output folder of ``align --train``.

        Raises:
            InputError: no such model, written by a newer version, or damaged; says which file.
        """
        directory = find_model(path)
        description = read_manifest(directory, GMM)
        check_files(directory, description["files"])
        model = cls(
            HmmModel.load(directory / HMM),
            DiagonalGmm.load(directory / MIXTURES),
            read_lexicon(directory / LEXICON)[0],
            build(GmmModelConfig, description["settings"], str(directory / MANIFEST)),
        )
        if model.gmm.num_pdfs != model.hmm.num_pdfs:
            raise InputError(
                f"model {directory}: parts of different models: {model.gmm.num_pdfs} mixtures, "
                f"{model.hmm.num_pdfs} tied states"
            )
        if model.gmm.dim != 3 * model.config.mfcc.dim:
            raise InputError(
                f"model {directory}: mixtures of dimension {model.gmm.dim} do not fit "
                f"{model.config.mfcc.dim} cepstra with two time derivatives"
            )
        unknown = [phone for phone in model.lexicon.phones if phone not in model.hmm.phones]
        if unknown:
            raise InputError(
                f"model {directory}: {LEXICON} has phones that the model lacks: "
                f"{' '.join(unknown[:10])}"
            )
        return model


AligningModel = Model | GmmModel
"""What recordings can be aligned with."""


def load_aligning_model(path: Path) -> AligningModel:
    """The model of a run, or of ``align --train``, whichever is there.

    Raises:
        InputError: see `Model.load` and `GmmModel.load`.
    """
    kind = read_manifest(find_model(path))["format"]
    return GmmModel.load(path) if kind == GMM else Model.load(path)
