"""The command line: help, exit codes, errors that name what was wrong; no traceback for users."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from outergrad.cli import app
from outergrad.cli.options import with_shorthands
from outergrad.errors import InputError
from outergrad.recipes.settings import read_config


def outergrad(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run the command in a process of its own, on a terminal 100 columns wide."""
    return subprocess.run(
        [sys.executable, "-c", "from outergrad.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "100"},
        check=False,
        timeout=120,
    )


def test_help_fits_a_screen_and_names_all_stages() -> None:
    done = outergrad("--help")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) <= 40
    for command in ("run", "demo", "prepare", "bootstrap", "graph", "train", "decode", "score"):
        assert f" {command} " in done.stdout


def test_help_shows_every_word_of_an_options_text() -> None:
    """Brackets are markup: "[default: 1]" vanished from the page, and with it the default."""
    screen = CliRunner(env={"COLUMNS": "400", "TERMINAL_WIDTH": "400"})

    def commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
        yield path, command
        for name, below in getattr(command, "commands", {}).items():
            yield from commands(below, (*path, name))

    seen = 0
    for path, command in commands(get_command(app), ()):
        shown = " ".join(screen.invoke(app, [*path, "--help"]).output.split())
        for option in command.params:
            text = getattr(option, "help", None)
            if text and not option.hidden:
                assert " ".join(text.replace("\\[", "[").split()) in shown, (path, option.name)
                seen += "[default: " in text
    assert seen >= 5


def test_help_imports_nothing_heavy() -> None:
    check = (
        "import sys; sys.argv = ['outergrad', '--help']\n"
        "from outergrad.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'numba', 'matplotlib', 'kaldifst'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-command"], "No such command"),
        (["run", "--train", "a"], "Missing option"),
        (
            ["train", "--criterion", "mmm", "--out", "x"],
            "--criterion mmm: choose ce, mmi, bmmi, smbr, mpe",
        ),
        (["decode", "--out", "nowhere"], "nowhere: no run begun here"),
        (
            ["run", "--train", "a", "--test", "b", "--lexicon", "c", "--out", "x"],
            "--train a: no such file or folder",
        ),
        (["demo", "--out", "x", "--set", "ce.rat=1"], "did you mean ce.rate?"),
        (["demo", "--out", "x", "--set", "ce.rate=fast"], "ce.rate: expected float"),
        (
            ["demo", "--out", "x", "--set", "sequence.training.replicas=0"],
            "replicas must be at least 1",
        ),
    ],
)
def test_wrong_use_is_explained_with_exit_code_2(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = outergrad(*arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_directory_that_cannot_be_written_is_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = outergrad("demo", "--out", tmp_path / "file" / "run")
    assert done.returncode == 2
    assert "cannot write here" in done.stderr


def test_a_plan_is_made_from_costs_that_were_kept(tmp_path: Path) -> None:
    costs = {
        "parameters": 1000,
        "slots": 4,
        "decode": [1e-4],
        "forward": 1e-5,
        "step": 1e-3,
        "copy": 1e9,
        "update": 1e-9,
        "utterance_seconds": 1.0,
        "kept": 0.5,
        "shape": [10, 1, 20, 30],
    }
    (tmp_path / "costs.json").write_text(json.dumps(costs))
    small = ("--replicas", "1", "--decoders", "1", "--slots", "4", "--units", "8")
    done = outergrad("plan", "--costs", tmp_path / "costs.json", "--local", *small)
    assert done.returncode == 0, done.stderr
    assert "utterances per second" in done.stdout
    # Costs kept by an older version say nothing of the job but its defaults.
    assert "1 replicas with 1 decoders each" in done.stdout
    # Inputs, layers and outputs as measured: 11 * 8 + 9 * 30.
    assert "0.0 million parameters, 0 MB" in done.stdout
    for wrong in ("weekly", "updates", "never:3", "seconds:x"):
        done = outergrad("plan", "--local", "--replicas", "1", "--fetch", wrong)
        assert done.returncode == 2, wrong
        assert "--fetch" in done.stderr
    for option in ("--latency", "--bandwidth"):
        done = outergrad("plan", "--local", option, "1")
        assert done.returncode == 2
        assert f"{option} is of a network: --local has none" in " ".join(done.stderr.split())
    absent = tmp_path / "absent" / "costs.json"
    done = outergrad("plan", "--calibrate", tmp_path, "--costs", absent)
    assert done.returncode == 2
    assert "there is no folder" in " ".join(done.stderr.split())
    (tmp_path / "costs.json").write_text("{}")
    done = outergrad("plan", "--costs", tmp_path / "costs.json", *small)
    assert done.returncode == 2
    assert "costs.json: cannot read costs" in " ".join(done.stderr.split())


def test_shorthands_are_settings() -> None:
    given = with_shorthands(["seed=2"], "auto", "cuda", tensorboard=True)
    config = read_config(None, given)
    assert (config.seed, config.engine, config.ray.address) == (2, "ray", "auto")
    assert config.sequence.device == "cuda"
    assert config.tensorboard
    with pytest.raises(InputError, match=r"sequence\.device: .*abacus"):
        read_config(None, with_shorthands(None, None, "abacus", tensorboard=False))
