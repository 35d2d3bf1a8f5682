"""All sequence criteria from the same CE models: the table of word errors."""

from collections.abc import Sequence

from outergrad.criteria.config import Kind
from outergrad.evaluation.wer import WordErrors, pool_runs, total_errors
from outergrad.experiments.cell import Bench, Cell, CellResult
from outergrad.experiments.choices import LMS, SAME_WER
from outergrad.experiments.drawing import points
from outergrad.experiments.finding import Experiment, Finding, failures, of_label, pairs, statement
from outergrad.experiments.verdicts import error_reduction
from outergrad.report.experiment import Chart, Panel, Rows

KINDS = (Kind.MMI, Kind.BMMI, Kind.SMBR, Kind.MPE)


def plan(bench: Bench) -> list[Cell]:
    """Every criterion with every seed."""
    return [
        Cell(kind.label, seed, {"criteria": [kind.value]}, test=True)
        for seed in bench.seeds
        for kind in KINDS
    ]


def _pooled(results: Sequence[CellResult], system: str, lm: str) -> WordErrors:
    """Word errors of all seeds together."""
    return total_errors(pool_runs([r.errors[system, lm] for r in results]).values())


def _row(name: str, results: Sequence[CellResult], system: str, lm: str) -> tuple[str, ...]:
    if not results:
        return (lm, name, "–", "–", "–", "–", "–")
    found = _pooled(results, system, lm)
    change = error_reduction(
        [r.errors["ce", lm] for r in results],
        [r.errors[system, lm] for r in results],
        results[0].cell.seed,
    )
    counts = (found.substitutions, found.insertions, found.deletions)
    less = "–" if system == "ce" else change.text("points fewer")
    return (lm, name, f"{found.rate:.2f}", *map(str, counts), less)


def run(bench: Bench) -> Finding:
    """Train with each criterion and recognize the test set."""
    results = bench.run(plan(bench))
    of = {kind: of_label(results, kind.label) for kind in KINDS}
    statements = [
        statement(
            f"{kind.label} makes fewer word errors than CE (test set, {lm} LM)",
            error_reduction(
                [r.errors["ce", lm] for r in of[kind]],
                [r.errors[kind.value, lm] for r in of[kind]],
                bench.seeds[0],
            ),
            "points fewer errors",
            least=0.0,
        )
        for lm in LMS
        for kind in KINDS
    ]
    both = pairs(results, Kind.MMI.label, Kind.SMBR.label)
    statements += [
        statement(
            f"sMBR makes no more word errors than MMI (test set, {lm} LM)",
            error_reduction(
                [mmi.errors[Kind.MMI.value, lm] for mmi, _ in both],
                [smbr.errors[Kind.SMBR.value, lm] for _, smbr in both],
                bench.seeds[0],
            ),
            "points fewer errors with sMBR",
            least=-SAME_WER,
        )
        for lm in LMS
    ]
    base = next((found for found in of.values() if found), [])
    systems = [("CE", "ce", base), *((kind.label, kind.value, of[kind]) for kind in KINDS)]
    rows = [_row(name, found, system, lm) for lm in LMS for name, system, found in systems]
    wers = {
        system: {lm: [r.wer(system, lm) for r in found] for lm in LMS}
        for _, system, found in systems
    }
    chart = Chart(
        "criteria",
        [
            Panel(
                "test word error, %",
                "trained with",
                [points(f"{lm} LM", [wers[system][lm] for _, system, _ in systems]) for lm in LMS],
                categories=[name for name, _, _ in systems],
            )
        ],
        "Word error of the test set by criterion, every one from the same CE models; mean and "
        "interval over seeds.",
    )
    head = ("LM", "Criterion", "WER, %", "Sub", "Ins", "Del", "Against CE")
    return Finding(
        statements,
        [chart],
        results,
        tables=[Rows("Test set, seeds pooled, 95 % interval of the difference", head, rows)],
        numbers={"wer": wers},
        notes=failures(results),
    )


EXPERIMENT = Experiment(
    "criteria",
    "Which criterion saves the most word errors?",
    "beyond the paper",
    "The paper trains with MMI; its machine takes any criterion that gives an outer gradient.",
    plan,
    run,
)
