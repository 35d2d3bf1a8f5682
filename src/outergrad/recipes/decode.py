"""Stage `decode`: recognize the tuning and the test set with one system and both LMs."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from outergrad.arrays import Float32Array
from outergrad.bootstrap.frames import GmmFrames
from outergrad.corpus import Corpus
from outergrad.decoder.decoding import decode
from outergrad.decoder.errors import DecodingError
from outergrad.decoder.records import Workspace
from outergrad.evaluation.wer import total_errors, utterance_errors
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.lattice.paths import best_path
from outergrad.nnet.acoustic import AcousticModel
from outergrad.progress import Progress
from outergrad.recipes.models import LMS, Bootstrapped, Graphs
from outergrad.recipes.prepare import Prepared
from outergrad.recipes.settings import DecodeConfig
from outergrad.recipes.stages import write_json

GMM_SYSTEMS = {"mono": "mono", "tri": "tri"}
"""System → state tying; the DNN systems share the triphones' tying."""

Scorer = Callable[[str], Float32Array]
"""utterance id → acoustic scores, float32 [T, P], natural log, unscaled."""

Setting = tuple[int, float]
"""LM weight (1 / acoustic scale) and insertion penalty (nats a word)."""

Hypotheses = dict[str, list[str]]
"""utterance id → recognized words."""


@dataclass(frozen=True, slots=True)
class Recognized:
    """What one system recognized with one LM; written as JSON."""

    lm_weight: int
    """1 / acoustic scale, chosen on the tuning set."""
    insertion_penalty: float
    """Cost per word in nats, chosen on the tuning set."""
    hypotheses: dict[str, list[str]]
    """Test utterance id → words; those that failed have none."""
    failed: dict[str, str]
    """Utterance id, of either set, → why it could not be decoded."""
    tuning: dict[str, float]
    """"weight penalty" → WER of the tuning set in %."""

    @classmethod
    def load(cls, path: Path) -> "Recognized":
        """Read what `run_decode` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def gmm_scorer(system: str, part: str, prepared: Prepared, bootstrapped: Bootstrapped) -> Scorer:
    """Scores of the monophone or triphone GMM."""
    _, gmm = bootstrapped.gmm(GMM_SYSTEMS[system])
    corpus = prepared.corpus(part)
    frames = GmmFrames.of(prepared.mfcc(part), {u.id: u.speaker for u in corpus})
    positions = {utterance: position for position, utterance in enumerate(frames.ids)}
    return lambda utterance: gmm.scores(frames.utterance(positions[utterance]))


def dnn_scorer(model: Path, part: str, prepared: Prepared) -> Scorer:
    """Scores of a DNN."""
    acoustic = AcousticModel.load(model)
    store = prepared.filterbank(part)
    return lambda utterance: acoustic.scores(store.stacked(utterance))


def run_decode(
    folder: Path,
    tying: str,
    scorers: Mapping[str, Scorer],
    prepared: Prepared,
    graphs: Graphs,
    config: DecodeConfig,
    progress: Progress,
) -> Mapping[str, Any]:
    """Choose LM weight and insertion penalty on the tuning set, then recognize the test set.

    Args:
        folder: gets a file per LM.
        tying: "mono" or "tri", the states that the scores are for.
        scorers: "tune" and "test" → scores.
        prepared: corpora.
        graphs: decoding graphs.
        config: beams, weights and penalties to try.
        progress: bars.
    """
    summary: dict[str, Any] = {}
    for lm in LMS:
        graph = graphs.decoding(tying, lm)
        tune, test = prepared.corpus("tune"), prepared.corpus("test")
        grid = [(w, p) for w in config.lm_weights for p in config.insertion_penalties]
        tuned, failed = _recognize(
            graph, tune, scorers["tune"], config, grid, progress, f"tuning set, {lm}"
        )
        weight, penalty, tuning = _choose(tune, tuned)
        at_weight = replace(config, search=replace(config.search, acoustic_scale=1.0 / weight))
        found, failed_test = _recognize(
            graph,
            test,
            scorers["test"],
            at_weight,
            [(weight, penalty)],
            progress,
            f"test set, {lm}",
        )
        hypotheses = found[weight, penalty]
        write_json(
            folder / f"{lm}.json",
            {
                "lm_weight": weight,
                "insertion_penalty": penalty,
                "hypotheses": hypotheses,
                "failed": failed | failed_test,
                "tuning": tuning,
            },
        )
        best = tuning[f"{weight} {penalty}"]
        summary |= {f"{lm}_tune_wer": best, f"{lm}_lm_weight": weight}
    return summary


def _recognize(
    graph: DecodingGraph,
    corpus: Corpus,
    scorer: Scorer,
    config: DecodeConfig,
    settings: Sequence[Setting],
    progress: Progress,
    what: str,
) -> tuple[dict[Setting, Hypotheses], dict[str, str]]:
    """Words of a corpus at each setting, and the reasons of the utterances without.

    Each utterance is decoded once and its lattice read at every setting, then dropped: memory
    does not grow with the corpus.
    """
    local = threading.local()

    def one(utterance: str) -> list[list[str]] | str:
        if not hasattr(local, "workspace"):
            local.workspace = Workspace()
        try:
            lattice = decode(graph, scorer(utterance), config.search, workspace=local.workspace)
        except DecodingError as error:
            return error.reason
        paths = (best_path(lattice, 1.0 / weight, penalty) for weight, penalty in settings)
        return [[graph.words[word] for word in path.words] for path in paths]

    found: dict[Setting, Hypotheses] = {setting: {} for setting in settings}
    failed: dict[str, str] = {}
    with progress.task(what) as advance, ThreadPoolExecutor(config.threads) as pool:
        outcomes = pool.map(one, corpus.ids)
        for done, (utterance, outcome) in enumerate(zip(corpus.ids, outcomes, strict=True), 1):
            if isinstance(outcome, str):
                failed[utterance] = outcome
            else:
                for setting, words in zip(settings, outcome, strict=True):
                    found[setting][utterance] = words
            advance(done, len(corpus))
    return found, failed


def _choose(
    tune: Corpus, tuned: Mapping[Setting, Hypotheses]
) -> tuple[int, float, dict[str, float]]:
    """The weight and penalty with the lowest tuning WER, and the WER of each setting.

    Few tuning words leave many settings about equal; among those within one error of the best,
    the one next to all of them is taken, so that a chance minimum at the rim does not win.
    """
    references = {utterance.id: utterance.words for utterance in tune}
    errors: dict[Setting, int] = {}
    tuning: dict[str, float] = {}
    for (weight, penalty), hypotheses in tuned.items():
        total = total_errors(utterance_errors(references, hypotheses).values())
        errors[weight, penalty] = total.errors
        tuning[f"{weight} {penalty}"] = round(total.rate, 3)
    fewest = min(errors.values())
    close = [setting for setting, count in errors.items() if count <= fewest + 1]
    mean_weight = sum(weight for weight, _ in close) / len(close)
    mean_penalty = sum(penalty for _, penalty in close) / len(close)
    weight, penalty = min(
        close, key=lambda s: (abs(s[0] - mean_weight) + abs(s[1] - mean_penalty), s)
    )
    return weight, penalty, tuning
