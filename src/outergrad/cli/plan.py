"""Command `plan`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outergrad.cli.app import app
from outergrad.cli.options import terminal
from outergrad.errors import InputError

if TYPE_CHECKING:
    from outergrad.engine.simulated.forecast import Forecast
    from outergrad.recipes.calibration import Calibration

OPTION = typer.Option


@app.command(rich_help_panel="Look inside")
def plan(
    calibrate: Annotated[
        Path | None, OPTION(help="Run directory with a CE model: measure costs with it first.")
    ] = None,
    costs: Annotated[
        Path | None, OPTION(help="Where costs are kept: written by --calibrate, read without.")
    ] = None,
    hours: Annotated[float, OPTION(help="Hours of training speech.")] = 60.0,
    layers: Annotated[int, OPTION(help="Hidden layers.")] = 4,
    units: Annotated[int, OPTION(help="Units of a hidden layer.")] = 1024,
    outputs: Annotated[int, OPTION(help="Outputs: tied states.")] = 2400,
    inputs: Annotated[int, OPTION(help="Inputs: stacked features of a frame.")] = 1040,
    replicas: Annotated[int, OPTION(help="Model replicas.")] = 50,
    decoders: Annotated[int, OPTION(help="Decoders per replica.")] = 2,
    shards: Annotated[int, OPTION(help="Shards of the parameter server.")] = 4,
    slots: Annotated[int, OPTION(help="Frames of a batch, each of another utterance.")] = 32,
    queue: Annotated[int, OPTION(help="Outer gradients on their way to a replica.")] = 8,
    utterance: Annotated[float, OPTION(help="Mean length of an utterance, seconds.")] = 4.0,
    kept: Annotated[float, OPTION(help="Share of frames that do not cancel, 0 … 1.")] = 0.4,
    latency: Annotated[float, OPTION(help="Seconds that a message takes one way.")] = 2e-4,
    bandwidth: Annotated[float, OPTION(help="Bytes per second of each machine's link.")] = 1.25e9,
    local: Annotated[
        bool, OPTION("--local", help="All workers on this machine, with its cores.")
    ] = False,
) -> None:
    """Predict speed, staleness and bottleneck of a training job."""
    from outergrad.config import to_table
    from outergrad.recipes.calibration import Calibration
    from outergrad.recipes.calibration import calibrate as measure
    from outergrad.recipes.plan import REFERENCE, dnn_size, plan_job

    say = terminal()
    known: Calibration = REFERENCE
    if calibrate is not None:
        known = measure(calibrate)
        if costs is not None:
            costs.write_text(json.dumps(to_table(known), indent=1) + "\n", encoding="utf-8")
    elif costs is not None:
        known = _read(costs)
    else:
        say.note("costs: estimates for one core of a laptop; --calibrate RUN measures this machine")
    size = dnn_size(inputs, layers, units, outputs)
    job = plan_job(
        known,
        hours=hours,
        parameters=size,
        replicas=replicas,
        decoders=decoders,
        shards=shards,
        slots=slots,
        queue=queue,
        utterance_seconds=utterance,
        kept=kept,
        network=None if local else (latency, bandwidth),
    )
    from outergrad.engine.simulated.forecast import forecast

    say.note(f"simulating {replicas} replicas; fifty take about a minute")
    _show(forecast(job), size)


def _read(path: Path) -> "Calibration":
    import msgspec

    from outergrad.recipes.calibration import Calibration

    try:
        return msgspec.convert(json.loads(path.read_text(encoding="utf-8")), Calibration)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot read costs: {error}") from error


def _show(forecast: "Forecast", parameters: int) -> None:
    rows = [
        ("DNN", f"{parameters / 1e6:.1f} million parameters, {parameters * 4 / 1e6:.0f} MB"),
        ("utterances per second", f"{forecast.utterances_per_second:.2f}"),
        ("time per epoch", f"{forecast.epoch_hours:.2f} h"),
        ("updates per second", f"{forecast.updates_per_second:.1f}"),
        (
            "outer staleness, median (95 %)",
            f"{forecast.outer_seconds.median:.3g} ({forecast.outer_seconds.p95:.3g}) s, "
            f"{forecast.outer_updates.median:.4g} updates, "
            f"{forecast.outer_steps.median:.4g} steps of a replica",
        ),
        (
            "inner staleness, median (95 %)",
            f"{forecast.inner_seconds.median:.3g} ({forecast.inner_seconds.p95:.3g}) s, "
            f"{forecast.inner_updates.median:.4g} updates",
        ),
        ("load of a shard's link", f"{forecast.shard_bytes_per_second / 1e6:.1f} MB/s"),
        ("busy", ", ".join(f"{name} {share:.0%}" for name, share in forecast.busy.items())),
        ("bottleneck", f"{forecast.bottleneck}: {forecast.advice}"),
    ]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        typer.echo(f"{name:<{width}}  {value}")
