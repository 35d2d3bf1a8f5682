"""Runs experiments and writes results, pages and the index."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from outergrad import __version__
from outergrad.config import digest
from outergrad.experiments.cell import Bench
from outergrad.experiments.finding import Experiment, Finding
from outergrad.experiments.registry import EXPERIMENTS
from outergrad.experiments.verdicts import Verdict
from outergrad.recipes.stages import write_json
from outergrad.records import finite
from outergrad.report.experiment import ExperimentReport
from outergrad.report.experiment_page import IndexEntry, write_experiment, write_index

RESULTS = "results.json"


def run_experiment(
    experiment: Experiment,
    bench: Bench,
    out: Path,
    data: str,
    command: str,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Run an experiment; write ``out/NAME/results.json``, its page, figures and CSV.

    Args:
        experiment: which.
        bench: where its cells are run.
        out: folder of all experiments.
        data: what the speech is, in a few words.
        command: what repeats it.
        notes: for the page.

    Returns:
        What results.json holds.
    """
    finding = experiment.run(bench)
    engines = sorted({str(r.cell.config(bench.config).engine) for r in finding.results})
    facts = {
        "Engine": ", ".join(engines) or "simulated",
        "Seeds": ", ".join(map(str, bench.seeds)),
        "Data": data,
        "Configuration": digest(
            experiment.name, bench.config, bench.seeds, sorted({r.digest for r in finding.results})
        ),
    }
    facts["Date"] = datetime.now(UTC).strftime("%Y-%m-%d")
    report = ExperimentReport(
        name=experiment.name,
        title=experiment.title,
        source=experiment.source,
        claim=experiment.claim,
        verdict=finding.verdict.value,
        statements=finding.statements,
        charts=finding.charts,
        paper=finding.paper,
        tables=finding.tables,
        facts=tuple(facts.items()),
        command=command,
        notes=(*notes, *finding.notes),
    )
    folder = out / experiment.name
    write_experiment(folder, report)
    results = _results(experiment, finding, facts, command, bench)
    write_json(folder / RESULTS, results)
    return results


def _results(
    experiment: Experiment, finding: Finding, facts: Mapping[str, str], command: str, bench: Bench
) -> dict[str, Any]:
    return {
        "experiment": experiment.name,
        "source": experiment.source,
        "claim": experiment.claim,
        "verdict": finding.verdict.value,
        "statements": [
            {"claim": s.claim, "verdict": s.verdict, "evidence": s.evidence}
            for s in finding.statements
        ],
        "numbers": finite(finding.numbers),
        "cells": [
            {
                "label": r.cell.label,
                "seed": r.cell.seed,
                "digest": r.digest,
                "failed": r.failed,
                "summary": finite(r.summary),
            }
            for r in finding.results
        ],
        "facts": dict(facts),
        "quick": bench.quick,
        "command": command,
        "version": __version__,
    }


_SAID = {
    Verdict.HOLDS: ("holds", "hold"),
    Verdict.DOES_NOT_HOLD: ("does not hold", "do not hold"),
    Verdict.CANNOT_TELL: ("cannot be told", "cannot be told"),
}


def _parts(verdicts: Sequence[str]) -> str:
    """What became of the statements, in words; nothing where there is only one."""
    if len(verdicts) == 1:
        return ""
    counted = ((verdicts.count(verdict), verbs) for verdict, verbs in _SAID.items())
    said = ", ".join(f"{number} {verbs[number > 1]}" for number, verbs in counted if number)
    return f" (of {len(verdicts)} statements {said})"


def write_overview(out: Path, command: str) -> Path:
    """The index of all experiments that have results in `out`."""
    entries = []
    for name in EXPERIMENTS:
        path = out / name / RESULTS
        if not path.exists():
            continue
        results = json.loads(path.read_text(encoding="utf-8"))
        facts = results["facts"]
        entries.append(
            IndexEntry(
                name,
                EXPERIMENTS[name].title,
                results["source"],
                results["claim"],
                results["verdict"],
                _parts([statement["verdict"] for statement in results["statements"]]),
                ", ".join(f"{key.lower()} {value}" for key, value in facts.items()),
            )
        )
    return write_index(out, entries, command)
