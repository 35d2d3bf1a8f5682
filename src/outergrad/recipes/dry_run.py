"""What a run would do: which stages, for how long, with how much disk; nothing is written."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from outergrad.config import digest
from outergrad.corpus.layouts import read_corpus
from outergrad.corpus.survey import durations
from outergrad.progress import Progress, Silent
from outergrad.recipes.estimate import estimate_run
from outergrad.recipes.run import Recipe
from outergrad.recipes.settings import Inputs
from outergrad.recipes.stages import VERSION, RunDirectory, Stamp


class _Planned(RunDirectory):
    """A run directory in which stages are looked up and nothing is done."""

    def __init__(self, path: Path, progress: Progress) -> None:
        super().__init__(path, progress)
        self.kept: dict[str, bool] = {}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nothing is written, so another run may go on."""
        yield

    def run(
        self,
        stage: str,
        depends: Mapping[str, Any],
        work: Callable[[Path], Mapping[str, Any]],
    ) -> Stamp:
        """The stamp that the stage has or would have: digests do not depend on outcomes."""
        name = digest(VERSION, stage, dict(depends))
        old = self.stamp(stage)
        self.kept[stage] = old is not None and old.digest == name
        return old if old is not None and self.kept[stage] else Stamp(name, 0.0, {})


def dry_run(
    path: Path,
    inputs: Inputs,
    config: Path | None,
    settings: Sequence[str],
    seed: int | None,
    last: str,
) -> dict[str, Any]:
    """Stages, times and disk of a run; see `Recipe.begin` for the arguments.

    Returns:
        JSON values: ``stages`` (name, kept or not, least and most seconds), totals of what would
        be done, ``disk_bytes`` needed and free.

    Raises:
        InputError: a wrong setting, speech that cannot be read, a place that is others', or
            a device that is missing.
    """
    recipe = Recipe.of(path, inputs, config, settings, seed, Silent())
    planned = _Planned(path, Silent())
    recipe.directory = planned
    recipe.require_own_place()
    recipe.require_device(last)
    recipe.stamps(last)
    minutes = {part: _minutes(Path(folder)) for part, folder in _speech(inputs).items()}
    train = minutes.pop("train")
    estimate = estimate_run(
        train,
        sum(minutes.values()),
        tuple(planned.kept),
        recipe.config,
        from_kaldi=inputs.kaldi is not None,
    )
    todo = [estimate.seconds[stage] for stage, kept in planned.kept.items() if not kept]
    return {
        "out": str(path),
        "minutes": {"train": round(train, 2), **{k: round(v, 2) for k, v in minutes.items()}},
        "stages": [
            {
                "stage": stage,
                "kept": kept,
                "seconds": [0, 0] if kept else [round(s) for s in estimate.seconds[stage]],
            }
            for stage, kept in planned.kept.items()
        ],
        "total_seconds": [round(sum(low for low, _ in todo)), round(sum(high for _, high in todo))],
        "disk_bytes": estimate.disk_bytes,
        "disk_free_bytes": _free(path),
    }


def _speech(inputs: Inputs) -> dict[str, str]:
    named = {"train": inputs.train, "dev": inputs.dev, "test": inputs.test}
    return {part: folder for part, folder in named.items() if folder is not None}


def _minutes(folder: Path) -> float:
    corpus, _, _ = read_corpus(folder)
    return sum(durations(corpus).values()) / 60


def _free(path: Path) -> int:
    """Bytes free where `path` is or would be."""
    existing = path.resolve()
    while not existing.exists():
        existing = existing.parent
    return shutil.disk_usage(existing).free
