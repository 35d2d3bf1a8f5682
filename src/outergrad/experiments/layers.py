"""Training the last layer only, or all layers (Heigold et al. 2014, Fig. 7)."""

from outergrad.experiments.cell import Bench, Cell
from outergrad.experiments.choices import SAME_WER, often
from outergrad.experiments.drawing import longest_time, mean_curves, points
from outergrad.experiments.finding import (
    Experiment,
    Finding,
    failures,
    formatted,
    of_label,
    pairs,
    statement,
)
from outergrad.experiments.verdicts import error_reduction, over_seeds
from outergrad.report.experiment import Chart, Panel, Rows

LABELS = {"last layer": "last", "all layers": "all"}
PAPER_WER = 10.9
"""Test word error of both, %."""


def plan(bench: Bench) -> list[Cell]:
    """Both with every seed; all layers are the run of `frame-vs-sequence`."""
    return [
        Cell(label, seed, {"sequence.layers": layers, **often(bench)}, test=True)
        for seed in bench.seeds
        for label, layers in LABELS.items()
    ]


def run(bench: Bench) -> Finding:
    """Train and compare."""
    results = bench.run(plan(bench))
    both = pairs(results, "all layers", "last layer")
    system = str(bench.config.criteria[0])
    criterion = over_seeds([1000 * (whole.best() - last.best()) for whole, last in both])
    words = error_reduction(
        [last.errors[system, "trigram"] for _, last in both],
        [whole.errors[system, "trigram"] for whole, _ in both],
        bench.seeds[0],
    )
    statements = (
        statement(
            "all layers reach a slightly better held-out criterion",
            criterion,
            "thousandths a frame better",
            least=0.0,
        ),
        statement(
            "both have the same test word error (trigram LM)",
            words,
            "points fewer errors with all layers",
            least=-SAME_WER,
            most=SAME_WER,
        ),
    )
    unit, seconds = longest_time(results)
    wers = {label: [r.wer(system, "trigram") for r in of_label(results, label)] for label in LABELS}
    chart = Chart(
        "layers",
        [
            Panel(
                "held-out criterion per frame",
                f"time, {unit}",
                mean_curves(results, list(LABELS), "criterion", seconds),
            ),
            Panel(
                "held-out word error, %",
                f"time, {unit}",
                mean_curves(results, list(LABELS), "wer", seconds),
            ),
            Panel(
                "test word error, %",
                "trained layers",
                [points("test set", [wers[label] for label in LABELS])],
                categories=list(LABELS),
            ),
        ],
        "Sequence training of the last layer and of all layers: criterion and word error "
        "(unigram LM) of held-out speech, mean and range over seeds; word error of the test set "
        "with the trigram LM.",
    )
    return Finding(
        statements,
        [chart],
        results,
        Rows(
            "Test word error, %, by trained layers",
            ("Layers", "Paper", "Here"),
            [
                (label, f"{PAPER_WER}", formatted(over_seeds(w).value, ".1f"))
                for label, w in wers.items()
            ],
        ),
        numbers={
            "wer": wers,
            "criterion_gain": {
                label: [r.gain for r in of_label(results, label)] for label in LABELS
            },
        },
        notes=failures(results),
    )


EXPERIMENT = Experiment(
    "layers",
    "Is it enough to train the last layer?",
    "Fig. 7",
    "Training all layers is slightly better on the criterion; test word error is 10.9 % for both.",
    plan,
    run,
)
