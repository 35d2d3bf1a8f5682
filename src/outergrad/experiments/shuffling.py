"""Shuffling of frames in CE training: none, on the fly, full (Heigold et al. 2014, Section 4.2)."""

import math

from outergrad.experiments.cell import Bench, Cell, CellResult
from outergrad.experiments.drawing import points
from outergrad.experiments.finding import (
    Experiment,
    Finding,
    failures,
    formatted,
    of_label,
    pairs,
    statement,
)
from outergrad.experiments.verdicts import Interval, error_reduction, over_seeds
from outergrad.report.experiment import Chart, Panel, Rows, Series

SCHEMES = ("none", "on-the-fly", "full")
PAPER_WER = {"none": 15.2, "on-the-fly": 14.5, "full": 14.4}
"""Test word error, %, Icelandic, CE from scratch."""
SAME = 0.5
"""Points of word error that count as no difference: five times the paper's."""
SLOWER = 1.25
"""On-the-fly may take this many times the epochs of full shuffling."""


def plan(bench: Bench) -> list[Cell]:
    """Every scheme with every seed."""
    return [
        Cell(scheme, seed, {"ce.shuffling": scheme}, "ce", test=True)
        for seed in bench.seeds
        for scheme in SCHEMES
    ]


def epochs_to(result: CellResult, target: float) -> float:
    """Epochs until held-out cross-entropy is as low as `target`; inf when it never is."""
    for record in result.epochs:
        if record["heldout_ce"] is not None and record["heldout_ce"] <= target:
            return float(record["epoch"])
    return math.inf


def lowest(result: CellResult) -> float:
    """Lowest held-out cross-entropy; inf without any. Epochs that ran away have none."""
    known = [e["heldout_ce"] for e in result.epochs if e["heldout_ce"] is not None]
    return min(known, default=math.inf)


def run(bench: Bench) -> Finding:
    """Train and compare."""
    results = bench.run(plan(bench))

    def more_errors(first: str, second: str) -> Interval:
        both = pairs(results, first, second)
        return error_reduction(
            [one.errors["ce", "trigram"] for one, _ in both],
            [other.errors["ce", "trigram"] for _, other in both],
            bench.seeds[0],
        )

    times = []
    for full, fly in pairs(results, "full", "on-the-fly"):
        # The higher of the two minima: both get there.
        target = max(lowest(full), lowest(fly))
        times.append(math.log2(epochs_to(fly, target) / epochs_to(full, target)))
    statements = (
        statement(
            "on-the-fly shuffling is no worse than full shuffling (word error, test set)",
            more_errors("on-the-fly", "full"),
            "points more errors",
            most=SAME,
        ),
        statement(
            "without shuffling there are more word errors than on the fly",
            more_errors("none", "on-the-fly"),
            "points more errors",
            least=0.0,
        ),
        statement(
            "on-the-fly shuffling converges as fast as full shuffling (epochs to a common CE)",
            over_seeds(times),
            "octaves more epochs",
            most=math.log2(SLOWER),
        ),
    )
    wers = {s: [r.wer("ce", "trigram") for r in of_label(results, s)] for s in SCHEMES}
    chart = Chart(
        "shuffling",
        [
            Panel(
                "held-out cross-entropy, nats",
                "epoch",
                [
                    Series(
                        f"{s}, seed {r.cell.seed}" if len(bench.seeds) > 1 else s,
                        [float(e["epoch"]) for e in r.epochs if e["heldout_ce"] is not None],
                        [e["heldout_ce"] for e in r.epochs if e["heldout_ce"] is not None],
                    )
                    for s in SCHEMES
                    for r in of_label(results, s)[:1]
                ],
            ),
            Panel(
                "test word error, %",
                "order of frames",
                [points("mean and interval over seeds", [wers[s] for s in SCHEMES])],
                categories=SCHEMES,
            ),
        ],
        "CE training from scratch with frames in recorded order, one from each of as many "
        "places of the stream of utterances as a batch has frames, and in random order: "
        "cross-entropy by epoch (first seed), word error of the test set with the trigram LM.",
    )
    means = {s: over_seeds(wers[s]).value for s in SCHEMES}
    return Finding(
        statements,
        [chart],
        results,
        Rows(
            "Test word error, %, by order of frames",
            ("Order of frames", "Paper", "Here"),
            [(s, f"{PAPER_WER[s]:.1f}", formatted(means[s], ".1f")) for s in SCHEMES],
        ),
        numbers={"wer": wers, "log2_epochs_ratio": times},
        notes=failures(results),
    )


EXPERIMENT = Experiment(
    "shuffling",
    "Is on-the-fly shuffling as good as full shuffling?",
    "Section 4.2, shuffling",
    "CE from scratch: without shuffling 15.2 % word error, on the fly 14.5 %, full 14.4 %.",
    plan,
    run,
)
