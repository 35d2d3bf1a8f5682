"""Stage `prepare`: check the data, choose held-out speakers, compute features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outergrad.corpus import (
    Corpus,
    Lexicon,
    Problem,
    bad_utterances,
    check_corpus,
    read_kaldi_directory,
    read_lexicon,
    render_problems,
    require_mostly_good,
    write_kaldi_directory,
    write_lexicon,
    write_problems,
)
from outergrad.corpus.layouts import Layout, read_corpus
from outergrad.corpus.respelling import respell
from outergrad.errors import InputError
from outergrad.features.extract import FrontEnd, extract, store_features
from outergrad.features.normalisation import Statistics
from outergrad.features.store import FeatureStore
from outergrad.gradient.frames import hold_out_speakers
from outergrad.kaldi.features import KaldiFeatures
from outergrad.kaldi.system import KaldiSystem
from outergrad.progress import Advance, Progress
from outergrad.recipes.settings import Inputs, RunConfig

PARTS = ("train", "tune", "test")
"""train: what models learn from. tune: other speakers, for learning rates, LM weight and
insertion penalty; --dev or held-out training speakers. test: what is reported."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What stage `prepare` left in its folder."""

    folder: Path

    def corpus(self, part: str) -> Corpus:
        """The good utterances of "train", "tune" or "test"."""
        return read_kaldi_directory(self.folder / part, name=part)[0]

    def lexicon(self) -> Lexicon:
        """The pronunciation lexicon."""
        return read_lexicon(self.folder / "lexicon.txt")[0]

    def filterbank(self, part: str) -> FeatureStore:
        """Normalised log-mel filterbank features, stacked as the DNN takes them."""
        return FeatureStore.open(self.folder / f"filterbank-{part}.features")

    def mfcc(self, part: str) -> FeatureStore:
        """MFCCs as they are, for the GMMs."""
        return FeatureStore.open(self.folder / f"mfcc-{part}.features")


def prepare(
    folder: Path, inputs: Inputs, config: RunConfig, progress: Progress
) -> Mapping[str, Any]:
    """Fill the folder; returns counts and minutes per part.

    Raises:
        InputError: nothing readable, or too many utterances are bad.
    """
    lexicon, problems = read_lexicon(Path(inputs.lexicon))
    given = _given(inputs, config)
    if inputs.kaldi is not None:
        lexicon = KaldiSystem.read(Path(inputs.kaldi)).lexicon(lexicon, inputs.lexicon)
    parts: dict[str, Corpus] = {}
    found: list[Problem] = list(problems)
    named = {"train": inputs.train, "tune": inputs.dev, "test": inputs.test}
    for part, path in named.items():
        if path is None:
            continue
        corpus, wrong = read_input(Path(path), part, lexicon, progress)
        with progress.task(f"checking {path}") as advance:
            # A test word that the lexicon lacks is an error of the recognizer: it counts.
            good, more = check_corpus(
                corpus,
                lexicon,
                config.corpus.check,
                unknown_words=part == "train",
                progress=advance,
            )
        if part in given:
            good, lacking = given[part].present(good)
            more += lacking
        parts[part] = good
        found += wrong + more
        stop_if_mostly_bad(good, [*wrong, *more], config, folder, found, progress)
    write_problems(found, folder)
    if found:
        progress.show(render_problems(found))
    if "tune" not in parts:
        speakers = {utterance.id: utterance.speaker for utterance in parts["train"]}
        rest, held_out = hold_out_speakers(speakers, config.corpus.held_out, config.seed)
        parts["tune"] = parts["train"].select(held_out, "tune")
        parts["train"] = parts["train"].select(rest, "train")
    write_lexicon(lexicon, folder / "lexicon.txt")
    summary: dict[str, Any] = {"left_out": len(bad_utterances(found))}
    statistics: Statistics | None = None
    for part in PARTS:
        corpus = parts[part]
        write_kaldi_directory(corpus, folder / part)
        store = folder / f"filterbank-{part}.features"
        with progress.task(f"filterbank of {part}") as advance:
            _store(corpus, store, given.get(part), config, statistics, advance)
        opened = FeatureStore.open(store)
        # Other data are scaled as the training data were; only speaker means are their own.
        statistics = statistics or FrontEnd.of_store(opened).statistics
        if inputs.kaldi is None:  # they are for the GMMs of the bootstrap
            with progress.task(f"MFCC of {part}") as advance:
                extract(corpus, config.mfcc, folder / f"mfcc-{part}.features", progress=advance)
        minutes = opened.total_frames * config.filterbank.frame_shift_ms / 60_000
        summary[part] = f"{len(corpus)} utterances {minutes:.1f} min"
    return summary


def check_features(inputs: Inputs, config: RunConfig) -> None:
    """Raise InputError unless the DNN's features go with what the run starts from."""
    if config.features == "kaldi" and inputs.kaldi is None:
        raise InputError("features=kaldi goes with --kaldi DIR: the GMMs of a bootstrap need MFCC")


def _given(inputs: Inputs, config: RunConfig) -> dict[str, KaldiFeatures]:
    """Part → features that Kaldi computed; empty when they are computed here."""
    if config.features == "filterbank":
        return {}
    check_features(inputs, config)
    tune = inputs.train if inputs.dev is None else inputs.dev
    folders = {"train": inputs.train, "tune": tune, "test": inputs.test}
    return {part: KaldiFeatures.read(Path(folder)) for part, folder in folders.items()}


def _store(
    corpus: Corpus,
    store: Path,
    given: KaldiFeatures | None,
    config: RunConfig,
    statistics: Statistics | None,
    advance: Advance,
) -> None:
    """Write the DNN's features of a part, computed from the audio or `given`."""
    left, right = config.context.left, config.context.right
    if given is None:
        extract(
            corpus,
            config.filterbank,
            store,
            config.normalisation,
            left,
            right,
            reference=statistics,
            progress=advance,
        )
        return
    store_features(
        corpus,
        given.config(config.filterbank.frame_shift_ms),
        given.of(corpus),
        store,
        config.normalisation,
        left,
        right,
        reference=statistics,
        progress=advance,
    )


def read_input(
    path: Path, name: str, lexicon: Lexicon, progress: Progress
) -> tuple[Corpus, list[Problem]]:
    """A corpus in any known layout, in the lexicon's spelling; says which layout it found.

    Kaldi data directories are taken literally, as Kaldi does; in all other layouts transcripts
    are running text.
    """
    corpus, problems, layout = read_corpus(path, name)
    progress.note(f"  {path}: {layout}, {len(corpus)} utterances")
    if layout is Layout.KALDI:
        return corpus, problems
    corpus, notices = respell(corpus, lexicon)
    return corpus, problems + notices


def stop_if_mostly_bad(
    good: Corpus,
    problems: Sequence[Problem],
    config: RunConfig,
    folder: Path,
    found: Sequence[Problem],
    progress: Progress,
) -> None:
    """Everything found so far is shown and written before the run stops."""
    try:
        require_mostly_good(len(good), problems, config.corpus.max_bad, name=good.name)
    except Exception:
        write_problems(found, folder)
        progress.show(render_problems(found))
        raise
