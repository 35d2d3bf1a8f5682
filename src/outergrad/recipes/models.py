"""Stages `bootstrap` and `graph`: GMM-HMMs, alignments, language models, decoding graphs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outergrad.bootstrap.aligner import Aligner
from outergrad.bootstrap.em import ALIGNMENTS_FOLDER, HMM_FILE, load_gmm_hmm
from outergrad.bootstrap.frames import GmmFrames
from outergrad.bootstrap.pipeline import bootstrap
from outergrad.errors import InputError
from outergrad.graph.arpa import read_arpa, write_arpa
from outergrad.graph.compile import compile_graph
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.graph.estimation import estimate
from outergrad.graph.ngram import NgramModel
from outergrad.graph.utterance import UtteranceGraphs
from outergrad.graph.words import word_table
from outergrad.hmm.alignment import Alignments
from outergrad.hmm.gmm import DiagonalGmm
from outergrad.hmm.model import HmmModel
from outergrad.kaldi.graph import read_kaldi_graph
from outergrad.kaldi.system import KaldiSystem
from outergrad.progress import Progress
from outergrad.recipes.prepare import Prepared
from outergrad.recipes.settings import Inputs, RunConfig

LMS = ("unigram", "trigram")
"""unigram: the weak LM of training. trigram: the LM of the test, or the one (or graph) given."""

TYINGS = ("mono", "tri")
"""Monophone states; tied triphone states, which the DNN shares with the triphone GMM."""


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    """What stage `bootstrap` left in its folder."""

    folder: Path

    def gmm(self, tying: str) -> tuple[HmmModel, DiagonalGmm]:
        """HMM and mixtures of "mono" or "tri"."""
        hmm, gmm, _ = load_gmm_hmm(self.folder / tying)
        return hmm, gmm

    def hmm(self, tying: str) -> HmmModel:
        """HMM of "mono" or "tri"; a run that starts from a Kaldi system has "tri" only."""
        return HmmModel.load(self.folder / tying / HMM_FILE)

    def alignments(self, part: str) -> Alignments:
        """Triphone alignments of "train" or "tune"."""
        if part == "train":
            return Alignments.load(self.folder / "tri" / ALIGNMENTS_FOLDER)
        return Alignments.load(self.folder / part)

    @property
    def tyings(self) -> tuple[str, ...]:
        """Which of `TYINGS` there are."""
        return tuple(tying for tying in TYINGS if (self.folder / tying / HMM_FILE).is_file())


def run_bootstrap(
    folder: Path, prepared: Prepared, config: RunConfig, progress: Progress
) -> Mapping[str, Any]:
    """Train the GMM-HMMs and align both the training and the tuning speech."""
    lexicon = prepared.lexicon()
    corpus = prepared.corpus("train")
    result = bootstrap(prepared.mfcc("train"), corpus, lexicon, config.bootstrap, progress)
    result.save(folder)
    # Tuning speech is aligned for the held-out frame criterion; words may be unknown there.
    known = [u for u in prepared.corpus("tune") if all(word in lexicon for word in u.words)]
    frames = GmmFrames.of(prepared.mfcc("tune"), {u.id: u.speaker for u in known})
    aligner = Aligner(
        frames,
        {u.id: u.words for u in known},
        lexicon,
        result.triphone.hmm,
        config.bootstrap.alignment,
        threads=config.bootstrap.threads,
    )
    tune = aligner.align(result.triphone.gmm, config.bootstrap.alignment.beam)
    Alignments.from_mapping(tune).save(folder / "tune")
    return {
        "phones": len(result.triphone.hmm.phones),
        "tied_states": result.triphone.hmm.num_pdfs,
        "unaligned": {**result.triphone.failed, **aligner.failed},
    }


@dataclass(frozen=True, slots=True)
class Graphs:
    """What stage `graph` left in its folder."""

    folder: Path

    def decoding(self, tying: str, lm: str) -> DecodingGraph:
        """H C L G for "mono" or "tri" and "unigram" or "trigram", memory-mapped."""
        return DecodingGraph.load(self.folder / f"{tying}-{lm}")

    def lm(self, lm: str) -> NgramModel | None:
        """The language model; None when the graph was given and nobody knows its model."""
        path = self.folder / f"{lm}.arpa"
        return read_arpa(path) if path.is_file() else None


def run_graph(
    folder: Path,
    inputs: Inputs,
    prepared: Prepared,
    bootstrapped: Bootstrapped,
    config: RunConfig,
    progress: Progress,
) -> Mapping[str, Any]:
    """Estimate or read the language models; compile a graph per model and LM."""
    lexicon = prepared.lexicon()
    for name, lm in _language_models(inputs, prepared, config, progress).items():
        write_arpa(lm, folder / f"{name}.arpa")
    summary: dict[str, Any] = {}
    names = [name for name in LMS if (folder / f"{name}.arpa").is_file()]
    wanted = [(tying, name) for tying in bootstrapped.tyings for name in names]
    with progress.task("compiling decoding graphs") as advance:
        for done, (tying, name) in enumerate(wanted):
            advance(done, len(wanted))
            hmm = bootstrapped.hmm(tying)
            # Read back, so that a given ARPA file and an estimated model go the same way.
            lm = read_arpa(folder / f"{name}.arpa")
            graph = compile_graph(lm, lexicon, hmm, config.graph, notice=progress.note)
            graph.save(folder / f"{tying}-{name}")
            summary[f"{tying}_{name}_states"] = graph.num_states
    if inputs.kaldi is not None and inputs.hclg is not None:
        system = KaldiSystem.read(Path(inputs.kaldi))
        graph = read_kaldi_graph(Path(inputs.hclg), system, word_table(lexicon), progress.note)
        graph.save(folder / "tri-trigram")
        summary["tri_trigram_states"] = graph.num_states
    return summary


def _language_models(
    inputs: Inputs, prepared: Prepared, config: RunConfig, progress: Progress
) -> dict[str, NgramModel]:
    """The unigram is always that of the training transcripts: it is part of the criterion."""
    transcripts = prepared.corpus("train").sentences
    text = list(transcripts)
    if inputs.lm_text is not None:
        text += _sentences(Path(inputs.lm_text))
    lexicon = prepared.lexicon()
    in_text = {word for sentence in text for word in sentence if word in lexicon}
    vocabulary = sorted(lexicon) if config.lm.vocabulary == "lexicon" else sorted(in_text)
    unknown = sum(word not in lexicon for sentence in text for word in sentence)
    if unknown:
        progress.note(f"  {unknown} words of the LM text are not in the lexicon and do not count")
    models = {"unigram": estimate(transcripts, 1, "witten-bell", vocabulary)}
    if inputs.hclg is not None:
        return models  # the graph for the test is given
    if inputs.lm is not None:
        models["trigram"] = read_arpa(Path(inputs.lm))
    else:
        models["trigram"] = estimate(text, config.lm.order, config.lm.method, vocabulary)
    return models


def _sentences(path: Path) -> list[tuple[str, ...]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot read the LM text: {error}") from error
    return [tuple(line.split()) for line in lines if line.strip()]


def reference_graphs(
    prepared: Prepared, bootstrapped: Bootstrapped, graphs: Graphs, config: RunConfig
) -> UtteranceGraphs:
    """Graphs of reference transcripts, with the unigram's costs, for numerators."""
    hmm = bootstrapped.hmm("tri")
    return UtteranceGraphs(prepared.lexicon(), hmm, config.graph, graphs.lm("unigram"))
