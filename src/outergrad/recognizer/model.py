"""Model directories: all that recognizing and aligning need, in one folder that can be moved.

See ``docs/reference/model-directory.md`` for the format. Nothing in it is code or can become
code: parameters are safetensors, arrays plain ``.npy``, everything else JSON and text. The list of
files with sizes and checksums is written last and read first, so that a folder that lost
something on its way is refused with the name of what is wrong.
"""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from outergrad import __version__
from outergrad.config import build, to_table
from outergrad.corpus.lexicon import Lexicon, read_lexicon, write_lexicon
from outergrad.decoder.decoding import DecoderConfig
from outergrad.errors import InputError, RunError
from outergrad.features.extract import FrontEnd
from outergrad.graph.arpa import read_arpa, write_arpa
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.graph.ngram import NgramModel
from outergrad.graph.units import GraphConfig
from outergrad.graph.words import word_table
from outergrad.hmm.model import HmmModel
from outergrad.nnet.acoustic import AcousticModel

FORMAT = "outergrad-model"
VERSION = 1
"""Raised when older programs cannot read what newer ones write."""
MANIFEST = "model.json"
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
        fresh = directory.with_name(f".{directory.name}.new-{os.getpid()}")
        stale = directory.with_name(f".{directory.name}.old-{os.getpid()}")
        try:
            directory.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            self.acoustic.save(fresh / ACOUSTIC)
            self.hmm.save(fresh / HMM)
            write_lexicon(self.lexicon, fresh / LEXICON)
            if lm is not None:
                write_arpa(lm, fresh / LM)
            self.graph.save(fresh / GRAPH)
            description = {
                "format": FORMAT,
                "version": VERSION,
                "made_by": f"outergrad {__version__}",
                "system": self.system,
                "settings": to_table(self.config),
                "about": about or {},
                "files": {name: _facts(fresh / name) for name in _files(fresh)},
            }
            text = json.dumps(description, indent=1, ensure_ascii=False, allow_nan=False)
            (fresh / MANIFEST).write_text(text + "\n", encoding="utf-8")
            if directory.exists():
                directory.rename(stale)
            fresh.rename(directory)
        except OSError as error:
            shutil.rmtree(fresh, ignore_errors=True)
            raise RunError(f"cannot write the model {directory}: {error.strerror}") from error
        shutil.rmtree(stale, ignore_errors=True)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a model directory, or the one in a run directory.

        Raises:
            InputError: no model, written by a newer version, or damaged; says which file.
        """
        directory = find_model(path)
        description = _read_manifest(directory)
        _check_files(directory, description["files"])
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
    if not (directory / LM).is_file():
        raise InputError(f"{directory}: its graph was given ready-made; there is no {LM}")
    return read_arpa(directory / LM)


def find_model(path: Path) -> Path:
    """The model directory that `path` is, or that the run directory `path` holds.

    Raises:
        InputError: there is none.
    """
    for candidate in (path, path / "model"):
        if (candidate / MANIFEST).is_file():
            return candidate
    if (path / "inputs.json").is_file():
        raise InputError(
            f"{path}: this run has no model yet; go on with it: outergrad score --out {path}"
        )
    what = "no such folder" if not path.exists() else f"there is no {MANIFEST} in it"
    raise InputError(f"{path} is no model directory: {what}")


def describe(path: Path) -> dict[str, Any]:
    """What a model directory says about itself, its files unread.

    Raises:
        InputError: as `Model.load`.
    """
    return _read_manifest(find_model(path))


def _front_end(acoustic: AcousticModel) -> dict[str, Any]:
    stored = acoustic.attributes.get("front_end")
    if not isinstance(stored, dict):
        raise InputError("the acoustic model does not say what features it takes (front_end)")
    return stored


def _read_manifest(directory: Path) -> dict[str, Any]:
    path = directory / MANIFEST
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable: {error}; copy the whole folder again") from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise InputError(f"{path} does not describe a model (format {FORMAT!r} expected)")
    version = description.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise InputError(
            f"model {directory} has format version {version}, made by "
            f"{description.get('made_by')}; this program reads up to version {VERSION}: install a "
            "newer outergrad"
        )
    kinds = {"system": str, "settings": dict, "files": dict, "about": dict}
    for key, kind in kinds.items():
        if not isinstance(description.get(key), kind):
            raise InputError(f"{path}: {key} is missing or no {kind.__name__}")
    return description


def _files(directory: Path) -> list[str]:
    found = (path for path in directory.rglob("*") if path.is_file())
    return sorted(path.relative_to(directory).as_posix() for path in found)


def _facts(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def _check_files(directory: Path, listed: dict[str, Any]) -> None:
    """Compare the files that are read with the list; names in the list are never opened."""
    found = [name for name in _files(directory) if name != MANIFEST]
    lost = sorted(set(listed) - set(found))
    if lost:
        names = ", ".join(map(repr, lost[:5]))
        raise InputError(f"model {directory}: {names} is missing; copy the whole folder again")
    for name in found:
        if name not in listed:
            continue  # a note that somebody put there
        facts = _facts(directory / name)
        if facts != listed[name]:
            size, expected = facts["bytes"], listed[name]
            before = expected.get("bytes") if isinstance(expected, dict) else None
            what = f"has {size} bytes instead of {before}" if size != before else "was altered"
            raise InputError(f"model {directory}: {name} {what}; copy the whole folder again")


def summary(description: dict[str, Any]) -> dict[str, Any]:
    """The parts of a description that people ask for."""
    sizes = [facts["bytes"] for facts in description["files"].values()]
    decoding = description["settings"].get("decoding", {})
    return {
        "system": description["system"],
        "made_by": description["made_by"],
        "version": description["version"],
        "lm_weight": decoding.get("lm_weight"),
        "bytes": sum(sizes),
        **description["about"],
    }


__all__ = [
    "FORMAT",
    "MANIFEST",
    "VERSION",
    "DecodingConfig",
    "Model",
    "ModelConfig",
    "describe",
    "find_model",
    "language_model",
    "summary",
]
