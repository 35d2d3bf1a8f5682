"""How rarely decoders may fetch parameters (Heigold et al. 2014, Fig. 5)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from outergrad.experiments.cell import Bench, Cell, CellResult
from outergrad.experiments.choices import asynchronous
from outergrad.experiments.drawing import longest_time, mean_curves
from outergrad.experiments.finding import Experiment, Finding, failures, formatted, statement
from outergrad.experiments.verdicts import Interval, over_seeds
from outergrad.report.experiment import Chart, Panel, Rows, Series

REPLICAS = 10
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "last layer": {"sequence.layers": "last"},
    "all layers": {"sequence.layers": "all"},
    "last layer, frozen silence": {"sequence.layers": "last", "sequence.freeze_silence": True},
}
FACTORS = (0.125, 0.25, 0.5, 1.0, 2.0)
"""Intervals in epochs of virtual time."""
SHARE = 0.9
"""Of the gain with a fetch before each utterance: at least so much is no loss."""


def _label(variant: str, factor: float) -> str:
    """What a curve is called."""
    return f"{variant}, {factor:g} epoch{'' if factor == 1 else 's'}"


def _factors(bench: Bench) -> tuple[float, ...]:
    return FACTORS[1:4] if bench.quick else FACTORS


def base_cells(bench: Bench) -> list[Cell]:
    """Every variant with a fetch before each utterance."""
    return [
        Cell(f"{label}, each utterance", seed, {**asynchronous(bench, REPLICAS), **settings})
        for seed in bench.seeds
        for label, settings in VARIANTS.items()
    ]


def interval_cells(bench: Bench, epoch: float) -> list[Cell]:
    """Every variant with every interval; `epoch` is the virtual seconds of an epoch."""
    return [
        Cell(
            _label(label, factor),
            seed,
            {
                **asynchronous(bench, REPLICAS),
                **settings,
                "sequence.training.fetch": {
                    "kind": "synchronous",
                    "every": round(factor * epoch, 4),
                },
            },
        )
        for seed in bench.seeds
        for label, settings in VARIANTS.items()
        for factor in _factors(bench)
    ]


def plan(bench: Bench) -> list[Cell]:
    """All cells, with an arbitrary length of an epoch."""
    return [*base_cells(bench), *interval_cells(bench, 60.0)]


def epoch_seconds(results: Sequence[CellResult]) -> float:
    """Virtual seconds of an epoch, mean over results."""
    lengths = [r.epoch_seconds for r in results if r.usable and math.isfinite(r.epoch_seconds)]
    return sum(lengths) / len(lengths) if lengths else math.nan


def largest_without_loss(gains: Mapping[float, float], full: float) -> float:
    """The largest interval up to which no gain is below `SHARE` of `full`; 0 when none is.

    nan when there was nothing to lose: `full` is not positive or not known.
    """
    if not full > 0:
        return math.nan
    found = 0.0
    for interval in sorted(gains):
        if not gains[interval] >= SHARE * full:
            break
        found = interval
    return found


def _ratio(first: Sequence[float], second: Sequence[float], most: float) -> Interval:
    """log2 of a ratio of largest intervals; unknown where the grid ends before the loss begins."""
    if not all(0 < a < most and 0 < b < most for a, b in zip(first, second, strict=True)):
        return over_seeds([math.nan])
    return over_seeds([math.log2(a / b) for a, b in zip(first, second, strict=True)])


def run(bench: Bench) -> Finding:
    """Train with each interval and find where the loss begins."""
    based = bench.run(base_cells(bench))
    epoch = epoch_seconds(based)
    results = [*based, *(bench.run(interval_cells(bench, epoch)) if epoch > 0 else [])]
    found = {(r.cell.label, r.cell.seed): r for r in results if r.usable}
    factors = _factors(bench)

    def gain(label: str, seed: int) -> float:
        return found[label, seed].gain if (label, seed) in found else math.nan

    largest = {
        label: [
            largest_without_loss(
                {f: gain(_label(label, f), seed) for f in factors},
                gain(f"{label}, each utterance", seed),
            )
            for seed in bench.seeds
        ]
        for label in VARIANTS
    }
    last, whole, frozen = (largest[label] for label in VARIANTS)
    statements = (
        statement(
            "updating all layers shortens the largest interval without loss (paper: ½)",
            _ratio(whole, last, factors[-1]),
            "octaves longer than for the last layer",
            most=0.0,
        ),
        statement(
            "not updating the silence states lengthens it (paper: 2 ×)",
            _ratio(frozen, last, factors[-1]),
            "octaves longer than for the last layer",
            least=0.0,
        ),
    )
    unit, seconds = longest_time(results)
    chart = Chart(
        "fetch-interval",
        [
            Panel(
                "gain of the criterion, % of that with a fetch before each utterance",
                "interval, epochs of virtual time",
                [_kept(label, gain, factors, bench.seeds) for label in VARIANTS],
                logarithmic=True,
            ),
            Panel(
                "held-out criterion per frame, last layer",
                f"virtual time, {unit}",
                mean_curves(
                    results,
                    ["last layer, each utterance"]
                    + [_label("last layer", factor) for factor in factors],
                    "criterion",
                    seconds,
                ),
            ),
        ],
        f"{REPLICAS} replicas whose decoders fetch parameters all together every interval: how "
        "much of the gain is left, and the criterion of held-out speech over time.",
    )
    return Finding(
        statements,
        [chart],
        results,
        Rows(
            f"Largest interval that keeps {100 * SHARE:.0f} % of the gain",
            ("Trained", "Paper", "Here, epochs", "Here, virtual seconds"),
            [
                (label, said, formatted(mean), formatted(mean * epoch))
                for (label, values), said in zip(
                    largest.items(), ("15 min", "half of it", "twice as long"), strict=True
                )
                for mean in (over_seeds(values).value,)
            ],
        ),
        numbers={
            "largest_epochs": {
                label: [value if value == value else None for value in values]
                for label, values in largest.items()
            },
            "epoch_seconds": epoch if epoch > 0 else None,
        },
        notes=(
            *failures(results),
            f"Intervals tried: {', '.join(f'{f:g}' for f in factors)} epochs; beyond the largest "
            "nothing is known, and a ratio with it cannot be told.",
        ),
    )


def _kept(label: str, gain: Any, factors: Sequence[float], seeds: Sequence[int]) -> Series:
    """Share of the gain that is left, % by interval, mean over seeds."""
    x, y = [], []
    for factor in factors:
        shares = [
            100.0 * gain(_label(label, factor), s) / full
            for s in seeds
            if (full := gain(f"{label}, each utterance", s)) > 0
        ]
        mean = over_seeds(shares).value
        if math.isfinite(mean):
            x.append(factor)
            y.append(mean)
    return Series(label, x, y)


EXPERIMENT = Experiment(
    "fetch-interval",
    "How rarely may decoders fetch parameters?",
    "Fig. 5",
    "Last layer: up to 15 minutes without loss. All layers halve the largest interval, a frozen "
    "silence model doubles it.",
    plan,
    run,
)
