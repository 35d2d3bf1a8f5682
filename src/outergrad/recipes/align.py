"""Aligning a corpus: with a trained model, or from nothing (bootstrap first)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from outergrad.bootstrap.pipeline import bootstrap
from outergrad.config import build, parse_overrides, to_toml
from outergrad.corpus import (
    Problem,
    bad_utterances,
    check_corpus,
    read_kaldi_directory,
    read_lexicon,
    render_problems,
    write_kaldi_directory,
    write_lexicon,
    write_problems,
)
from outergrad.corpus.problems import Kind
from outergrad.errors import InputError, RunError
from outergrad.features.extract import extract
from outergrad.features.store import FeatureStore
from outergrad.progress import Progress
from outergrad.recipes.models import Bootstrapped
from outergrad.recipes.prepare import read_input, stop_if_mostly_bad
from outergrad.recipes.settings import RunConfig
from outergrad.recipes.stages import RunDirectory, fingerprint
from outergrad.recognizer.alignment import Aligned, align_corpus, merged_lexicon
from outergrad.recognizer.directory import MANIFEST, read_manifest
from outergrad.recognizer.gmm_model import GmmModel, GmmModelConfig, load_aligning_model
from outergrad.recognizer.output import AlignmentWriter
from outergrad.recognizer.timing import time_words


def align_with_model(
    model_path: Path, data: Path, out: Path, lexicon_path: Path | None, progress: Progress
) -> dict[str, Any]:
    """Align a corpus with a trained model, a network or a GMM.

    Args:
        model_path: model directory, of a run or of `align_from_nothing`.
        data: corpus in any known layout.
        out: folder for the alignments.
        lexicon_path: pronunciations of words that the model's lexicon lacks.
        progress: bars and notes.

    Returns:
        Counts: aligned, failed, and seconds of speech.

    Raises:
        InputError: nothing readable.
        RunError: no utterance could be aligned, or `out` cannot be written.
    """
    model = load_aligning_model(model_path)
    more = read_lexicon(lexicon_path)[0] if lexicon_path is not None else None
    lexicon = merged_lexicon(model, more)
    with RunDirectory(out, progress).locked():
        corpus, problems = read_input(data, data.resolve().name, lexicon, progress)
        seconds = 0.0
        aligned = 0
        with AlignmentWriter(out) as writer, progress.task("aligning") as advance:
            results = align_corpus(model, lexicon, corpus)
            for done, (_, result) in enumerate(results, start=1):
                if isinstance(result, Problem):
                    problems.append(result)
                else:
                    writer.write(result)
                    aligned += 1
                    seconds += result.seconds
                advance(done, len(corpus))
        return _finish(out, aligned, seconds, problems, progress)


def align_from_nothing(
    data: Path, lexicon_path: Path, out: Path, settings: Sequence[str], progress: Progress
) -> dict[str, Any]:
    """Train a triphone GMM on a corpus; write the alignments that it ends with, and the model.

    Stages `prepare` and `bootstrap` are kept in `out`, so that an interrupted command goes on; the
    model is in the folder ``model``.
    Arguments, result and errors are those of `align_with_model`.
    """
    config = build(RunConfig, parse_overrides(settings), "--set")
    run = RunDirectory(out, progress)
    run.require_own(("prepare", "bootstrap", "model"), to_toml(config))
    with run.locked():
        run.keep_settings(config)
        prepared = run.run(
            "prepare",
            {
                "inputs": [fingerprint(data), fingerprint(lexicon_path)],
                "config": [config.corpus, config.mfcc],
            },
            lambda folder: _prepare(folder, data, lexicon_path, config, progress),
        )
        trained = run.run(
            "bootstrap",
            {"prepare": prepared.digest, "config": config.bootstrap},
            lambda folder: _bootstrap(folder, run.folder("prepare"), config, progress),
        )
        _package(out / "model", run, config, trained.digest, data)
        return _write(out, run, config, progress)


def _package(
    directory: Path, run: RunDirectory, config: RunConfig, digest: str, data: Path
) -> None:
    """Write the trained GMM as a model directory, unless this very one is there."""
    if (directory / MANIFEST).is_file():
        try:
            if read_manifest(directory)["about"].get("digest") == digest:
                return
        except InputError:
            pass  # damaged, or something else: written anew
    hmm, gmm = Bootstrapped(run.folder("bootstrap")).gmm("tri")
    lexicon = read_lexicon(run.folder("prepare") / "lexicon.txt")[0]
    # Utterances were aligned with the weights that graphs have by default.
    model = GmmModel(hmm, gmm, lexicon, GmmModelConfig(config.mfcc))
    model.save(directory, {"data": data.resolve().name, "digest": digest})


def _prepare(
    folder: Path, data: Path, lexicon_path: Path, config: RunConfig, progress: Progress
) -> Mapping[str, Any]:
    lexicon, problems = read_lexicon(lexicon_path)
    corpus, wrong = read_input(data, data.resolve().name, lexicon, progress)
    with progress.task(f"checking {data}") as advance:
        good, more = check_corpus(corpus, lexicon, config.corpus.check, progress=advance)
    found = [*problems, *wrong, *more]
    stop_if_mostly_bad(good, [*wrong, *more], config, folder, found, progress)
    write_problems(found, folder)
    if found:
        progress.show(render_problems(found))
    write_lexicon(lexicon, folder / "lexicon.txt")
    write_kaldi_directory(good, folder / "speech")
    with progress.task("MFCC") as advance:
        extract(good, config.mfcc, folder / "mfcc.features", progress=advance)
    return {"left_out": len(bad_utterances(found)), "utterances": len(good)}


def _bootstrap(
    folder: Path, prepared: Path, config: RunConfig, progress: Progress
) -> Mapping[str, Any]:
    corpus = read_kaldi_directory(prepared / "speech")[0]
    lexicon = read_lexicon(prepared / "lexicon.txt")[0]
    mfcc = FeatureStore.open(prepared / "mfcc.features")
    result = bootstrap(mfcc, corpus, lexicon, config.bootstrap, progress)
    result.save(folder)
    return {
        "phones": len(result.triphone.hmm.phones),
        "tied_states": result.triphone.hmm.num_pdfs,
        "unaligned": dict(result.triphone.failed),
    }


def _write(out: Path, run: RunDirectory, config: RunConfig, progress: Progress) -> dict[str, Any]:
    prepared = run.folder("prepare")
    corpus = read_kaldi_directory(prepared / "speech")[0]
    lexicon = read_lexicon(prepared / "lexicon.txt")[0]
    bootstrapped = Bootstrapped(run.folder("bootstrap"))
    hmm = bootstrapped.hmm("tri")
    alignments = bootstrapped.alignments("train")
    stamp = run.stamp("bootstrap")
    failed = stamp.summary["unaligned"] if stamp is not None else {}
    problems = [
        Problem(Kind.NOT_ALIGNED, f"no path: {reason}", utterance=utterance)
        for utterance, reason in failed.items()
    ]
    seconds = 0.0
    shift = config.mfcc.frame_shift_ms / 1000
    with AlignmentWriter(out) as writer:
        for utterance in corpus:
            if utterance.id not in alignments:
                continue
            transition_ids = alignments[utterance.id]
            length = round(len(transition_ids) * shift, 3)
            timing = time_words(utterance.words, transition_ids, lexicon, hmm, shift)
            writer.write(Aligned(utterance.id, length, timing, None))
            seconds += length
    return _finish(out, len(alignments), seconds, problems, progress)


def _finish(
    out: Path, aligned: int, seconds: float, problems: list[Problem], progress: Progress
) -> dict[str, Any]:
    write_problems(problems, out)
    if problems:
        progress.show(render_problems(problems))
    failed = len(bad_utterances(problems))
    progress.note(
        f"{aligned} utterances aligned ({seconds / 60:.1f} min), {failed} not; "
        f"in {out}: textgrids/, words.ctm, phones.ctm, alignments.jsonl"
        + (f"; model: {out / 'model'}" if (out / "model" / MANIFEST).is_file() else "")
    )
    if not aligned:
        raise RunError(f"no utterance could be aligned; {out / 'bad_utterances.tsv'} says why")
    return {"aligned": aligned, "failed": failed, "seconds": round(seconds, 2), "out": str(out)}
