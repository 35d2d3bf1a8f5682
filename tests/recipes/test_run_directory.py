"""The folder of a run: what is written into it, and what of others is left alone."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from outergrad.config import read_toml, to_toml
from outergrad.errors import InputError
from outergrad.progress import Silent
from outergrad.recipes.align import align_from_nothing
from outergrad.recipes.demo import run_demo
from outergrad.recipes.dry_run import dry_run
from outergrad.recipes.run import Recipe
from outergrad.recipes.settings import Inputs, RunConfig
from outergrad.recipes.stages import RunDirectory

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


def test_a_bad_key_in_the_settings_of_a_run_is_looked_for_there(
    begin: Begin, tmp_path: Path
) -> None:
    begin(tmp_path / "run")
    (tmp_path / "run" / "config.toml").write_text("sed = 2\n")
    with pytest.raises(InputError, match=r"run/config\.toml: unknown key sed; did you mean seed"):
        Recipe.resume(tmp_path / "run", ["seed=3"], Silent())


def test_folders_of_others_are_left_alone(begin: Begin, tmp_path: Path) -> None:
    mine = tmp_path / "prepare" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("my work\n")
    with pytest.raises(InputError, match=r"prepare: not written by outergrad.*--out"):
        begin(tmp_path)
    with pytest.raises(InputError, match=r"prepare: not written by outergrad"):
        RunDirectory(tmp_path, Silent()).run("prepare", {}, lambda folder: {})
    assert mine.read_text() == "my work\n"
    assert not (tmp_path / "config.toml").exists()
    assert not (tmp_path / "inputs.json").exists()


def test_a_model_of_others_is_left_alone(begin: Begin, tmp_path: Path) -> None:
    """It would be deleted at the end of the run."""
    mine = tmp_path / "model" / "weights.bin"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(InputError, match="model: not written by outergrad"):
        begin(tmp_path)
    assert mine.read_text() == "mine"


def test_settings_of_others_are_left_alone(begin: Begin, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("seed = 3  # the best one\n")
    with pytest.raises(InputError, match=r"config\.toml: not written by outergrad"):
        begin(tmp_path, "seed=3")
    assert file.read_text() == "seed = 3  # the best one\n"


def test_a_dry_run_says_what_is_in_the_way(begin: Begin, tmp_path: Path) -> None:
    recipe = begin(tmp_path / "run")
    (tmp_path / "config.toml").write_text("seed = 3\n")
    with pytest.raises(InputError, match=r"config\.toml: not written by outergrad"):
        dry_run(tmp_path, recipe.inputs, None, [], None, "prepare")


def test_aligning_and_the_demo_leave_settings_of_others_alone(begin: Begin, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("# mine\n")
    with pytest.raises(InputError, match=r"config\.toml: not written by outergrad"):
        align_from_nothing(tmp_path / "x", tmp_path / "y", tmp_path, [], Silent())
    with pytest.raises(InputError, match=r"config\.toml: not written by outergrad"):
        run_demo(tmp_path, [], None, Silent())
    assert file.read_text() == "# mine\n"
    assert not (tmp_path / "speech").exists()


def test_what_was_written_before_is_ours(begin: Begin, tmp_path: Path) -> None:
    """Runs, runs of other settings, and folders of `align --train`, which have no inputs."""
    out = tmp_path / "run"
    assert begin(out, "seed=2").config.seed == 2
    assert begin(out, "seed=3").config.seed == 3
    aligned = RunDirectory(tmp_path / "aligned", Silent())
    aligned.run("prepare", {}, lambda folder: {})
    aligned.keep_settings(RunConfig())
    aligned.require_own(("prepare", "bootstrap", "model"), to_toml(RunConfig(seed=2)))
    # Killed after the settings were written, or after a stage's folder was made.
    killed = RunDirectory(tmp_path / "killed", Silent())
    (killed.path / "prepare").mkdir(parents=True)
    killed.keep_settings(RunConfig())
    killed.require_own(("prepare",), to_toml(RunConfig()))
    killed.run("prepare", {}, lambda folder: {})


def test_a_deletion_cut_off_leaves_nothing_that_looks_like_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = RunDirectory(tmp_path, Silent())
    directory.run("prepare", {"n": 1}, lambda folder: {})
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", _half_of_it)
        with pytest.raises(KeyboardInterrupt):
            directory.run("prepare", {"n": 2}, lambda folder: {})
    directory.run("prepare", {"n": 2}, lambda folder: {})
    assert not list(tmp_path.glob(".*"))


def _half_of_it(folder: Path, ignore_errors: bool = False) -> None:
    for mark in ("begun", "stage.json"):
        (folder / mark).unlink(missing_ok=True)
    if folder.exists():
        (folder / "data").touch()
        raise KeyboardInterrupt
