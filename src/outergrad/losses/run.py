"""What a loss takes from a run directory."""

from dataclasses import dataclass
from pathlib import Path

from outergrad.arrays import Float32Array
from outergrad.config import build, read_toml
from outergrad.errors import InputError
from outergrad.gradient.outer import OuterConfig
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.graph.utterance import UtteranceGraphs
from outergrad.lattice.accuracy import PhoneClasses
from outergrad.nnet.acoustic import AcousticModel
from outergrad.recipes.models import Bootstrapped, Graphs, reference_graphs
from outergrad.recipes.prepare import Prepared
from outergrad.recipes.roles import phone_classes
from outergrad.recipes.settings import RunConfig


@dataclass(frozen=True, slots=True, eq=False)
class RunParts:
    """Graphs, priors and settings of a run."""

    graph: DecodingGraph
    """Decoding graph of the unigram, tied triphone states."""
    references: UtteranceGraphs
    """Makes the graphs of transcripts."""
    log_priors: Float32Array
    """float32 ``[pdfs]``."""
    classes: PhoneClasses
    """Phones of the transitions."""
    config: OuterConfig
    """Beams, sums, thresholds."""


def open_run(run: Path) -> RunParts:
    """Read what a loss needs from a run that has come through the stage ``ce``.

    Raises:
        InputError: no such run, or a stage is missing.
    """
    for stage in ("prepare", "bootstrap", "graph", "ce"):
        if not (run / stage / "stage.json").exists():
            raise InputError(
                f"{run}: stage {stage} of the run is not finished; "
                "`outergrad train --criterion ce` does what is missing"
            )
    config = build(RunConfig, read_toml(run / "config.toml"), str(run / "config.toml"))
    prepared = Prepared(run / "prepare")
    bootstrapped = Bootstrapped(run / "bootstrap")
    graphs = Graphs(run / "graph")
    hmm = bootstrapped.hmm("tri")
    return RunParts(
        graph=graphs.decoding("tri", "unigram"),
        references=reference_graphs(prepared, bootstrapped, graphs, config),
        log_priors=AcousticModel.load(run / "ce" / "model").log_priors,
        classes=phone_classes(hmm),
        config=config.sequence.outer,
    )
