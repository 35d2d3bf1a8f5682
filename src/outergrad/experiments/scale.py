"""Hundreds of replicas on thousands of hours, simulated (Heigold et al. 2014, Section 4)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from outergrad.engine.simulated.config import CLUSTER
from outergrad.engine.simulated.forecast import Forecast, Job, Who, forecast
from outergrad.experiments.cell import Bench, Cell
from outergrad.experiments.choices import SHARDS
from outergrad.experiments.finding import Experiment, Finding, statement
from outergrad.experiments.verdicts import over_seeds
from outergrad.recipes.calibration import Calibration
from outergrad.recipes.plan import dnn_size
from outergrad.report.experiment import Chart, Panel, Rows, Series
from outergrad.workers.config import AsyncConfig

HOURS = 3000.0
LAYERS, UNITS, OUTPUTS, INPUTS = 8, 2560, 14_000, 26 * 40
"""The paper gives no width; 2,560 is ours."""
REPLICAS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
DECODERS, SLOTS, QUEUE = 2, 32, 8
PAPER_REPLICAS = 50
WHO: Mapping[Who, str] = {
    "decoder": "decoders",
    "replica": "replicas, computing",
    "fetch": "replicas, fetching",
    "push": "links of replicas, sending",
    "shard": "shards",
}
"""Whose busy share is drawn."""
EFFICIENT = 0.8
"""Cost per hour of speech may be this much of a single replica's, inverted, at the paper's size."""
FLOAT = 4


def plan(bench: Bench) -> list[Cell]:
    """No training: mathematics is synthetic."""
    return []


def job(known: Calibration, replicas: int, seed: int) -> Job:
    """The large task with so many replicas; every worker and every shard has a machine."""
    parameters = dnn_size(INPUTS, LAYERS, UNITS, OUTPUTS)
    costs = replace(known.costs(parameters), network=replace(CLUSTER, update=known.update))
    training = AsyncConfig(
        replicas=replicas,
        decoders=DECODERS,
        shards=SHARDS,
        slots=SLOTS,
        queue=QUEUE,
        backup_seconds=0.0,
        seed=seed,
    )
    return Job(HOURS, parameters, training, costs, known.utterance_seconds, known.kept)


def cost(found: Forecast, replicas: int) -> float:
    """Machine hours per hour of speech, replicas and their decoders counted."""
    return found.epoch_hours * replicas * (1 + DECODERS) / HOURS


def memory(replicas: int) -> list[tuple[str, str, str]]:
    """What each role holds, in MB, from the sizes of its arrays."""
    parameters = dnn_size(INPUTS, LAYERS, UNITS, OUTPUTS) * FLOAT / 1e6
    return [
        ("shard", f"{SHARDS}", f"{parameters / SHARDS:.0f} parameters (SGD keeps no state)"),
        ("decoder", f"{DECODERS * replicas}", f"{parameters:.0f} parameters, and the graph"),
        ("replica", f"{replicas}", f"{3 * parameters:.0f} parameters, gradient, push under way"),
    ]


def _busy(of: Sequence[Forecast], who: Who) -> float:
    """Share of its time, %, mean over seeds."""
    return over_seeds([100.0 * min(1.0, f.busy[who]) for f in of]).value


def run(bench: Bench) -> Finding:
    """Forecast each size with each seed."""
    known = bench.calibration()
    sizes = REPLICAS[:6] if bench.quick else REPLICAS
    found = {n: [forecast(job(known, n, seed)) for seed in bench.seeds] for n in sizes}
    costs = {n: [cost(f, n) for f in of] for n, of in found.items()}
    one = costs[1]
    efficiency = {n: [a / b for a, b in zip(one, c, strict=True)] for n, c in costs.items()}
    stops = next((n for n in sizes if sum(efficiency[n]) / len(one) < 0.5), None)
    interval = over_seeds(efficiency[PAPER_REPLICAS])
    busiest = found[sizes[-1]][0]

    def median(side: str, unit: str) -> list[float]:
        name = f"{side}_{unit}"
        return [over_seeds([getattr(f, name).median for f in of]).value for of in found.values()]

    x = [float(n) for n in sizes]
    panels = [
        Panel(
            "machine hours per hour of speech",
            "replicas",
            [Series("replica with two decoders", x, [over_seeds(c).value for c in costs.values()])],
            logarithmic=True,
        ),
        Panel(
            "age at the push, server updates (median)",
            "replicas",
            [
                Series("outer gradient, updates", x, median("outer", "updates")),
                Series("inner gradient, updates", x, median("inner", "updates")),
            ],
            logarithmic=True,
        ),
        Panel(
            "busy share of their time, %",
            "replicas",
            [
                Series(label, x, [_busy(of, role) for of in found.values()])
                for role, label in WHO.items()
            ],
            logarithmic=True,
        ),
    ]
    seconds = [over_seeds([f.outer_seconds.median for f in of]).value for of in found.values()]
    return Finding(
        (
            statement(
                f"{PAPER_REPLICAS} replicas do an hour of speech at nearly a single one's cost",
                interval,
                "of the single replica's efficiency",
                least=EFFICIENT,
            ),
        ),
        [
            Chart(
                "scale",
                panels,
                f"{HOURS:,.0f} h of speech, {LAYERS} hidden layers of {UNITS:,} units, {OUTPUTS:,} "
                "outputs, on the simulated engine with synthetic mathematics and costs measured "
                "on one core.",
            )
        ],
        [],
        Rows(
            "Size",
            ("", "Paper", "Here"),
            [
                ("hours of speech", "3,000", f"{HOURS:,.0f}"),
                ("hidden layers", "8 (width not given)", f"{LAYERS} × {UNITS:,}"),
                ("outputs", "14,000", f"{OUTPUTS:,}"),
                (
                    "outer age with 50 replicas",
                    "about a minute",
                    f"{seconds[sizes.index(PAPER_REPLICAS)]:.0f} s",
                ),
            ],
        ),
        (
            Rows(
                "By number of replicas",
                ("Replicas", "Hours an epoch", "Efficiency", "Outer age, s", "Bottleneck"),
                [
                    (
                        str(n),
                        f"{over_seeds([f.epoch_hours for f in of]).value:,.1f}",
                        f"{over_seeds(efficiency[n]).value:.2f}",
                        f"{age:.1f}",
                        of[0].bottleneck,
                    )
                    for (n, of), age in zip(found.items(), seconds, strict=True)
                ],
            ),
            Rows("Memory by role, MB", ("Role", "How many", "MB each"), memory(sizes[-1])),
        ),
        numbers={
            "machine_hours_per_hour": {str(n): c for n, c in costs.items()},
            "efficiency": {str(n): e for n, e in efficiency.items()},
        },
        notes=(
            "The paper gives no width of the large network; 2,560 is our choice.",
            f"Efficiency falls below one half at {stops} replicas; busiest there: "
            f"{found[stops][0].bottleneck}."
            if stops is not None
            else f"Efficiency stays above one half up to {sizes[-1]} replicas; busiest: "
            f"{busiest.bottleneck}.",
            f"{SHARDS} shards on a machine each, 10 Gb/s links, 0.2 ms latency, no GPU: the "
            "DNN's costs grow in proportion to its parameters from those that were measured.",
        ),
    )


EXPERIMENT = Experiment(
    "scale",
    "How far does it scale?",
    "Section 4, large task",
    "English, 3,000 hours, 8 hidden layers and 14,000 outputs are trained in the same way; outer "
    "gradients of 50 replicas are about a minute old.",
    plan,
    run,
)
