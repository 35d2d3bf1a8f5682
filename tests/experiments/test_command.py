"""The command line of experiments: what is refused, and how."""

import subprocess
import sys

import pytest
import torch

from outergrad.cli.experiment import parse_seeds
from outergrad.errors import InputError
from outergrad.experiments.quick import QUICK, quick_settings


def command(*arguments):
    program = "from outergrad.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, "experiment", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_a_transferred_network_keeps_its_size_when_all_is_smaller():
    assert quick_settings(transferred=False)["dnn"] == {"hidden_units": 256}
    assert "dnn" not in quick_settings(transferred=True)
    assert quick_settings(transferred=True).keys() | {"dnn"} == QUICK.keys()


def test_the_list_names_all():
    done = command("--list")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "shuffling",
        "asgd",
        "fetch-interval",
        "frame-vs-sequence",
        "control",
        "layers",
        "table1",
        "scale",
        "criteria",
        "auxiliary",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name an experiment"),
        (("layers",), "name an experiment and a folder"),
        (("layrs", "--out", "OUT"), "did you mean layers?"),
        (("layers", "--out", "OUT"), "missing --train, --test, --lexicon"),
        (("layers", "--out", "OUT", "--data", "wsj"), "only demo is known"),
        (
            ("layers", "--out", "OUT", "--data", "demo", "--train", "."),
            "leave out --train",
        ),
        (
            ("layers", "--out", "OUT", "--train", "no", "--test", ".", "--lexicon", "."),
            "no such file",
        ),
        (("layers", "--out", "OUT", "--data", "demo", "--set", "sed=1"), "did you mean seed"),
        (("layers", "--out", "OUT", "--data", "demo", "--seeds", "1,x"), "--seeds 1,x"),
        (
            ("table1", "--out", "OUT", "--data", "demo", "--set", "criteria=[]"),
            "criteria is empty",
        ),
        pytest.param(
            ("layers", "--out", "OUT", "--data", "demo", "--set", "sequence.device=cuda"),
            "torch sees no GPU here",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU"),
        ),
    ],
)
def test_wrong_use_is_an_error_that_says_what_to_do(tmp_path, arguments, message):
    out = str(tmp_path / "out")
    done = command(*(out if a == "OUT" else a for a in arguments))
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists(), "nothing was made before"


def test_seeds():
    assert parse_seeds(None, quick=True) == (1,)
    assert parse_seeds(None, quick=False) == (1, 2, 3)
    assert parse_seeds("4, 5", quick=True) == (4, 5)
    with pytest.raises(InputError, match="named twice"):
        parse_seeds("1,1", quick=False)
