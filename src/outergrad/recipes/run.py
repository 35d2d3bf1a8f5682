"""The recipe: stages in order, what each depends on, and the results of all of them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

import msgspec

from outergrad import __version__
from outergrad.config import digest, to_table, to_toml
from outergrad.criteria.config import Kind
from outergrad.errors import InputError
from outergrad.kaldi.graph import HCLG, WORDS
from outergrad.kaldi.system import files_read, require_files
from outergrad.nnet.precision import check_device
from outergrad.progress import Progress
from outergrad.recipes.ce import run_ce
from outergrad.recipes.decode import GMM_SYSTEMS, Scorer, dnn_scorer, gmm_scorer, run_decode
from outergrad.recipes.kaldi import run_kaldi
from outergrad.recipes.models import Bootstrapped, Graphs, run_bootstrap, run_graph
from outergrad.recipes.package import acoustic_model_in, best_system, package
from outergrad.recipes.prepare import Prepared, check_features, prepare
from outergrad.recipes.score import word_error_table
from outergrad.recipes.sequence import run_sequence
from outergrad.recipes.settings import Inputs, RateScales, RunConfig, read_config
from outergrad.recipes.stages import (
    INPUTS,
    SETTINGS,
    RunDirectory,
    Stamp,
    fingerprint,
    write_json,
)
from outergrad.report.page import write_report
from outergrad.report.tables import wer_table
from outergrad.report.tensorboard import require_tensorboard

BEFORE, AFTER = ("prepare", "bootstrap", "graph", "ce"), ("decode", "score")
"""Stages before and after those of the sequence criteria, each of which starts from `ce`."""

NOT_TRAINED: Mapping[str, Any] = {"staleness": {}, "frames": {}, "utterances": {}}
"""What a run without sequence training has to say about it."""


class Recipe:
    """From recordings to the table CE → sequence criteria, in one run directory.

    Args:
        path: run directory.
        inputs: data.
        config: settings.
        progress: where stages say what they do.

    Raises:
        InputError: curves for TensorBoard are wanted and it is not installed, or features are
            wanted that the data do not come with.
    """

    def __init__(self, path: Path, inputs: Inputs, config: RunConfig, progress: Progress) -> None:
        if config.tensorboard:
            require_tensorboard()  # now, not after an hour of other stages
        check_features(inputs, config)
        self.directory = RunDirectory(path, progress)
        self.inputs = inputs
        self.config = config
        self.progress = progress
        self.prepared = Prepared(self.directory.folder("prepare"))
        self.bootstrapped = Bootstrapped(self.directory.folder("bootstrap"))
        self.graphs = Graphs(self.directory.folder("graph"))

    @classmethod
    def begin(
        cls,
        path: Path,
        inputs: Inputs,
        config: Path | None,
        settings: Sequence[str],
        seed: int | None,
        progress: Progress,
    ) -> Self:
        """A run with the given inputs; they and the resolved settings are written down.

        Raises:
            InputError: a wrong setting, or the directory cannot be written.
        """
        return cls.of(path, inputs, config, settings, seed, progress).remembered()

    @classmethod
    def of(
        cls,
        path: Path,
        inputs: Inputs,
        config: Path | None,
        settings: Sequence[str],
        seed: int | None,
        progress: Progress,
    ) -> Self:
        """The same with nothing written."""
        return cls(path, inputs, read_config(config, settings, seed), progress)

    @classmethod
    def resume(
        cls,
        path: Path,
        settings: Sequence[str],
        progress: Progress,
        criterion: Kind | None = None,
    ) -> Self:
        """The run that `begin` began in this directory, with settings changed if any are given.

        A `criterion` that the run does not have yet is added to it.

        Raises:
            InputError: there is no run, or a wrong setting.
        """
        try:
            inputs = msgspec.convert(json.loads((path / INPUTS).read_bytes()), Inputs)
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path}: no run begun here; `outergrad prepare` begins one"
            ) from error
        config = read_config(path / SETTINGS, settings)
        if criterion is not None and criterion not in config.criteria:
            config = replace(config, criteria=(*config.criteria, criterion))
        return cls(path, inputs, config, progress).remembered()

    def require_own_place(self) -> None:
        """Refuse a directory with files of others that the run would delete or overwrite.

        Raises:
            InputError: names what is in the way.
        """
        stages = (*BEFORE, *self.config.criteria, *(f"decode-{s}" for s in self.systems), "score")
        self.directory.require_own((*stages, "model"), to_toml(self.config))

    def remembered(self) -> Self:
        """Write inputs and resolved settings into the directory, for `resume` and for people.

        Raises:
            InputError: files of others are in the way, or the directory cannot be written.
        """
        self.require_own_place()
        with self.directory.locked():
            write_json(self.directory.path / INPUTS, to_table(self.inputs))
            self.directory.keep_settings(self.config)
        return self

    def all(self) -> dict[str, Any]:
        """Every stage; returns what results.json holds."""
        return self.through(AFTER[-1])

    def through(self, last: str) -> dict[str, Any]:
        """All stages up to `last` that are not done yet; of the criteria only `last`, if it is one.

        Returns:
            What results.json holds; empty before stage score.

        Raises:
            InputError: a device is needed that is not there; many more in the stages.
        """
        self.require_device(last)
        with self.directory.locked():
            done = self.stamps(last)
            if last != "score":
                return {}
            return self._results(done)

    def require_device(self, last: str) -> None:
        """Refuse to begin what could not be trained on this machine, hours before its turn comes.

        What is trained already can be decoded and scored without the device.

        Raises:
            InputError: a criterion up to stage `last` is still to be trained on a GPU, and there
                is none.
        """
        kinds = [stage for stage in self._stages(last) if isinstance(stage, Kind)]
        if any(self.directory.stamp(kind) is None for kind in kinds):
            check_device(self.config.sequence.device)

    def stamps(self, last: str) -> dict[str, Stamp]:
        """Do what is to be done up to stage `last`; the stamps of all stages."""
        done: dict[str, Stamp] = {}
        for stage in self._stages(last):
            work = partial(self._sequence, stage) if isinstance(stage, Kind) else None
            done |= (work or getattr(self, f"_{stage}"))(done)
        return done

    def _stages(self, last: str) -> tuple[str, ...]:
        if last in BEFORE:
            return BEFORE[: BEFORE.index(last) + 1]
        if last in AFTER:
            return (*BEFORE, *self.config.criteria, *AFTER[: AFTER.index(last) + 1])
        return (*BEFORE, Kind(last))

    @property
    def systems(self) -> tuple[str, ...]:
        """What is decoded and scored, in the order of training."""
        # A Kaldi system's GMMs stay where they are.
        gmms = GMM_SYSTEMS if self.inputs.kaldi is None else ()
        return (*gmms, "ce", *(kind.value for kind in self.config.criteria))

    def _run(
        self, stage: str, depends: Mapping[str, Any], work: Callable[[Path], Mapping[str, Any]]
    ) -> dict[str, Stamp]:
        return {stage: self.directory.run(stage, depends, work)}

    def _prepare(self, done: Mapping[str, Stamp]) -> dict[str, Stamp]:
        config, inputs = self.config, self.inputs
        paths = [inputs.train, inputs.test, inputs.lexicon, *([inputs.dev] if inputs.dev else [])]
        depends = {
            "inputs": [fingerprint(Path(path)) for path in paths],
            "config": [config.corpus, config.filterbank, config.mfcc],
            "input": [config.normalisation, config.context],
            "seed": config.seed,
            **self._kaldi(),
        }
        return self._run(
            "prepare", depends, lambda folder: prepare(folder, inputs, config, self.progress)
        )

    def _kaldi(self) -> dict[str, list[str]]:
        """What prepare and bootstrap depend on besides, when the run starts from a Kaldi system."""
        if self.inputs.kaldi is None:
            return {}
        require_files(Path(self.inputs.kaldi))
        files = [fingerprint(path) for path in files_read(Path(self.inputs.kaldi))]
        return {"kaldi": [*files, self.config.features]}

    def _bootstrap(self, done: Mapping[str, Stamp]) -> dict[str, Stamp]:
        depends = {"prepare": done["prepare"].digest, "config": self.config.bootstrap}
        source = self.inputs.kaldi

        def work(folder: Path) -> Mapping[str, Any]:
            if source is None:
                return run_bootstrap(folder, self.prepared, self.config, self.progress)
            return run_kaldi(folder, Path(source), self.prepared, self.config, self.progress)

        return self._run("bootstrap", depends, work)

    def _graph(self, done: Mapping[str, Stamp]) -> dict[str, Stamp]:
        texts = [path for path in (self.inputs.lm, self.inputs.lm_text) if path is not None]
        depends: dict[str, Any] = {
            "bootstrap": done["bootstrap"].digest,
            "config": [self.config.graph, self.config.lm],
            "texts": [fingerprint(Path(path)) for path in texts],
        }
        if self.inputs.hclg is not None:
            given = [Path(self.inputs.hclg) / name for name in (HCLG, WORDS)]
            depends["hclg"] = [fingerprint(path) for path in given if path.is_file()]
        return self._run(
            "graph",
            depends,
            lambda folder: run_graph(
                folder, self.inputs, self.prepared, self.bootstrapped, self.config, self.progress
            ),
        )

    def _ce(self, done: Mapping[str, Stamp]) -> dict[str, Stamp]:
        init = self.inputs.init
        depends = {
            "bootstrap": done["bootstrap"].digest,
            "config": [self.config.dnn, self.config.ce],
            "init": fingerprint(acoustic_model_in(Path(init))) if init is not None else None,
            "seed": self.config.seed,
        }
        return self._run(
            "ce",
            depends,
            lambda folder: run_ce(
                folder,
                self.directory.path,
                self.inputs,
                self.prepared,
                self.bootstrapped,
                self.config,
                self.progress,
            ),
        )

    def _sequence(self, kind: Kind, done: Mapping[str, Stamp]) -> dict[str, Stamp]:
        sequence = self.config.sequence
        depends = {
            "ce": done["ce"].digest,
            "graph": done["graph"].digest,
            # Other criteria's rates are nothing to this one.
            "config": [
                replace(sequence, rate_scale=RateScales()),
                self.config.engine,
                *self.config.engine_settings(),
            ],
            "rate_scale": sequence.rate_scale.of(kind),
            "seed": self.config.seed,
        }
        return self._run(
            kind.value,
            depends,
            lambda folder: run_sequence(
                folder, self.directory.path, self.config, self.progress, kind
            ),
        )

    def _decode(self, done: Mapping[str, Stamp]) -> dict[str, Stamp]:
        stamps: dict[str, Stamp] = {}
        for system in self.systems:
            model = "bootstrap" if system in GMM_SYSTEMS else system
            depends = {
                "model": done[model].digest,
                "graph": done["graph"].digest,
                "config": self.config.decode,
            }
            stamps |= self._run(
                f"decode-{system}",
                depends,
                lambda folder, system=system: run_decode(  # type: ignore[misc]
                    folder,
                    GMM_SYSTEMS.get(system, "tri"),
                    {part: self._scorer(system, part) for part in ("tune", "test")},
                    self.prepared,
                    self.graphs,
                    self.config.decode,
                    self.progress,
                ),
            )
        return stamps

    def _scorer(self, system: str, part: str) -> Scorer:
        if system in GMM_SYSTEMS:
            return gmm_scorer(system, part, self.prepared, self.bootstrapped)
        return dnn_scorer(self.directory.folder(system) / "model", part, self.prepared)

    def _score(self, done: Mapping[str, Stamp]) -> dict[str, Stamp]:
        depends = {
            "decode": {system: done[f"decode-{system}"].digest for system in self.systems},
            "config": self.config.score,
            "seed": self.config.seed,
        }

        def work(folder: Path) -> Mapping[str, Any]:
            decoded = {s: self.directory.folder(f"decode-{s}") for s in self.systems}
            table = word_error_table(decoded, self.prepared, self.config)
            write_json(folder / "errors.json", table)
            return {}

        return self._run("score", depends, work)

    def _results(self, done: Mapping[str, Stamp]) -> dict[str, Any]:
        """Gather the numbers of all stages, write results.json and the report, show the table."""
        path = self.directory.path
        errors = json.loads((self.directory.folder("score") / "errors.json").read_text())
        sequence = {kind.value: done[kind.value].summary for kind in self.config.criteria}
        first = next(iter(sequence.values()), NOT_TRAINED)
        results: dict[str, Any] = {
            **errors,
            "seconds": {stage: stamp.seconds for stage, stamp in done.items()},
            # Of the first criterion; those of all are in "sequence".
            "staleness": first["staleness"],
            "frames": first["frames"],
            "utterances": {
                **first["utterances"],
                "not_aligned": done["bootstrap"].summary["unaligned"],
            },
            "sequence": sequence,
            "stages": {
                stage: stamp.summary for stage, stamp in done.items() if stage not in sequence
            },
            "engine": self.config.engine,
            "replicas": self.config.sequence.training.replicas,
            "seed": self.config.seed,
            "data": {
                # Two parts of the path: "an4/train" says more than "train", and no more than that.
                key: "/".join(Path(path).parts[-2:])
                for key, path in to_table(self.inputs).items()
                if path
            },
            "digest": digest(self.config, {s: stamp.digest for s, stamp in done.items()}),
            "version": __version__,
            "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        }
        write_json(path / "results.json", results)
        report = write_report(path)
        model = package(path, best_system(path, self.systems), self.config, results)
        self.progress.show(wer_table(results))
        self.progress.note(f"results: {path / 'results.json'}\nreport:  {report}\nmodel:   {model}")
        return results
