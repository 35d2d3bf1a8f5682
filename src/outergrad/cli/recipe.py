"""Commands of the main job: run, demo, and each stage by itself."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outergrad.cli.app import app
from outergrad.cli.options import (
    Arpa,
    ConfigFile,
    Dev,
    Init,
    LexiconFile,
    LmText,
    Out,
    Seed,
    Set,
    Test,
    Train,
    terminal,
)
from outergrad.errors import InputError

if TYPE_CHECKING:
    from outergrad.criteria.config import Kind
    from outergrad.recipes.run import Recipe


def _from_data(last: str) -> Callable[..., None]:
    """The command that starts from data and goes through stage `last`."""

    def command(
        train: Train,
        test: Test,
        lexicon: LexiconFile,
        out: Out,
        dev: Dev = None,
        lm: Arpa = None,
        lm_text: LmText = None,
        init: Init = None,
        config: ConfigFile = None,
        settings: Set = None,
        seed: Seed = None,
    ) -> None:
        from outergrad.recipes.run import Recipe
        from outergrad.recipes.settings import Inputs

        inputs = Inputs.of(
            train=train, test=test, lexicon=lexicon, dev=dev, lm=lm, lm_text=lm_text, init=init
        )
        Recipe.begin(out, inputs, config, settings or [], seed, terminal()).through(last)

    return command


app.command("run", help="Do everything: all stages below, in order, and a report.")(
    _from_data("score")
)


@app.command()
def demo(out: Out = Path("demo-run"), settings: Set = None, seed: Seed = None) -> None:
    """Make two corpora of spoken queries, train on one, transfer to the other, show the gain."""
    from outergrad.recipes.demo import run_demo

    run_demo(out, settings or [], seed, terminal())


app.command("prepare", help="Check the data, split it, compute features; remembers its inputs.")(
    _from_data("prepare")
)


@app.command()
def bootstrap(out: Out, settings: Set = None) -> None:
    """Train the GMM-HMM: flat start, monophones, tied triphones, alignments."""
    _resume(out, settings).through("bootstrap")


@app.command()
def graph(out: Out, settings: Set = None) -> None:
    """Estimate or read the language models and compile the decoding graphs."""
    _resume(out, settings).through("graph")


@app.command()
def train(
    out: Out,
    criterion: Annotated[
        str, typer.Option(help="ce (frame error), or mmi, bmmi, smbr, mpe (word error).")
    ],
    settings: Set = None,
) -> None:
    """Train the DNN: --criterion ce, then a sequence criterion, which the run then has."""
    from outergrad.criteria.config import Kind

    kinds = [kind.value for kind in Kind]
    if criterion != "ce" and criterion not in kinds:
        raise InputError(f"--criterion {criterion}: choose ce, {', '.join(kinds)}")
    kind = None if criterion == "ce" else Kind(criterion)
    _resume(out, settings, kind).through(criterion)


@app.command()
def decode(out: Out, settings: Set = None) -> None:
    """Decode the tuning and the test set with every system and language model."""
    _resume(out, settings).through("decode")


@app.command()
def score(out: Out, settings: Set = None) -> None:
    """Choose the LM weight on the tuning set, count word errors on the test set, report."""
    _resume(out, settings).through("score")


def _resume(out: Path, settings: list[str] | None, criterion: "Kind | None" = None) -> "Recipe":
    from outergrad.recipes.run import Recipe

    return Recipe.resume(out, settings or [], terminal(), criterion)
