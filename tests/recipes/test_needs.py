"""What a run needs is looked for before its first stage, in dry runs, too."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from outergrad.criteria.config import Kind
from outergrad.errors import InputError
from outergrad.progress import Silent
from outergrad.recipes.dry_run import dry_run
from outergrad.recipes.run import Recipe
from outergrad.recipes.settings import Inputs
from outergrad.recipes.stages import Stamp


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    for name in ("train", "test", "lexicon"):
        (tmp_path / name).touch()
    return Inputs.of(train=tmp_path / "train", test=tmp_path / "test", lexicon=tmp_path / "lexicon")


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages that were begun; each stops the run."""
    stages: list[str] = []

    def stop(self: Recipe, stage: str, *others: Any) -> dict[str, Stamp]:
        stages.append(stage)
        raise InterruptedError

    monkeypatch.setattr(Recipe, "_run", stop)
    return stages


Ways = Callable[[Path, Inputs, list[str]], object]
WAYS: list[Ways] = [
    lambda out, inputs, settings: Recipe.begin(out, inputs, None, settings, None, Silent()).all(),
    lambda out, inputs, settings: dry_run(out, inputs, None, settings, None, "score"),
]


@pytest.mark.parametrize("way", WAYS, ids=["run", "dry run"])
@pytest.mark.parametrize(
    ("setting", "said"),
    [("sequence.device=cuda", "torch sees no GPU here"), ("features=kaldi", "goes with --kaldi")],
)
def test_what_is_missing_is_said_at_once(
    way: Ways, setting: str, said: str, inputs: Inputs, begun: list[str], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        way(tmp_path / "run", inputs, [setting])
    assert begun == []


def test_stages_without_the_device_are_done_without_it(
    inputs: Inputs, begun: list[str], tmp_path: Path
) -> None:
    """Data can be prepared, and what was trained elsewhere be scored, on any machine."""
    recipe = Recipe.begin(tmp_path / "run", inputs, None, ["sequence.device=cuda"], None, Silent())
    for last in ("prepare", "ce"):
        with pytest.raises(InterruptedError):
            recipe.through(last)
    recipe.directory.run(Kind.MMI.value, {}, lambda folder: {})
    with pytest.raises(InterruptedError):
        recipe.through("score")
    assert begun == ["prepare"] * 3
