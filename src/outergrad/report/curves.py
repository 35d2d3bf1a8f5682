"""Records turned into what the figures draw: training curves and ages."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from outergrad.arrays import Float64Array
from outergrad.report.run import Record, Run, Training, number, table

AGES = (
    ("outer", "updates"),
    ("outer", "seconds"),
    ("inner", "updates"),
    ("inner", "seconds"),
)
"""The four ages of a push: of which gradient, in which unit."""
_OVER_TIME = ("criterion", "wer", "frame_error", "updates", "rate")


@dataclass(frozen=True, slots=True)
class Curve:
    """Quantities of one stage over time or epochs.

    Args:
        stage: what was trained.
        position: float64 [n], seconds since the stage began, or epochs; never decreasing.
        values: name of a quantity → float64 [n]; nan where it was not recorded.
    """

    stage: str
    position: Float64Array
    values: Mapping[str, Float64Array]

    def has(self, *names: str) -> bool:
        """Whether one of these quantities was recorded at all."""
        return any(bool(np.isfinite(self.values[name]).any()) for name in names)

    def points(self, name: str) -> tuple[Float64Array, Float64Array]:
        """Positions and values where the quantity was recorded."""
        known = np.isfinite(self.values[name])
        return self.position[known], self.values[name][known]

    def changes(self, name: str) -> list[tuple[float, float]]:
        """Where the quantity took a new value: (position of the last old value, new value).

        A record says what held until it was written, so the change came right after the record
        before.
        """
        positions, values = self.points(name)
        return [
            (float(positions[i]), float(values[i + 1]))
            for i in range(len(values) - 1)
            if values[i + 1] != values[i]
        ]


@dataclass(frozen=True, slots=True)
class Ages:
    """Ages of the gradients at the moment they were pushed.

    Args:
        values: float64 [n], in updates or seconds.
        weights: float64 [n], pushes that each value stands for.
    """

    values: Float64Array
    weights: Float64Array

    def quantile(self, share: float) -> float:
        """The smallest age that at least this share of the pushes does not exceed."""
        order = np.argsort(self.values, kind="stable")
        reached = np.cumsum(self.weights[order]) >= share * self.weights.sum() * (1 - 1e-12)
        return float(self.values[order][int(np.argmax(reached))])


def ce_curves(run: Run) -> list[Curve]:
    """CE training by epoch, one curve a stage: cross-entropy and held-out frame error."""
    return [
        _curve(stage, records, "epoch", ("train_ce", "heldout_ce", "heldout_frame_error", "rate"))
        for stage, records in run.stages("epoch")
    ]


def sequence_curves(run: Run) -> list[Curve]:
    """Sequence training over time, one curve a criterion: its value, held-out WER, frame error."""
    return [
        _curve(training.stage, records, "time", _OVER_TIME)
        for training in run.trainings()
        if (records := training.all("evaluation"))
    ]


def ages(training: Training) -> dict[tuple[str, str], Ages]:
    """(outer or inner, updates or seconds) → ages over all pushes; only what was recorded."""
    found = {}
    pushes = training.all("push")
    for gradient, unit in AGES:
        values: list[float] = []
        weights: list[float] = []
        for push in pushes:
            _gather(push, f"{gradient}_age_{unit}", values, weights)
        if values:
            found[gradient, unit] = Ages(np.array(values), np.array(weights))
    return found


def age_summary(
    training: Training, recorded: Mapping[tuple[str, str], Ages]
) -> dict[tuple[str, str], tuple[float, float]]:
    """(outer or inner, updates or seconds) → median and 95th percentile.

    Of the recorded pushes, which are all of them; the training's own summary only where they are
    gone: that of a training that was resumed may know the pushes since its last start alone.
    """
    summary = {}
    for gradient, unit in AGES:
        given = table(table(table(training.summary.get("staleness")).get(gradient)).get(unit))
        median, p95 = number(given.get("median")), number(given.get("p95"))
        if (gradient, unit) in recorded:
            seen = recorded[gradient, unit]
            summary[gradient, unit] = (seen.quantile(0.5), seen.quantile(0.95))
        elif median is not None and p95 is not None:
            summary[gradient, unit] = (median, p95)
    return summary


def _gather(push: Record, key: str, values: list[float], weights: list[float]) -> None:
    """Ages of one record: of a single push, or of several at once ("count" or a list)."""
    entry = push.get(key)
    many = isinstance(entry, list)
    for item in entry if many else [entry]:  # type: ignore[union-attr]
        age = number(item)
        weight = 1.0 if many else number(push.get("count", 1))
        if age is not None and age >= 0 and weight is not None and weight > 0:
            values.append(age)
            weights.append(weight)


def _curve(stage: str, records: Iterable[Record], axis: str, names: tuple[str, ...]) -> Curve:
    """Records with a position, in order; a clock that restarted with the stage goes on."""
    rows: list[list[float]] = []
    start = last = 0.0
    for record in records:
        position = number(record.get(axis))
        if position is None:
            continue
        if axis == "time" and start + position < last:
            start = last
        last = start + position if axis == "time" else position
        entries = (number(record.get(name)) for name in names)
        rows.append([last, *(np.nan if entry is None else entry for entry in entries)])
    rows.sort(key=lambda row: row[0])
    columns = np.array(rows, dtype=np.float64).reshape(len(rows), 1 + len(names)).T
    return Curve(stage, columns[0], dict(zip(names, columns[1:], strict=True)))
