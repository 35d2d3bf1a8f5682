"""The same training without the denominator (Heigold et al. 2014, Section 4.2)."""

from outergrad.experiments.cell import Bench, Cell
from outergrad.experiments.choices import SAME_WER, often
from outergrad.experiments.drawing import longest_time, mean_curves
from outergrad.experiments.finding import Experiment, Finding, failures, of_label, statement
from outergrad.experiments.verdicts import error_reduction
from outergrad.report.experiment import Chart, Panel, Rows

VARIANTS = {
    "realigned often": {"sequence.training.fetch": {"kind": "utterance", "every": 0.0}},
    "aligned once": {"sequence.training.fetch": {"kind": "never", "every": 0.0}},
}


def plan(bench: Bench) -> list[Cell]:
    """Both variants with every seed."""
    return [
        Cell(
            label,
            seed,
            {
                "sequence.outer.criterion.smoothing": 1.0,
                "sequence.training.gap.every": 0,
                # The best of all evaluations is often the first, and so the CE model itself.
                "sequence.training.schedule.select": "last",
                **fetch,
                **often(bench),
            },
            test=True,
        )
        for seed in bench.seeds
        for label, fetch in VARIANTS.items()
    ]


def run(bench: Bench) -> Finding:
    """Train and compare with the CE model."""
    results = bench.run(plan(bench))
    system, seed = str(bench.config.criteria[0]), bench.seeds[0]
    found = {
        label: error_reduction(
            [r.errors["ce", "trigram"] for r in of_label(results, label)],
            [r.errors[system, "trigram"] for r in of_label(results, label)],
            seed,
        )
        for label in VARIANTS
    }
    statements = [
        statement(
            f"the numerator alone, {label}, does not change the test word error (trigram LM)",
            change,
            "points fewer errors than CE",
            least=-SAME_WER,
            most=SAME_WER,
        )
        for label, change in found.items()
    ]
    unit, seconds = longest_time(results)
    chart = Chart(
        "control",
        [
            Panel(
                title,
                f"time, {unit}",
                mean_curves(results, list(VARIANTS), name, seconds),
            )
            for title, name in (
                ("held-out word error, %", "wer"),
                ("held-out frame error, %", "frame_error"),
            )
        ],
        "Training towards the numerator without a denominator, from the CE model: held-out word "
        "error with the unigram LM and frame error, mean and range over seeds. The test set is "
        "recognized with the parameters of the last evaluation.",
    )
    return Finding(
        statements,
        [chart],
        results,
        Rows(
            "Change of the test word error against CE",
            ("Variant", "Paper", "Here"),
            [
                (label, "not significant", change.text("points fewer"))
                for label, change in found.items()
            ],
        ),
        numbers={"word_error_reduction": {k: [i.value, i.low, i.high] for k, i in found.items()}},
        notes=failures(results),
    )


EXPERIMENT = Experiment(
    "control",
    "Is it the denominator that helps?",
    "Section 4.2, control",
    "The same run without the denominator, realigning often or once, changes word error "
    "insignificantly.",
    plan,
    run,
)
