"""CE against MMI on the test set (Heigold et al. 2014, Table 1)."""

import math

from outergrad.experiments.cell import Bench, Cell
from outergrad.experiments.choices import LMS
from outergrad.experiments.drawing import points
from outergrad.experiments.finding import Experiment, Finding, failures, formatted, statement
from outergrad.experiments.verdicts import error_reduction, over_seeds
from outergrad.report.experiment import Chart, Panel, Rows

PAPER_WER = {"Icelandic, 60 h": (13.0, 10.9), "English, 3,000 h": (11.7, 10.7)}
"""Test word error of CE and MMI, %, trigram LM."""


def plan(bench: Bench) -> list[Cell]:
    """One training a seed."""
    return [Cell("table 1", seed, test=True) for seed in bench.seeds]


def run(bench: Bench) -> Finding:
    """Train and recognize the test set."""
    results = bench.run(plan(bench))
    usable = [result for result in results if result.usable]
    label = bench.config.criteria[0].label
    systems = ("ce", str(bench.config.criteria[0]))
    wers = {s: {lm: [r.wer(s, lm) for r in usable] for lm in LMS} for s in systems}
    found = {
        lm: error_reduction(
            [r.errors["ce", lm] for r in usable],
            [r.errors[systems[1], lm] for r in usable],
            bench.seeds[0],
        )
        for lm in LMS
    }
    change = found["trigram"]
    before = over_seeds(wers["ce"]["trigram"]).value
    after = over_seeds(wers[systems[1]]["trigram"]).value
    relative = 100.0 * change.value / before if before else float("nan")
    ends = [
        float("nan") if end is None or not before else 100.0 * end / before
        for end in (change.low, change.high)
    ]
    chart = Chart(
        "table1",
        [
            Panel(
                "test word error, %",
                "system",
                [points(f"{lm} LM", [wers[s][lm] for s in systems]) for lm in LMS],
                categories=("CE", label),
            )
        ],
        f"Word error of the test set, CE and {label}; mean and interval over seeds.",
    )
    return Finding(
        (
            statement(
                f"{label} makes fewer word errors than CE (test set, trigram LM)",
                change,
                "points fewer errors",
                least=0.0,
            ),
        ),
        [chart],
        results,
        Rows(
            "Test word error, %, trigram LM",
            ("Data", "CE", label, "Relative change"),
            [
                *(
                    (data, f"{ce:.1f}", f"{mmi:.1f}", f"{100 * (mmi - ce) / ce:+.0f} %")
                    for data, (ce, mmi) in PAPER_WER.items()
                ),
                (
                    "here",
                    formatted(before, ".1f"),
                    formatted(after, ".1f"),
                    f"{-relative:+.0f} % [{-ends[1]:+.0f}, {-ends[0]:+.0f}]"
                    if math.isfinite(relative)
                    else formatted(relative),
                ),
            ],
        ),
        numbers={"wer": wers, "relative_reduction": [relative, *ends]},
        notes=failures(results),
    )


EXPERIMENT = Experiment(
    "table1",
    "How many word errors does sequence training save?",
    "Table 1",
    "Icelandic: CE 13.0 %, MMI 10.9 %. English: CE 11.7 %, MMI 10.7 %.",
    plan,
    run,
)
