"""Command `experiment`: the paper's experiments."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outergrad.cli.app import app
from outergrad.cli.options import Arpa, Dev, Init, LmText, Set, terminal
from outergrad.errors import InputError

if TYPE_CHECKING:
    from outergrad.progress import Terminal
    from outergrad.recipes.settings import Inputs, RunConfig

DEMO = "demo"


@app.command(rich_help_panel="Look inside")
def experiment(
    name: Annotated[str | None, typer.Argument(help="An experiment, or all.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for all experiments on these data.")
    ] = None,
    train: Annotated[Path | None, typer.Option(help="Training speech, as for `run`.")] = None,
    test: Annotated[Path | None, typer.Option(help="Test speech, as for `run`.")] = None,
    lexicon: Annotated[Path | None, typer.Option(help="WORD PHONE PHONE … a line.")] = None,
    data: Annotated[
        str | None, typer.Option(help="demo: generated Icelandic, transfer from English.")
    ] = None,
    dev: Dev = None,
    lm: Arpa = None,
    lm_text: LmText = None,
    init: Init = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Smaller: minutes for each experiment.")
    ] = False,
    seeds: Annotated[
        str | None, typer.Option(help="Seeds, such as 1,2,3. \\[default: 1,2,3; 1 with --quick]")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Trainings at a time, of those that take one core. \\[default: cores, at most 8]",
        ),
    ] = None,
    settings: Set = None,
    listing: Annotated[bool, typer.Option("--list", help="Show the experiments and stop.")] = False,
) -> None:
    """Run experiments of the paper, with verdicts.

    One or all of them; says with an interval whether each claim holds here.
    """
    from outergrad.experiments.registry import EXPERIMENTS, chosen

    if listing:
        for known in EXPERIMENTS.values():
            typer.echo(f"{known.name:<18} {known.source:<23} {known.title}")
        return
    if name is None or out is None:
        raise InputError("name an experiment and a folder: outergrad experiment NAME --out DIR")
    from outergrad.experiments.bench import RunBench
    from outergrad.experiments.cell import Plan
    from outergrad.experiments.estimate import rough_seconds, speech_seconds
    from outergrad.experiments.jobs import usual_jobs
    from outergrad.experiments.quick import NOTE
    from outergrad.experiments.run import run_experiment, write_overview
    from outergrad.report.formatting import duration

    wanted = chosen(name)
    numbers = parse_seeds(seeds, quick)
    say = terminal()
    out = out.resolve()
    paths = {"train": train, "test": test, "lexicon": lexicon}
    others = {"dev": dev, "lm": lm, "lm_text": lm_text, "init": init}
    inputs, config = _inputs(out, data, paths, others, quick, settings or [], numbers[0], say)
    jobs = jobs or usual_jobs()
    bench = RunBench(out, inputs, config, numbers, quick, say, jobs)
    cells = [cell for one in wanted for cell in one.plan(Plan(config, numbers, quick))]
    cells = list({cell.digest(config): cell for cell in cells}.values())
    seconds = rough_seconds(cells, config, speech_seconds(Path(inputs.train)), jobs)
    beside = sum(cell.takes_one_core(config) for cell in cells)
    say.note(
        f"{len(wanted)} experiment{'s' if len(wanted) > 1 else ''}, {len(cells)} trainings; about "
        f"{duration(seconds)} on idle cores"
        + (f", {min(jobs, beside)} trainings at a time" if min(jobs, beside) > 1 else "")
        + "; what is finished is not done again"
    )
    command = shlex.join(["outergrad", *sys.argv[1:]])
    what = "generated speech" if data == DEMO else "/".join(Path(inputs.train).parts[-2:])
    if data != DEMO and train is not None:
        what = "/".join(train.resolve().parts[-2:])
    for one in wanted:
        say.note(f"■ {one.name}: {one.title}")
        results = run_experiment(one, bench, out, what, command, (NOTE,) if quick else ())
        for statement in results["statements"]:
            say.note(f"  {statement['verdict']}: {statement['claim']}: {statement['evidence']}")
        say.note(f"  verdict: {results['verdict']}; page: {out / one.name / 'report.html'}")
    say.note(f"index: {write_overview(out, command)}")


def parse_seeds(text: str | None, quick: bool) -> tuple[int, ...]:
    """Seeds from the command line.

    Raises:
        InputError: not whole numbers with commas, or one twice.
    """
    if text is None:
        return (1,) if quick else (1, 2, 3)
    try:
        seeds = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"--seeds {text}: whole numbers with commas, such as 1,2,3") from error
    if len(set(seeds)) < len(seeds):
        raise InputError(f"--seeds {text}: a seed is named twice")
    return seeds


def _inputs(
    out: Path,
    data: str | None,
    paths: dict[str, Path | None],
    others: dict[str, Path | None],
    quick: bool,
    settings: list[str],
    seed: int,
    say: "Terminal",
) -> "tuple[Inputs, RunConfig]":
    """Check the options; make or shorten the data; resolve the settings."""
    from outergrad.config import build, merge, parse_overrides
    from outergrad.experiments.quick import quick_settings, shortened
    from outergrad.nnet.precision import check_device
    from outergrad.recipes.settings import Inputs, RunConfig

    smaller = quick_settings(transferred=others["init"] is not None) if quick else {}
    table = merge(smaller, parse_overrides(settings))
    config = build(RunConfig, {**table, "seed": seed}, "--set")
    check_device(config.sequence.device)
    if not config.criteria:
        raise InputError("criteria is empty: experiments train by its first entry, such as mmi")
    given = [name for name, path in {**paths, **others}.items() if path is not None]
    if data is not None:
        if data != DEMO:
            raise InputError(f"--data {data}: only {DEMO} is known; name folders with --train …")
        if given:
            raise InputError(f"--data {DEMO} makes its own speech: leave out --{given[0]}")
        from outergrad.corpus.synthesis import DemoConfig
        from outergrad.experiments.demo_data import QUICK_SPEECH, demo_inputs

        return demo_inputs(out, QUICK_SPEECH if quick else DemoConfig(), config, say), config
    missing = [f"--{name}" for name, path in paths.items() if path is None]
    if missing:
        raise InputError(f"missing {', '.join(missing)} (or --data {DEMO})")
    inputs = Inputs.of(**paths, **others)
    return (shortened(inputs, out, say) if quick else inputs), config
