"""Old outer gradients under three auxiliary functions (Heigold et al. 2014, Fig. 3)."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from outergrad.experiments.cell import Bench, Cell, CellResult
from outergrad.experiments.choices import asynchronous
from outergrad.experiments.drawing import points
from outergrad.experiments.finding import (
    Experiment,
    Finding,
    failures,
    formatted,
    of_label,
    pairs,
    refuted,
    statement,
)
from outergrad.experiments.verdicts import over_seeds
from outergrad.report.experiment import Chart, Panel, Rows, Statement

REPLICAS = 10
KINDS = {
    "tangential contact": "tangential",
    "proximal (floor)": "proximal",
    "bounded contact": "bounded",
}
SHORTEST = 10
"""Server updates between two fetches of a decoder, times 1."""
INTERVALS: Mapping[str, Mapping[str, Any]] = {
    **{
        f"× {factor}": {"kind": "updates", "every": float(SHORTEST * factor)}
        for factor in (1, 10, 100)
    },
    "never": {"kind": "never", "every": 0.0},
}


def plan(bench: Bench) -> list[Cell]:
    """Every auxiliary function with every interval and seed, at one rate."""
    return [
        Cell(
            f"{label}, {interval}",
            seed,
            {
                **asynchronous(bench, REPLICAS),
                "sequence.auxiliary.kind": kind,
                "sequence.training.fetch": dict(fetch),
            },
        )
        for seed in bench.seeds
        for label, kind in KINDS.items()
        for interval, fetch in INTERVALS.items()
    ]


def held_out_wer(result: CellResult) -> float:
    """Held-out word error where the criterion was best, %; nan without evaluations."""
    # A training that runs away for a while has evaluations whose criterion is no number.
    known = [e for e in result.evaluations if None not in (e.get("wer"), e.get("criterion"))]
    return max(known, key=lambda e: e["criterion"])["wer"] if known else math.nan


def last_gain(result: CellResult) -> float:
    """By how much the criterion had risen at the end; nan without evaluations."""
    values = result.curve("criterion")[1]
    return values[-1] - values[0] if values else math.nan


# At the best evaluation a training that ran away has gained nothing; at the end it has lost.
CLAIMS: Sequence[tuple[str, Callable[[CellResult], float]]] = (
    (
        "with outer gradients as old as “{interval}” makes them, the {label} gains more than "
        "tangential contact",
        lambda result: result.gain,
    ),
    (
        "at the end of training with “{interval}” the {label} has kept more than tangential "
        "contact",
        last_gain,
    ),
)


def _gains_more(
    results: Sequence[CellResult],
    claim: str,
    label: str,
    interval: str,
    gain: Callable[[CellResult], float],
) -> Statement:
    """A claim that an auxiliary function gains more than tangential contact."""
    ours = of_label(results, f"{label}, {interval}", usable=False)
    failed = sum(not result.usable for result in ours)
    if failed:
        return refuted(claim, f"{failed} of {len(ours)} trainings with it ran away for good")
    both = pairs(results, f"{label}, {interval}", f"{next(iter(KINDS))}, {interval}", usable=False)
    return statement(
        claim,
        over_seeds([1000 * (gain(one) - gain(other)) for one, other in both]),
        "thousandths of the held-out criterion a frame more",
        least=0.0,
    )


def run(bench: Bench) -> Finding:
    """Train with every pair and compare what is gained."""
    results = bench.run(plan(bench))
    statements = [
        _gains_more(results, claim.format(interval=interval, label=label), label, interval, gain)
        for claim, gain in CLAIMS
        for label in list(KINDS)[1:]
        for interval in list(INTERVALS)[2:]
    ]
    rows = []
    for label in KINDS:
        for interval in INTERVALS:
            of = of_label(results, f"{label}, {interval}")
            rows.append(
                (
                    f"{label}, {interval}",
                    formatted(over_seeds([1000 * r.gain for r in of]).value, ".2f"),
                    formatted(over_seeds([1000 * last_gain(r) for r in of]).value, ".2f"),
                    formatted(over_seeds([held_out_wer(r) for r in of]).value, ".2f"),
                )
            )
    quantities: tuple[tuple[str, Callable[[CellResult], float]], ...] = (
        ("gain of the held-out criterion, thousandths a frame", lambda r: 1000 * r.gain),
        ("held-out word error at the best criterion, %", held_out_wer),
    )
    panels = [
        Panel(
            title,
            "fetch interval",
            [
                points(
                    label,
                    [[of(r) for r in of_label(results, f"{label}, {name}")] for name in INTERVALS],
                )
                for label in KINDS
            ],
            categories=list(INTERVALS),
        )
        for title, of in quantities
    ]
    chart = Chart(
        "auxiliary",
        panels,
        f"{REPLICAS} replicas; decoders fetch parameters every {SHORTEST} server updates (× 1), "
        "ten or a hundred times as rarely, or never: what is gained with each auxiliary function "
        "at the same rate, mean and interval over seeds.",
    )
    head = ("Auxiliary function, interval", "Best gain / 1000", "Last gain / 1000", "WER, %")
    return Finding(
        statements,
        [chart],
        results,
        tables=[Rows("Held-out speech, mean over seeds", head, rows)],
        numbers={
            "gain": {
                f"{label}, {interval}": [r.gain for r in of_label(results, f"{label}, {interval}")]
                for label in KINDS
                for interval in INTERVALS
            }
        },
        notes=failures(results),
    )


EXPERIMENT = Experiment(
    "auxiliary",
    "Does a proximal term let outer gradients grow older?",
    "Sections 3 and 5, idea",
    "The paper uses tangential contact (Eq. 3) and names lower bounds as an alternative; the "
    "proximal term is extended Baum-Welch's, a bound only where it is large.",
    plan,
    run,
)
