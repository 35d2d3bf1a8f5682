"""The folder `model` of a run: the best system, ready to be carried away."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from outergrad.errors import InputError
from outergrad.nnet.acoustic import AcousticModel
from outergrad.recipes.decode import GMM_SYSTEMS, Recognized
from outergrad.recipes.models import Bootstrapped, Graphs
from outergrad.recipes.prepare import Prepared
from outergrad.recipes.settings import RunConfig
from outergrad.recognizer.model import DecodingConfig, Model, ModelConfig, describe, find_model

LM = "trigram"
"""Language model of the packaged recognizer: the one of the test."""


def best_system(run: Path, systems: Sequence[str]) -> str:
    """The DNN system with the fewest word errors on the tuning set; of equals the last.

    Args:
        run: run directory in which these systems were decoded.
        systems: in the order in which they were trained; GMMs do not count.
    """
    networks = [system for system in systems if system not in GMM_SYSTEMS]
    rates = {
        system: min(Recognized.load(run / f"decode-{system}" / f"{LM}.json").tuning.values())
        for system in networks
    }
    return min(reversed(networks), key=lambda system: rates[system])


def package(run: Path, system: str, config: RunConfig, results: Mapping[str, Any]) -> Path:
    """Write `model` in the run directory.

    Args:
        run: run directory.
        system: which of its systems.
        config: settings of the run.
        results: what results.json holds, for the model's description of itself.

    Returns:
        The model directory.
    """
    directory = run / "model"
    if _is_there(directory, system, results["digest"]):
        return directory
    recognized = Recognized.load(run / f"decode-{system}" / f"{LM}.json")
    graphs = Graphs(run / "graph")
    hmm = Bootstrapped(run / "bootstrap").hmm("tri")
    model = Model.of(
        system,
        AcousticModel.load(run / system / "model"),
        hmm,
        Prepared(run / "prepare").lexicon(),
        graphs.decoding("tri", LM),
        ModelConfig(
            DecodingConfig(
                float(recognized.lm_weight), recognized.insertion_penalty, config.decode.search
            ),
            config.graph,
        ),
    )
    about = {
        "test_wer": results["test"][system][LM]["wer"],
        "test_words": results["test"][system][LM]["words"],
        "data": results["data"],
        "digest": results["digest"],
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
    model.save(directory, graphs.lm(LM), about)
    return directory


def _is_there(directory: Path, system: str, digest: str) -> bool:
    """Whether the model of this run, as it is now, was written before."""
    try:
        stored = describe(directory)
    except InputError:
        return False
    return bool(stored["system"] == system and stored["about"].get("digest") == digest)


def acoustic_model_in(path: Path) -> Path:
    """The acoustic model that `--init` means: of a run, of a model directory, or by itself."""
    if (path / "description.json").is_file():
        return path
    return find_model(path) / "acoustic"
