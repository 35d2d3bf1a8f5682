"""The folder of a run: what is written into it, and what of others is left alone."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from outergrad.config import read_toml
from outergrad.errors import InputError
from outergrad.progress import Silent
from outergrad.recipes.run import Recipe
from outergrad.recipes.settings import Inputs

Begin = Callable[..., Recipe]


@pytest.fixture
def begin(tmp_path: Path) -> Begin:
    """begin(out, *settings): a run on data of which there is nothing but names."""
    for name in ("train", "test", "lexicon"):
        (tmp_path / name).touch()
    inputs = Inputs.of(
        train=tmp_path / "train", test=tmp_path / "test", lexicon=tmp_path / "lexicon"
    )

    def make(out: Path, *settings: str) -> Recipe:
        return Recipe.begin(out, inputs, None, settings, None, Silent())

    return make


def test_settings_are_written_in_one_step(
    begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the settings would be read as the defaults of the other half."""
    out = tmp_path / "run"
    begin(out, "seed=7")
    replace = os.replace

    def cut_off(draft: Path, path: Path) -> None:
        if Path(path).name == "config.toml":
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(draft, path)

    monkeypatch.setattr(os, "replace", cut_off)
    with pytest.raises(InputError, match="cannot write here"):
        Recipe.resume(out, ["seed=8"], Silent())
    assert read_toml(out / "config.toml")["seed"] == 7
