"""Runs cells on speech: a run directory for each, sharing the stages up to CE by seed."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from outergrad.config import digest, to_table
from outergrad.engine.simulated.config import NetworkCost, SimulatedConfig
from outergrad.errors import DivergedError
from outergrad.evaluation.frame_error import frame_errors
from outergrad.evaluation.wer import WordErrors, utterance_errors
from outergrad.experiments.cell import Cell, CellResult, Errors
from outergrad.experiments.estimate import Estimate
from outergrad.nnet.acoustic import AcousticModel
from outergrad.progress import Progress
from outergrad.recipes.calibration import Calibration, calibrate
from outergrad.recipes.ce import pdf_targets
from outergrad.recipes.decode import Recognized
from outergrad.recipes.models import LMS
from outergrad.recipes.run import Recipe
from outergrad.recipes.settings import Inputs, RunConfig
from outergrad.recipes.stages import RunDirectory, write_json
from outergrad.records import read_records

CLUSTER = NetworkCost(latency=2e-4, bandwidth=1.25e9)
"""Between the machines of a simulated cluster: 10 Gb/s and 0.2 ms."""

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
    """

    def __init__(
        self,
        out: Path,
        inputs: Inputs,
        config: RunConfig,
        seeds: Sequence[int],
        quick: bool,
        progress: Progress,
    ) -> None:
        self.out = out
        self.inputs = inputs
        self.config = config
        self.seeds = tuple(seeds)
        self.quick = quick
        self.progress = progress
        # Sizes of --quick and others' settings live side by side; sequence training is the cells'.
        own = {k: v for k, v in to_table(config).items() if k not in OF_CELLS}
        self._name = digest(own, inputs)
        self._data = digest(inputs)
        self._based: set[tuple[int, str]] = set()

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
        base = self.base(self.seeds[0])

        def work(folder: Path) -> Mapping[str, Any]:
            return {"calibration": to_table(calibrate(base))}

        directory = RunDirectory(self.out, self.progress)
        stamp = directory.run("costs", {"model": _stamp(base, "ce")["digest"]}, work)
        return Calibration.of(stamp.summary["calibration"], "costs")

    def costs(self) -> SimulatedConfig:
        """From the calibration; every worker and every shard has a machine of its own."""
        known = self.calibration()
        return replace(known.costs(), network=replace(CLUSTER, update=known.update))

    def run(self, cells: Sequence[Cell]) -> list[CellResult]:
        """Run what is not done yet."""
        results: list[CellResult] = []
        estimate = Estimate(cells)
        for number, cell in enumerate(cells, start=1):
            left = estimate.left(number - 1)
            self.progress.note(
                f"◆ cell {number} of {len(cells)}: {cell.label}, seed {cell.seed}"
                + (f" ({left} left)" if left else "")
            )
            with estimate.timed(cell):
                results.append(self._one(cell))
        return results

    def folder(self, cell: Cell) -> Path:
        """Run directory of a cell; other data in the same place do not find these data's stages."""
        return self.out / "cells" / f"{cell.digest(self.config)}-{self._data}"

    def _one(self, cell: Cell) -> CellResult:
        name, folder = cell.digest(self.config), self.folder(cell)
        base = self.base(cell.seed, "graph" if cell.stage == "ce" else "ce")
        shared = ["prepare", "bootstrap", "graph"]
        if cell.stage == "sequence":
            shared.append("ce")
            if cell.test:
                self.base(cell.seed, "decode")
                shared.append("decode-ce")
        _link(folder, base, shared)
        inputs = replace(self.inputs, init=None) if cell.stage == "ce" else self.inputs
        recipe = DnnRecipe(folder, inputs, cell.config(self.config), self.progress).remembered()
        system = recipe.systems[-1]
        write_json(folder / "cell.json", {"label": cell.label, "seed": cell.seed})
        try:
            recipe.through(system)
            if cell.test:
                recipe.through("decode")
        except DivergedError as error:
            # That is a result, too. A full disk or bad input ends the experiment.
            return CellResult(cell, name, failed=str(error))
        return CellResult(
            cell,
            name,
            epochs=_records(folder, "ce", "epoch") if cell.stage == "ce" else (),
            evaluations=_records(folder, system, "evaluation"),
            summary={
                **_stamp(folder, system)["summary"],
                "seconds": _stamp(folder, system)["seconds"],
            },
            errors=_test_errors(recipe) if cell.test else {},
            frame_errors=_frame_errors(recipe) if cell.frames else {},
        )


def _link(folder: Path, base: Path, stages: Sequence[str]) -> None:
    """Let a run use the stages of another; links are relative, so that both can be moved."""
    folder.mkdir(parents=True, exist_ok=True)
    for stage in stages:
        link = folder / stage
        if not link.is_symlink():
            link.symlink_to(os.path.relpath(base / stage, folder), target_is_directory=True)


def _stamp(run: Path, stage: str) -> dict[str, Any]:
    stamp: dict[str, Any] = json.loads((run / stage / "stage.json").read_text(encoding="utf-8"))
    return stamp


def _records(run: Path, stage: str, kind: str) -> tuple[dict[str, Any], ...]:
    path = run / "records" / f"{stage}.jsonl"
    return tuple(read_records(path, kind)) if path.exists() else ()


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
