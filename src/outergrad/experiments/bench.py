"""Runs cells on speech: a run directory for each, sharing the stages up to CE by seed."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

from outergrad.config import digest, to_table
from outergrad.criteria.frame_error import frame_errors
from outergrad.engine.simulated.config import CLUSTER, SimulatedConfig
from outergrad.errors import DivergedError
from outergrad.evaluation.wer import WordErrors, utterance_errors
from outergrad.experiments.cell import Cell, CellResult, Errors
from outergrad.experiments.estimate import Estimate
from outergrad.experiments.jobs import side_by_side
from outergrad.experiments.passes import passes
from outergrad.gradient.threads import torch_threads
from outergrad.nnet.acoustic import AcousticModel
from outergrad.progress import Progress, Silent
from outergrad.recipes.calibration import Calibration, calibrate
from outergrad.recipes.ce import pdf_targets
from outergrad.recipes.decode import Recognized
from outergrad.recipes.models import LMS
from outergrad.recipes.run import Recipe
from outergrad.recipes.settings import Inputs, RunConfig
from outergrad.recipes.stages import STAMP, RunDirectory, write_json
from outergrad.records import read_records

CELL = "cell.json"
"""In a cell's folder: what it is called, and why it has no result if it ran away."""

_Name = tuple[str, bool, bool]
"""Digest of a cell, and what is looked at in it."""

OF_CELLS = ("seed", "engine", "simulated", "criteria", "sequence", "score")
"""Settings that the stages up to CE do not depend on, the seed apart."""


class DnnRecipe(Recipe):
    """A run that recognizes with its networks only, not with the GMMs before them."""

    @property
    def systems(self) -> tuple[str, ...]:
        """What is decoded and scored."""
        return ("ce", *(kind.value for kind in self.config.criteria))


class RunBench:
    """Cells as run directories in ``cells``, base runs in ``base``; digests of settings and data
    are their names.

    Args:
        out: folder of all experiments on these data.
        inputs: the data.
        config: settings that all cells start from.
        seeds: of the experiments.
        quick: whether experiments are to be smaller.
        progress: where it says what it does.
        jobs: cells at a time, of those that take one core.
    """

    def __init__(
        self,
        out: Path,
        inputs: Inputs,
        config: RunConfig,
        seeds: Sequence[int],
        quick: bool,
        progress: Progress,
        jobs: int = 1,
    ) -> None:
        self.out = out
        self.inputs = inputs
        self.config = config
        self.seeds = tuple(seeds)
        self.quick = quick
        self.progress = progress
        self.jobs = jobs
        # Sizes of --quick and others' settings live side by side; sequence training is the cells'.
        own = {k: v for k, v in to_table(config).items() if k not in OF_CELLS}
        self._name = digest(own, inputs)
        self._data = digest(inputs)
        self._based: set[tuple[int, str]] = set()
        self._measured: Calibration | None = None

    def base(self, seed: int, last: str = "ce") -> Path:
        """The run of a seed through stage `last`; all experiments share it."""
        folder = self.out / "base" / f"seed-{seed}-{self._name}"
        if (seed, last) not in self._based:
            config = replace(self.config, seed=seed, criteria=())
            DnnRecipe(folder, self.inputs, config, self.progress).remembered().through(last)
            self._based.add((seed, last))
        return folder

    def calibration(self) -> Calibration:
        """Measured with the first seed's CE model, once."""
        if self._measured is None:
            self._measured = self._calibrate()
        return self._measured

    def _calibrate(self) -> Calibration:
        base = self.base(self.seeds[0])

        def work(folder: Path) -> Mapping[str, Any]:
            return {"calibration": to_table(calibrate(base))}

        # Beside the model that they belong to: other seeds or sizes first do not change them.
        directory = RunDirectory(base, self.progress)
        stamp = directory.run("costs", {"model": _stamp(base, "ce")["digest"]}, work)
        return Calibration.of(stamp.summary["calibration"], "costs")

    def costs(self) -> SimulatedConfig:
        """From the calibration; every worker and every shard has a machine of its own."""
        known = self.calibration()
        return replace(known.costs(), network=replace(CLUSTER, update=known.update))

    def run(self, cells: Sequence[Cell]) -> list[CellResult]:
        """Run what is not done yet, several at a time where each takes one core."""
        found: dict[_Name, CellResult] = {}
        waiting: dict[str, Cell] = {}
        for cell in filter(self._can_wait, cells):
            waiting.setdefault(cell.digest(self.config), cell)
        if len(waiting) > 1:
            found.update(self._together(list(waiting.values())))
        results: list[CellResult] = []
        estimate = Estimate(len(cells))
        for number, cell in enumerate(cells, start=1):
            name = self._name_of(cell)
            if name in found:
                # Of equal cells, which differ in what they are called, one was run.
                results.append(replace(found[name], cell=cell))
                continue
            self._say(f"cell {number} of {len(cells)}", cell, estimate.left(number - 1))
            result, seconds = self._timed(cell)
            results.append(result)
            estimate.took(seconds)
        return results

    def _can_wait(self, cell: Cell) -> bool:
        """Whether it is still to be done and may be done beside others."""
        if self.jobs == 1 or not cell.takes_one_core(self.config):
            return False
        if _ran_away(self.folder(cell)) is not None:
            return False
        last = f"decode-{self._stage(cell)}" if cell.test else self._stage(cell)
        return not (self.folder(cell) / last / STAMP).exists()

    def _name_of(self, cell: Cell) -> "_Name":
        """What the result of a cell depends on."""
        return cell.digest(self.config), cell.test, cell.frames

    def _together(self, cells: Sequence[Cell]) -> "dict[_Name, CellResult]":
        """Run cells in processes of their own; what they share is there before."""
        for cell in cells:
            self._shared(cell)
        bench = copy(self)
        bench.progress, bench.jobs = Silent(), 1
        self.progress.note(f"◆ {len(cells)} cells, {min(self.jobs, len(cells))} at a time")
        estimate = Estimate(len(cells), self.jobs)
        found: dict[_Name, CellResult] = {}
        begin = time.monotonic()
        with (
            self.progress.task("trainings") as advance,
            closing(side_by_side(bench._timed, cells, self.jobs)) as done,
        ):
            advance(0, len(cells))
            for result, seconds in done:
                found[self._name_of(result.cell)] = result
                estimate.took(seconds)
                what = f"{len(found)} of {len(cells)} done, {time.monotonic() - begin:.0f} s"
                self._say(what, result.cell, result.failed or estimate.left(len(found)))
                advance(len(found), len(cells))
        return found

    def _timed(self, cell: Cell) -> tuple[CellResult, float]:
        begin = time.monotonic()
        result = self._one(cell)
        return result, time.monotonic() - begin

    def _say(self, what: str, cell: Cell, more: str) -> None:
        self.progress.note(
            f"◆ {what}: {cell.label}, seed {cell.seed}" + (f" ({more})" if more else "")
        )

    def folder(self, cell: Cell) -> Path:
        """Run directory of a cell; other data in the same place do not find these data's stages."""
        return self.out / "cells" / f"{cell.digest(self.config)}-{self._data}"

    def _shared(self, cell: Cell) -> tuple[Path, list[str]]:
        """A run that has what a cell starts from, and the stages of it."""
        stages = ["prepare", "bootstrap", "graph"]
        if cell.stage == "ce":
            return self.base(cell.seed, "graph"), stages
        stages.append("ce")
        if cell.test:
            self.base(cell.seed, "decode")
            stages.append("decode-ce")
        return self.base(cell.seed), stages

    def _failed(self, cell: Cell, why: str) -> CellResult:
        """A training that ran away for good: how it went up to then is known."""
        stage = self._stage(cell)
        records = _records(self.folder(cell), stage, "epoch", "evaluation")
        return CellResult(
            cell,
            cell.digest(self.config),
            failed=why,
            epochs=records["epoch"],
            evaluations=records["evaluation"],
        )

    def _stage(self, cell: Cell) -> str:
        """What trains."""
        return "ce" if cell.stage == "ce" else str(cell.config(self.config).criteria[0])

    def _one(self, cell: Cell) -> CellResult:
        name, folder = cell.digest(self.config), self.folder(cell)
        if (why := _ran_away(folder)) is not None:
            return self._failed(cell, why)
        _link(folder, *self._shared(cell))
        inputs = replace(self.inputs, init=None) if cell.stage == "ce" else self.inputs
        recipe = DnnRecipe(folder, inputs, cell.config(self.config), self.progress).remembered()
        system = self._stage(cell)
        what = {"label": cell.label, "seed": cell.seed}
        write_json(folder / CELL, what)
        # In virtual time the same bits come out wherever and beside whatever a cell is trained;
        # sums of products of matrices depend on the number of threads.
        threads = 1 if recipe.config.engine == "simulated" else 0
        try:
            with torch_threads(threads):
                recipe.through(system)
            if cell.test:
                recipe.through("decode")
        except DivergedError as error:
            # That is a result, too, and kept: a training that goes on from its last snapshot may
            # end well. A full disk or bad input ends the experiment.
            write_json(folder / CELL, {**what, "failed": str(error)})
            return self._failed(cell, str(error))
        records = _records(folder, system, "epoch", "evaluation", "outer")
        return CellResult(
            cell,
            name,
            epochs=records["epoch"],
            evaluations=records["evaluation"],
            passes=passes(records["outer"]),
            summary={
                **_stamp(folder, system)["summary"],
                "seconds": _stamp(folder, system)["seconds"],
            },
            errors=_test_errors(recipe) if cell.test else {},
            frame_errors=_frame_errors(recipe) if cell.frames else {},
        )


def _ran_away(folder: Path) -> str | None:
    """Why the cell in a folder has no result, where that is known from before."""
    path = folder / CELL
    failed: str | None = None
    if path.exists():
        failed = json.loads(path.read_text(encoding="utf-8")).get("failed")
    return failed


def _link(folder: Path, base: Path, stages: Sequence[str]) -> None:
    """Let a run use the stages of another; links are relative, so that both can be moved."""
    folder.mkdir(parents=True, exist_ok=True)
    for stage in stages:
        link = folder / stage
        if not link.is_symlink():
            link.symlink_to(os.path.relpath(base / stage, folder), target_is_directory=True)


def _stamp(run: Path, stage: str) -> dict[str, Any]:
    stamp: dict[str, Any] = json.loads((run / stage / STAMP).read_text(encoding="utf-8"))
    return stamp


def _records(run: Path, stage: str, *kinds: str) -> dict[str, list[dict[str, Any]]]:
    """The records of a stage by kind; of kinds that it does not write there are none."""
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    path = run / "records" / f"{stage}.jsonl"
    for record in read_records(path) if path.exists() else ():
        if record["kind"] in found:
            found[record["kind"]].append(record)
    return found


def _test_errors(recipe: DnnRecipe) -> dict[tuple[str, str], Errors]:
    references = {u.id: u.words for u in recipe.prepared.corpus("test")}
    found: dict[tuple[str, str], Errors] = {}
    for system in recipe.systems:
        for lm in LMS:
            path = recipe.directory.folder(f"decode-{system}") / f"{lm}.json"
            found[system, lm] = utterance_errors(references, Recognized.load(path).hypotheses)
    return found


def _frame_errors(recipe: DnnRecipe) -> dict[str, Errors]:
    """Frame errors of the held-out speech by utterance, frames counted as words are."""
    hmm = recipe.bootstrapped.hmm("tri")
    targets = pdf_targets(recipe.bootstrapped.alignments("tune"), hmm.transitions)
    features = recipe.prepared.filterbank("tune")
    found: dict[str, Errors] = {}
    for system in recipe.systems:
        model = AcousticModel.load(recipe.directory.folder(system) / "model")
        counts = {
            utterance: frame_errors(model.log_posteriors(features.stacked(utterance)), pdfs)
            for utterance, pdfs in targets.items()
        }
        found[system] = {
            utterance: WordErrors(substitutions=count.errors, words=count.frames)
            for utterance, count in counts.items()
        }
    return found
