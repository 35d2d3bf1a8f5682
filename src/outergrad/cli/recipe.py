"""Commands of the main job: run, demo, and each stage by itself."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outergrad.cli.app import app
from outergrad.cli.options import (
    Arpa,
    ConfigFile,
    Dev,
    Device,
    DryRun,
    DryRunJson,
    Hclg,
    Init,
    Kaldi,
    LexiconFile,
    LmText,
    Out,
    RayAddress,
    Seed,
    Set,
    Tensorboard,
    Test,
    Train,
    terminal,
    with_shorthands,
)
from outergrad.errors import InputError

if TYPE_CHECKING:
    from outergrad.criteria.config import Kind
    from outergrad.recipes.run import Recipe
    from outergrad.recipes.settings import Inputs

TRAIN, STAGES = "Train", "Stages of a run, one at a time"


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
        kaldi: Kaldi = None,
        hclg: Hclg = None,
        config: ConfigFile = None,
        settings: Set = None,
        seed: Seed = None,
        ray_address: RayAddress = None,
        device: Device = None,
        tensorboard: Tensorboard = False,
        dry_run: DryRun = False,
        as_json: DryRunJson = False,
    ) -> None:
        from outergrad.recipes.run import Recipe
        from outergrad.recipes.settings import Inputs

        inputs = Inputs.of(
            train=train,
            test=test,
            lexicon=lexicon,
            dev=dev,
            lm=lm,
            lm_text=lm_text,
            init=init,
            kaldi=kaldi,
            hclg=hclg,
        )
        if as_json and not dry_run:
            raise InputError("--json goes with --dry-run; a run writes results.json")
        settings = with_shorthands(settings, ray_address, device, tensorboard=tensorboard)
        if dry_run:
            _show_plan(out, inputs, config, settings, seed, last, as_json)
            return
        Recipe.begin(out, inputs, config, settings, seed, terminal()).through(last)

    return command


def _show_plan(
    out: Path,
    inputs: "Inputs",
    config: Path | None,
    settings: list[str],
    seed: int | None,
    last: str,
    as_json: bool,
) -> None:
    from outergrad.recipes.dry_run import dry_run
    from outergrad.recipes.estimate import range_in_words

    plan = dry_run(out, inputs, config, settings, seed, last)
    if as_json:
        print(json.dumps(plan, indent=1))
        return
    for stage in plan["stages"]:
        what = "kept" if stage["kept"] else range_in_words(*stage["seconds"])
        print(f"{stage['stage']:<14} {what}")
    print(
        f"in all {range_in_words(*plan['total_seconds'])} on two cores, "
        f"{plan['disk_bytes'] / 1e6:.0f} MB of {plan['disk_free_bytes'] / 1e6:.0f} MB free"
    )


app.command(
    "run", help="Do everything: all stages, in order, and a report.", rich_help_panel=TRAIN
)(_from_data("score"))


@app.command(rich_help_panel=TRAIN)
def demo(out: Out = Path("demo-run"), settings: Set = None, seed: Seed = None) -> None:
    """Make speech, train a recognizer on it, show the gain.

    English first, then Icelandic from its hidden layers; CE, then MMI.
    """
    from outergrad.recipes.demo import run_demo

    run_demo(out, settings or [], seed, terminal())


app.command(
    "prepare",
    help="Check the data, split it, compute features.",
    rich_help_panel=STAGES,
)(_from_data("prepare"))


@app.command(rich_help_panel=STAGES)
def bootstrap(out: Out, settings: Set = None) -> None:
    """Train the GMM-HMM: tied triphones and alignments.

    Flat start, monophones, decision trees, triphones.
    """
    _resume(out, settings).through("bootstrap")


@app.command(rich_help_panel=STAGES)
def graph(out: Out, settings: Set = None) -> None:
    """Make language models and decoding graphs.

    Models are estimated, or read with --lm.
    """
    _resume(out, settings).through("graph")


@app.command(rich_help_panel=STAGES)
def train(
    out: Out,
    criterion: Annotated[
        str, typer.Option(help="ce (frame error), or mmi, bmmi, smbr, mpe (word error).")
    ],
    settings: Set = None,
    ray_address: RayAddress = None,
    device: Device = None,
    tensorboard: Tensorboard = False,
) -> None:
    """Train the DNN by CE, or by a sequence criterion.

    --criterion ce first, then a sequence criterion, which the run then has.
    """
    from outergrad.criteria.config import Kind

    kinds = [kind.value for kind in Kind]
    if criterion != "ce" and criterion not in kinds:
        raise InputError(f"--criterion {criterion}: choose ce, {', '.join(kinds)}")
    kind = None if criterion == "ce" else Kind(criterion)
    given = with_shorthands(settings, ray_address, device, tensorboard=tensorboard)
    _resume(out, given, kind).through(criterion)


@app.command(rich_help_panel=STAGES)
def decode(out: Out, settings: Set = None) -> None:
    """Decode the tuning and the test set.

    With every system and language model of the run.
    """
    _resume(out, settings).through("decode")


@app.command(rich_help_panel=STAGES)
def score(out: Out, settings: Set = None) -> None:
    """Count word errors and write the report.

    The LM weight is that chosen on the tuning set.
    """
    _resume(out, settings).through("score")


def _resume(out: Path, settings: list[str] | None, criterion: "Kind | None" = None) -> "Recipe":
    from outergrad.recipes.run import Recipe

    return Recipe.resume(out, settings or [], terminal(), criterion)
