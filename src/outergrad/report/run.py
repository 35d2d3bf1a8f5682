"""What a run directory holds for the report: results, records, configuration.

Everything read here is taken as it comes: a part that is missing or damaged is noted and left
out, because a report on half a run is worth more than none.
"""

import json
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from outergrad.errors import InputError
from outergrad.records import read_records

Record = Mapping[str, Any]


_SEQUENCE_KINDS = frozenset({"evaluation", "outer", "push", "gap"})
"""Records that sequence training writes and frame training does not."""
_SUMMARY = ("staleness", "frames", "utterances")


@dataclass(frozen=True, slots=True)
class Training:
    """A sequence training of a run: what is known of one criterion.

    Args:
        stage: its name; empty if only a summary is left and does not tell.
        summary: the run's own numbers (staleness, frames, utterances), as far as there are any.
        records: kind → records in order.
    """

    stage: str
    summary: Mapping[str, Any] = field(default_factory=dict)
    records: Mapping[str, list[Record]] = field(default_factory=dict)

    def all(self, kind: str) -> Sequence[Record]:
        """The records of a kind."""
        return self.records.get(kind, ())


@dataclass(frozen=True, slots=True)
class Run:
    """A run directory as read.

    Args:
        results: the contents of results.json; empty without it.
        records: stage → kind → records in order.
        configuration: text of config.toml, None without it.
        notices: what could not be read, one sentence each.
    """

    results: Mapping[str, Any] = field(default_factory=dict)
    records: Mapping[str, Mapping[str, list[Record]]] = field(default_factory=dict)
    configuration: str | None = None
    notices: tuple[str, ...] = ()

    def stages(self, kind: str) -> Iterator[tuple[str, list[Record]]]:
        """The stages that wrote records of a kind, with these records."""
        for stage, kinds in self.records.items():
            if kind in kinds:
                yield stage, kinds[kind]

    def trainings(self) -> list[Training]:
        """The sequence trainings that belong to the run, in its order.

        Records of criteria that the run once had stay in its folder, so they alone do not count
        where results or configuration name the criteria.
        """
        summaries = self.results.get("sequence")
        recorded = [s for s, kinds in self.records.items() if kinds.keys() & _SEQUENCE_KINDS]
        configured = _criteria(self.configuration)
        if configured is None:
            begun = [] if isinstance(summaries, Mapping) else recorded
        else:
            begun = [stage for stage in configured if stage in recorded]
        names = list(dict.fromkeys((*table(summaries), *begun)))
        by_name = {name: table(summary) for name, summary in table(summaries).items()}
        whole = {key: self.results[key] for key in _SUMMARY if self.results.get(key)}
        # Results without a summary for each criterion are about the only one that there was.
        if not isinstance(summaries, Mapping) and whole and len(names) <= 1:
            names = names or [""]
            by_name = {names[0]: whole}
        return [Training(n, by_name.get(n, {}), self.records.get(n, {})) for n in names]


def load_run(run_dir: Path) -> Run:
    """Read a run directory.

    Args:
        run_dir: folder with results.json, records/*.jsonl and config.toml, each optional.

    Returns:
        What could be read; the rest is in the notices.

    Raises:
        InputError: if there is no such folder.
    """
    if not run_dir.is_dir():
        raise InputError(f"{run_dir}: no such run directory")
    notices: list[str] = []
    records: dict[str, dict[str, list[Record]]] = {}
    for path in sorted(run_dir.glob("records/*.jsonl")):
        try:
            for record in read_records(path):
                stage = str(record.get("stage", path.stem))
                kind = str(record.get("kind", ""))
                records.setdefault(stage, {}).setdefault(kind, []).append(record)
        except InputError as error:
            notices.append(f"Records after the damaged line are left out: {error}")
    return Run(
        results=_results(run_dir / "results.json", notices),
        records=records,
        configuration=_text(run_dir / "config.toml", notices),
        notices=tuple(notices),
    )


def number(value: object) -> float | None:
    """The value if it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer beyond the floats
        return None


def table(value: object) -> Mapping[str, Any]:
    """The value if it is a table, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def _criteria(configuration: str | None) -> list[str] | None:
    """The criteria that a configuration names; None if it does not say."""
    try:
        named = tomllib.loads(configuration or "").get("criteria")
    except tomllib.TOMLDecodeError:
        return None
    return [str(name) for name in named] if isinstance(named, list) else None


def _text(path: Path, notices: list[str]) -> str | None:
    if not path.exists():
        return None
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        notices.append(f"{path.name} could not be read: {error.strerror}.")
        return None


def _results(path: Path, notices: list[str]) -> Mapping[str, Any]:
    text = _text(path, notices)
    if text is None:
        return {}
    try:
        results = json.loads(text)
    except ValueError as error:
        notices.append(f"results.json is not valid JSON and was left out: {error}.")
        return {}
    if not isinstance(results, dict):
        notices.append("results.json holds no table and was left out.")
        return {}
    return results
