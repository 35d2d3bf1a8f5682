"""Look into a run directory: lattices, graphs and alignments of single utterances, made anew."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from outergrad.arrays import Float32Array
from outergrad.bootstrap.em import GMM_FILE
from outergrad.config import build, read_toml
from outergrad.corpus import Utterance
from outergrad.criteria.config import Kind
from outergrad.decoder.alignment import AlignConfig, align
from outergrad.decoder.decoding import decode, decode_words
from outergrad.errors import InputError
from outergrad.features.frontend import FilterbankConfig, MfccConfig
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.graph.units import GraphConfig
from outergrad.graph.utterance import UtteranceGraphs
from outergrad.hmm.model import HmmModel
from outergrad.lattice.lattice import Lattice
from outergrad.lattice.path import Path as AlignedPath
from outergrad.lattice.word_lattice import WordLattice
from outergrad.recipes.decode import GMM_SYSTEMS, Recognized, dnn_scorer, gmm_scorer
from outergrad.recipes.models import LMS, TYINGS, Bootstrapped, Graphs
from outergrad.recipes.prepare import PARTS, Prepared
from outergrad.recipes.settings import DecodeConfig
from outergrad.recipes.stages import SETTINGS


def systems_of(run: Path) -> tuple[str, ...]:
    """Systems of a run that are trained: GMMs, CE, then the criteria, as they are listed."""
    gmms = [
        name
        for name, tying in GMM_SYSTEMS.items()
        if (run / "bootstrap" / tying / GMM_FILE).is_file()
    ]
    models = {path.parent.parent.name for path in run.glob("*/model/description.json")}
    known = ["ce", *(kind.value for kind in Kind)]
    return (*gmms, *(name for name in known if name in models), *sorted(models - {*known}))


def graph_of(run: Path, tying: str, lm: str) -> DecodingGraph:
    """A decoding graph of a run, "mono" or "tri" states.

    Raises:
        InputError: no such language model or state tying, or the graph is not compiled yet.
    """
    if lm not in LMS or tying not in TYINGS:
        raise InputError(
            f"no graph {tying}-{lm}; choose {' or '.join(TYINGS)} and {' or '.join(LMS)}"
        )
    if not (run / "graph").is_dir():
        raise InputError(f"{run / 'graph'} is missing: the run has not compiled its graphs yet")
    return Graphs(run / "graph").decoding(tying, lm)


def _frame_seconds(table: Mapping[str, Any], system: str) -> float:
    if system in GMM_SYSTEMS:
        return build(MfccConfig, table.get("mfcc", {}), "mfcc").frame_shift_ms / 1000
    return build(FilterbankConfig, table.get("filterbank", {}), "filterbank").frame_shift_ms / 1000


@dataclass(frozen=True, slots=True)
class Look:
    """One utterance of a run as one system hears it; `at` finds it. Nothing is ever written."""

    run: Path
    system: str
    part: str
    utterance: Utterance
    decoding: DecodeConfig
    graphs_config: GraphConfig
    frame_seconds: float
    """From one frame of the system's features to the next."""

    @classmethod
    def at(cls, run: Path, utterance: str, system: str) -> "Look":
        """Find an utterance of any part of a run.

        Raises:
            InputError: no run, no such utterance, no such system, or stages not done.
        """
        if not (run / SETTINGS).is_file():
            raise InputError(f"{run}: no run begun here; `outergrad prepare` begins one")
        table = read_toml(run / SETTINGS)
        systems = systems_of(run)
        if system not in systems:
            found = f"choose {', '.join(systems)}" if systems else "no system is trained yet"
            raise InputError(f"{run}: no system {system!r}; {found}")
        for part in reversed(PARTS):
            if (run / "prepare" / part).is_dir():
                for candidate in Prepared(run / "prepare").corpus(part):
                    if candidate.id == utterance:
                        return cls(
                            run,
                            system,
                            part,
                            candidate,
                            build(DecodeConfig, table.get("decode", {}), "decode"),
                            build(GraphConfig, table.get("graph", {}), "graph"),
                            _frame_seconds(table, system),
                        )
        raise InputError(
            f"{run}: no utterance {utterance!r}; the ids are in"
            f" {run / 'prepare'}/{{{','.join(PARTS)}}}/text"
        )

    @property
    def tying(self) -> str:
        """States that the system's scores are for."""
        return GMM_SYSTEMS.get(self.system, "tri")

    def scores(self) -> Float32Array:
        """float32 [frame, pdf], acoustic scores, natural log, unscaled."""
        prepared = Prepared(self.run / "prepare")
        if self.system in GMM_SYSTEMS:
            bootstrapped = Bootstrapped(self.run / "bootstrap")
            scorer = gmm_scorer(self.system, self.part, prepared, bootstrapped)
        else:
            scorer = dnn_scorer(self.run / self.system / "model", self.part, prepared)
        return scorer(self.utterance.id)

    def graph(self, lm: str) -> DecodingGraph:
        """The decoding graph.

        Raises:
            InputError: no such language model.
        """
        return graph_of(self.run, self.tying, lm)

    def acoustic_scale(self, lm: str) -> float:
        """κ that the run chose for this system and LM, or the search's own before that."""
        path = self.run / f"decode-{self.system}" / f"{lm}.json"
        if path.is_file():
            return 1.0 / Recognized.load(path).lm_weight
        return self.decoding.search.acoustic_scale

    def lattices(self, lm: str, lattice_beam: float) -> tuple[Lattice, WordLattice]:
        """The lattice of all alignments, and that of one alignment per word string.

        Raises:
            DecodingError: the utterance cannot be decoded.
        """
        graph, scores = self.graph(lm), self.scores()
        config = replace(
            self.decoding.search,
            lattice_beam=lattice_beam,
            acoustic_scale=self.acoustic_scale(lm),
        )
        return decode(graph, scores, config), decode_words(graph, scores, config)

    def alignment(self) -> tuple[AlignedPath, HmmModel]:
        """The forced alignment of the transcript, and the model that explains its transitions.

        Raises:
            InputError: a word without pronunciation.
            AlignmentError: the transcript does not fit the speech.
        """
        hmm = Bootstrapped(self.run / "bootstrap").hmm(self.tying)
        graphs = UtteranceGraphs(Prepared(self.run / "prepare").lexicon(), hmm, self.graphs_config)
        graph = graphs.compile(self.utterance.words)
        return align(graph, self.scores(), AlignConfig()), hmm
