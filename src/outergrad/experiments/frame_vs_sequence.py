"""Frame error against word error along sequence training (Heigold et al. 2014, Fig. 6)."""

from outergrad.experiments.cell import Bench, Cell, CellResult
from outergrad.experiments.choices import often
from outergrad.experiments.drawing import curves, longest_time
from outergrad.experiments.finding import Experiment, Finding, failures, statement
from outergrad.experiments.verdicts import error_reduction
from outergrad.report.experiment import Chart, Panel, Rows, Series

LABEL = "all layers"
"""The run is the same as that of experiment `layers`."""


def plan(bench: Bench) -> list[Cell]:
    """One training a seed."""
    settings = {"sequence.layers": "all", **often(bench)}
    return [Cell(LABEL, seed, settings, test=True, frames=True) for seed in bench.seeds]


def _against(result: CellResult, label: str) -> Series:
    known = [e for e in result.evaluations if e["wer"] is not None and e["frame_error"] is not None]
    return Series(label, [e["frame_error"] for e in known], [e["wer"] for e in known])


def run(bench: Bench) -> Finding:
    """Train, then compare the CE model with what came of it."""
    results = bench.run(plan(bench))
    usable = [result for result in results if result.usable]
    system, seed = str(bench.config.criteria[0]), bench.seeds[0]
    words, frames = (
        error_reduction([r.errors["ce", "unigram"] for r in usable],
                        [r.errors[system, "unigram"] for r in usable], seed),
        error_reduction([r.frame_errors[system] for r in usable],
                        [r.frame_errors["ce"] for r in usable], seed),
    )  # fmt: skip
    statements = (
        statement(
            "sequence training lowers the word error (test set, unigram LM)",
            words,
            "points fewer word errors",
            least=0.0,
        ),
        statement(
            "the frame error rises meanwhile (held-out speech)",
            frames,
            "points more frame errors",
            least=0.0,
        ),
    )
    unit, seconds = longest_time(usable)
    several = len(usable) > 1
    labels = {r.cell.seed: f"{LABEL}, seed {r.cell.seed}" if several else LABEL for r in usable}
    chart = Chart(
        "frame-vs-sequence",
        [
            Panel(
                "held-out word error, %", f"time, {unit}", curves(usable, [LABEL], "wer", seconds)
            ),
            Panel(
                "held-out frame error, %",
                f"time, {unit}",
                curves(usable, [LABEL], "frame_error", seconds),
            ),
            Panel(
                "held-out word error, %",
                "held-out frame error, %",
                [_against(r, labels[r.cell.seed]) for r in usable],
            ),
        ],
        f"{bench.config.criteria[0].label} from the CE model: word error with the unigram LM and "
        "frame error of held-out speech over time, and one against the other.",
    )
    return Finding(
        statements,
        [chart],
        results,
        Rows(
            "What changes from CE to the chosen model",
            ("Quantity", "Paper", "Here"),
            [
                ("word error, unigram LM", "falls", words.text("points fewer")),
                ("frame error", "rises", frames.text("points more")),
            ],
        ),
        numbers={
            "word_error_reduction": [words.value, words.low, words.high],
            "frame_error_increase": [frames.value, frames.low, frames.high],
        },
        notes=(
            *failures(results),
            "The paper gives Fig. 6 as curves without a table; only their directions are compared.",
        ),
    )


EXPERIMENT = Experiment(
    "frame-vs-sequence",
    "Does word error fall while frame error rises?",
    "Fig. 6",
    "From the CE model, MMI lowers word error while frame error rises.",
    plan,
    run,
)
