"""Command `plan`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outergrad.cli.app import app
from outergrad.cli.options import terminal
from outergrad.errors import InputError, RunError

if TYPE_CHECKING:
    from outergrad.engine.simulated.forecast import Forecast, Job
    from outergrad.recipes.calibration import Calibration
    from outergrad.workers.config import FetchPolicy

OPTION = typer.Option


@app.command(rich_help_panel="Look inside")
def plan(
    calibrate: Annotated[
        Path | None, OPTION(help="Run directory with a CE model: measure costs with it first.")
    ] = None,
    costs: Annotated[
        Path | None, OPTION(help="Where costs are kept: written by --calibrate, read without.")
    ] = None,
    hours: Annotated[float | None, OPTION(help="Hours of training speech. [60]")] = None,
    layers: Annotated[int | None, OPTION(help="Hidden layers. [4]")] = None,
    units: Annotated[int | None, OPTION(help="Units of a hidden layer. [1024]")] = None,
    outputs: Annotated[int | None, OPTION(help="Outputs: tied states. [2400]")] = None,
    inputs: Annotated[int | None, OPTION(help="Inputs: stacked features. [1040]")] = None,
    replicas: Annotated[int | None, OPTION(help="Model replicas. [50]")] = None,
    decoders: Annotated[int | None, OPTION(help="Decoders per replica. [2]")] = None,
    shards: Annotated[int | None, OPTION(help="Shards of the parameter server. [4]")] = None,
    slots: Annotated[
        int | None, OPTION(help="Frames of a batch, each of another utterance. [32]")
    ] = None,
    queue: Annotated[
        int | None, OPTION(help="Outer gradients on their way to a replica. [8]")
    ] = None,
    n_push: Annotated[
        int | None, OPTION("--n-push", help="Batches between pushes of a replica. [1]")
    ] = None,
    n_fetch: Annotated[
        int | None, OPTION("--n-fetch", help="Batches between fetches of a replica. [1]")
    ] = None,
    fetch: Annotated[
        str | None,
        OPTION(
            metavar="<when>",
            help="When a decoder fetches parameters: utterance, never, or seconds:N, updates:N, "
            "synchronous:N (seconds). \\[utterance]",
        ),
    ] = None,
    utterance: Annotated[
        float | None, OPTION(help="Mean length of an utterance, seconds. [4]")
    ] = None,
    kept: Annotated[
        float | None, OPTION(help="Share of frames that do not cancel, 0 … 1. [0.4]")
    ] = None,
    held_out: Annotated[
        float | None, OPTION(help="Minutes of speech evaluated after each epoch. [60]")
    ] = None,
    latency: Annotated[
        float | None, OPTION(help="Seconds that a message takes one way. [0.0002]")
    ] = None,
    bandwidth: Annotated[
        float | None, OPTION(help="Bytes per second of each machine's link. [1.25e9]")
    ] = None,
    local: Annotated[
        bool, OPTION("--local", help="All workers on this machine, with its cores.")
    ] = False,
) -> None:
    """Predict speed, staleness and bottleneck of a training job.

    What is not given is as in the run that costs were measured with; without costs, as in
    brackets.
    """
    from outergrad.config import to_table
    from outergrad.recipes.calibration import Calibration
    from outergrad.recipes.calibration import calibrate as measure
    from outergrad.recipes.plan import REFERENCE, dnn_size, plan_job

    network = _network(local, latency, bandwidth)
    say = terminal()
    known: Calibration = REFERENCE
    if calibrate is not None:
        if costs is not None and not costs.resolve().parent.is_dir():
            raise InputError(f"{costs}: there is no folder {costs.resolve().parent}")
        say.note("training with meters, without changing the run; about half a minute")
        known = measure(calibrate)
        if costs is not None:
            _write(costs, json.dumps(to_table(known), indent=1) + "\n")
    elif costs is not None:
        known = _read(costs)
    else:
        say.note("costs: estimates for one core of a laptop; --calibrate RUN measures this machine")
    given = (inputs, layers, units, outputs)
    size = known.parameters
    if known is REFERENCE or given != (None,) * 4:
        shape = (
            as_measured if n is None else n
            for n, as_measured in zip(given, known.shape, strict=True)
        )
        size = dnn_size(*shape)
    wanted = {
        "hours": hours,
        "replicas": replicas,
        "decoders": decoders,
        "shards": shards,
        "slots": slots,
        "queue": queue,
        "n_push": n_push,
        "n_fetch": n_fetch,
        "fetch": None if fetch is None else parse_fetch(fetch),
        "utterance_seconds": utterance,
        "kept": kept,
        "held_out_seconds": None if held_out is None else 60 * held_out,
    }
    job = plan_job(
        known,
        parameters=size,
        network=network,
        changes={name: value for name, value in wanted.items() if value is not None},
    )
    from outergrad.engine.simulated.forecast import forecast

    say.note(f"simulating {job.training.replicas} replicas; fifty take about a minute")
    _show(forecast(job), job)


def _network(
    local: bool, latency: float | None, bandwidth: float | None
) -> tuple[float, float] | None:
    """Latency and bandwidth between machines; None on a single one, which has no network."""
    if not local:
        from outergrad.engine.simulated.config import CLUSTER

        latency = CLUSTER.latency if latency is None else latency
        return latency, CLUSTER.bandwidth if bandwidth is None else bandwidth
    for option, given in (("--latency", latency), ("--bandwidth", bandwidth)):
        if given is not None:
            raise InputError(f"{option} is of a network: --local has none")
    return None


def parse_fetch(text: str) -> "FetchPolicy":
    """A fetch policy as `--fetch` has it: its kind and, after a colon, every how many.

    Raises:
        InputError: no such kind, or its number is missing, superfluous or not positive.
    """
    from outergrad.config import build
    from outergrad.workers.config import FetchPolicy

    kind, _, every = text.partition(":")
    try:
        number = float(every) if every else 0.0
    except ValueError:
        raise InputError(f"--fetch {text}: {every!r} is no number") from None
    if every and kind in ("utterance", "never"):
        raise InputError(f"--fetch {text}: {kind} takes no number")
    if not every and kind in ("seconds", "updates", "synchronous"):
        raise InputError(f"--fetch {text}: every how many? {kind}:N")
    return build(FetchPolicy, {"kind": kind, "every": number}, "--fetch")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"{path}: cannot write costs: {error.strerror}") from error


def _read(path: Path) -> "Calibration":
    from outergrad.recipes.calibration import Calibration

    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot read costs: {error}") from error
    return Calibration.of(table, str(path))


def _show(forecast: "Forecast", job: "Job") -> None:
    training, size = job.training, job.parameters
    busy = [*forecast.busy.items(), ("evaluator", forecast.evaluator)]
    rows = [
        ("DNN", f"{size / 1e6:.1f} million parameters, {size * 4 / 1e6:.0f} MB"),
        (
            "job",
            f"{job.hours:.3g} h of speech, {training.replicas} replicas with {training.decoders} "
            f"decoders each, {training.shards} shards",
        ),
        ("utterances per second", f"{forecast.utterances_per_second:.2f}"),
        ("time per epoch", f"{forecast.epoch_hours:.3g} h"),
        ("updates per second", f"{forecast.updates_per_second:.1f}"),
        (
            "outer staleness, median (95 %)",
            forecast.outer_note
            or f"{forecast.outer_seconds.median:.3g} ({forecast.outer_seconds.p95:.3g}) s, "
            f"{forecast.outer_updates.median:.4g} updates, "
            f"{forecast.outer_steps.median:.4g} steps of a replica",
        ),
        (
            "inner staleness, median (95 %)",
            f"{forecast.inner_seconds.median:.3g} ({forecast.inner_seconds.p95:.3g}) s, "
            f"{forecast.inner_updates.median:.4g} updates",
        ),
        ("load of a shard's link, both ways", f"{forecast.shard_bytes_per_second / 1e6:.1f} MB/s"),
        ("busy", ", ".join(f"{name} {share:.0%}" for name, share in busy)),
        ("bottleneck", f"{forecast.bottleneck}: {forecast.advice}"),
    ]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        typer.echo(f"{name:<{width}}  {value}")
