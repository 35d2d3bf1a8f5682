"""One, ten and fifty replicas (Heigold et al. 2014, Fig. 4)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from outergrad.experiments.cell import Bench, Cell, CellResult
from outergrad.experiments.choices import SHARDS, asynchronous, often, slots
from outergrad.experiments.drawing import longest_time, mean_curves
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
from outergrad.experiments.verdicts import Interval, over_seeds
from outergrad.report.experiment import Chart, Panel, Rows, Statement

REPLICAS = (1, 10, 50)
LOCAL = (1, 2)
RATES, FURTHER = (0.25, 0.5, 1.0, 2.0), (4.0, 8.0)
"""Learning rates that are tried, relative to the usual one; the latter one after the other where
all before are stable."""
SHARE, HALF = 0.9, 0.5
"""Of the single replica's gain: what others have to reach, too; and what is looked at besides."""
MORE = 3
"""Several replicas may take so many times the single one's epochs: an epoch of theirs is short, and
their largest stable rate smaller."""
FALL = 0.25
"""A training is unstable when the criterion falls below its start by more than this part of it."""


def replicas_of(bench: Bench) -> tuple[int, ...]:
    """How many replicas are compared."""
    return REPLICAS[:2] if bench.quick else REPLICAS


def _rates(bench: Bench) -> list[float]:
    usual = bench.config.sequence.training.schedule.rate
    return [usual * factor for factor in (*RATES, *FURTHER)]


def label_of(replicas: int, engine: str = "simulated") -> str:
    """What a curve is called."""
    return f"{replicas} replica{'' if replicas == 1 else 's'}, {engine}"


def search(bench: Bench, replicas: int) -> list[Cell]:
    """An epoch at each rate with the first seed, in order of the rates."""
    return [
        Cell(
            f"{label_of(replicas)}, rate {rate:g}",
            bench.seeds[0],
            {
                **asynchronous(bench, replicas),
                **often(bench, replicas),
                "sequence.training.schedule.rate": rate,
                "sequence.training.schedule.epochs": 1,
                "sequence.training.schedule.patience": 100,
            },
        )
        for rate in _rates(bench)
    ]


def stable(result: CellResult, fall: float = FALL) -> bool:
    """Whether it came to an end and the held-out criterion was never lost, nor fell below its start
    by more than `fall` times its size."""
    _, values = result.curve("criterion")
    if not result.usable or len(values) < len(result.evaluations) or not values:
        return False
    return min(values) >= values[0] - fall * abs(values[0])


def ran_away(result: CellResult) -> bool:
    """Whether it failed, or its held-out criterion was lost or fell by more than its own size.

    Such a training goes back to its best parameters and a lower rate, once, and may end well.
    """
    return not stable(result, fall=1.0)


def _bears(result: CellResult) -> bool:
    """Whether it was stable, and at the rate that it began with."""
    rates = {evaluation["rate"] for evaluation in result.evaluations}
    return stable(result) and len(rates) == 1


def largest_stable(results: Sequence[CellResult], rates: Sequence[float]) -> tuple[float, str]:
    """The largest rate up to which all are stable, and in words.

    Args:
        results: of the smallest rates, in order of these.
        rates: all that might be tried.

    Where the grid ends before that is known, the words say so: the smallest rate is taken when
    not even that is stable, and beyond the largest nothing is known.
    """
    number = 0
    while number < len(results) and _bears(results[number]):
        number += 1
    if number == 0:
        return rates[0], f"below {rates[0]:g}"
    found = rates[number - 1]
    return found, f"{found:g}" + (" or more" if number == len(rates) else "")


def main_cells(bench: Bench, rates: dict[int, float]) -> list[Cell]:
    """The trainings that are compared."""
    cells = []
    for seed in bench.seeds:
        for count, rate in rates.items():
            settings = {"sequence.training.schedule.rate": rate, **_longer(bench, count)}
            cells.append(Cell(label_of(count), seed, {**asynchronous(bench, count), **settings}))
        if not bench.quick:
            cells += [
                Cell(
                    label_of(count, "local"),
                    seed,
                    {
                        "engine": "local",
                        "sequence.training.replicas": count,
                        "sequence.training.schedule.rate": rates[1],
                        **often(bench),
                    },
                )
                for count in LOCAL
            ]
    return cells


def _longer(bench: Bench, count: int) -> dict[str, Any]:
    """Evaluations, epochs and patience of a training with so many replicas."""
    settings, more = often(bench, count), 1 if count == 1 else MORE
    usual = bench.config.sequence.training.schedule
    patience = settings.get("sequence.training.schedule.patience", usual.patience)
    return {
        **settings,
        "sequence.training.schedule.epochs": more * usual.epochs,
        "sequence.training.schedule.patience": more * patience,
    }


def plan(bench: Bench) -> list[Cell]:
    """Search and trainings, the latter with the smallest rate in place of what will be found."""
    counts = replicas_of(bench)
    searched = [cell for count in counts for cell in search(bench, count)[: len(RATES)]]
    return [*searched, *main_cells(bench, dict.fromkeys(counts, _rates(bench)[0]))]


def time_to(result: CellResult, target: float) -> float:
    """Seconds until the criterion of the training speech has reached `target`, interpolated; inf
    when it never does."""
    times, values = result.curve("training")
    before: tuple[float, float] | None = None
    for time, value in zip(times, values, strict=True):
        if value >= target:
            if before is None or value == before[1]:
                return time
            share = (target - before[1]) / (value - before[1])
            return before[0] + share * (time - before[0])
        before = (time, value)
    return math.inf


def speed_up(one: CellResult, many: CellResult, share: float = SHARE) -> float:
    """How many times sooner `many` has reached `share` of what `one` gains; 0 when it never has.

    nan when `one` gains nothing. What counts is the criterion of the training speech from the first
    pass to the best.
    """
    _, values = one.curve("training")
    gain = max(values) - values[0] if values else 0.0
    if not gain > 0:
        return math.nan
    if not many.usable:
        return 0.0
    target = values[0] + share * gain
    needed = time_to(many, target)
    return time_to(one, target) / needed if needed > 0 else math.nan


def _sooner(count: int, ups: Sequence[float]) -> Statement:
    claim = (
        f"{count} replicas reach {100 * SHARE:.0f} % of the single replica's gain on the training "
        "speech sooner"
    )
    if ups and all(up == 0 for up in ups):
        return refuted(claim, f"none of {len(ups)} trainings reaches it")
    return statement(claim, _octaves(ups), "octaves sooner, in virtual time", least=0.0)


def _octaves(ups: Sequence[float]) -> Interval:
    # Logarithms: twice as fast and half as fast are equally far from equal.
    return over_seeds([math.log2(up) if up > 0 else math.nan for up in ups])


def _stays_stable(count: int, results: Sequence[CellResult]) -> Statement:
    claim = f"{count} replicas stay stable"
    of = of_label(results, label_of(count), usable=False)
    unstable = sum(ran_away(result) for result in of)
    if unstable:
        return refuted(claim, f"{unstable} of {len(of)} trainings failed or ran away")
    # Held-out speech gets worse in the end without any instability, too.
    curves = [result.curve("training")[1] or [math.nan] for result in of]
    return statement(
        claim,
        over_seeds([(min(values) - values[0]) / abs(values[0]) for values in curves]),
        "of its size, lowest criterion of a pass through the training speech against the first",
        least=-FALL,
    )


def _searched(bench: Bench, counts: Sequence[int]) -> dict[int, list[CellResult]]:
    """An epoch at each rate, up to the first beyond `RATES` that is not stable."""
    cells = {count: search(bench, count) for count in counts}
    size = len(RATES)
    tried = bench.run([cell for of in cells.values() for cell in of[:size]])
    found = {count: tried[k * size : (k + 1) * size] for k, count in enumerate(counts)}
    for number in range(size, size + len(FURTHER)):
        going = [c for c in counts if len(found[c]) == number and all(map(_bears, found[c]))]
        more = bench.run([cells[count][number] for count in going])
        for count, result in zip(going, more, strict=True):
            found[count].append(result)
    return found


def _trained(
    bench: Bench, rates: Mapping[int, float]
) -> tuple[dict[int, float], list[CellResult], list[CellResult]]:
    """Train; where a training runs away after the epoch of the search, at the next smaller rate.

    Returns:
        The rates in the end, the trainings with these, and those that were given up.
    """
    now, fallen = dict(rates), list[CellResult]()
    while True:
        results = bench.run(main_cells(bench, now))
        lower = dict[int, float]()
        for count, rate in now.items():
            of = of_label(results, label_of(count), usable=False)
            smaller = [other for other in _rates(bench) if other < rate]
            if smaller and any(map(ran_away, of)):
                lower[count] = smaller[-1]
                fallen += of
        if not lower:
            return now, results, fallen
        now |= lower


def run(bench: Bench) -> Finding:
    """Find rates, train, compare."""
    counts = replicas_of(bench)
    searched = _searched(bench, counts)
    known = {count: largest_stable(searched[count], _rates(bench)) for count in counts}
    rates, results, fallen = _trained(bench, {count: rate for count, (rate, _) in known.items()})
    shown = {c: known[c][1] if rates[c] == known[c][0] else f"{rates[c]:g}" for c in counts}

    def against_one(count: int, share: float) -> list[float]:
        both = pairs(results, label_of(1), label_of(count), usable=False)
        return [speed_up(one, many, share) for one, many in both]

    ups = {count: against_one(count, SHARE) for count in counts[1:]}
    half = {count: against_one(count, HALF) for count in counts[1:]}
    statements = [_sooner(count, values) for count, values in ups.items()]
    statements += [_stays_stable(count, results) for count in counts[1:]]
    simulated = [r for r in results if r.cell.label in {label_of(c) for c in counts}]
    unit, seconds = longest_time(simulated)
    charts = [
        _chart("asgd", simulated, [label_of(c) for c in counts], f"virtual time, {unit}", seconds)
    ]
    if not bench.quick:
        local = [label_of(count, "local") for count in LOCAL]
        real = [r for r in results if r.cell.label in local]
        unit, seconds = longest_time(real)
        charts.append(_chart("asgd-local", real, local, f"real time, {unit}", seconds))
    rows = []
    for count in counts:
        of = of_label(results, label_of(count))
        up, soon = (
            2.0 ** _octaves(found[count]).value if count in found else 1.0 for found in (ups, half)
        )
        ages = [r.summary["staleness"] for r in of]
        rows.append(
            (
                label_of(count),
                f"{rates[count]:g}",
                _reached(soon, half.get(count, ())),
                *(_reached(x, ups.get(count, ())) for x in (up, up / count)),
                formatted(over_seeds([r.epoch_seconds for r in of]).value),
                *(_median_age(ages, side) for side in ("outer", "inner")),
            )
        )
    return Finding(
        statements,
        charts,
        [*(tried for of in searched.values() for tried in of), *fallen, *results],
        Rows(
            "Rates",
            ("Replicas", "Paper: largest stable rate", "Here"),
            [(f"{c}", "0.002" if c == 1 else "0.001", shown[c]) for c in counts],
        ),
        (
            Rows(
                "Speed and staleness (medians), simulated",
                (
                    "Run",
                    "Rate",
                    f"Speed-up to {100 * HALF:.0f} % of the gain",
                    f"To {100 * SHARE:.0f} %",
                    "Efficiency",
                    "Virtual seconds an epoch",
                    "Outer age, updates",
                    "Inner age",
                ),
                rows,
            ),
        ),
        numbers={
            "rates": {str(c): r for c, r in rates.items()},
            "speed_up": {str(c): [u for u in v if math.isfinite(u)] for c, v in ups.items()},
            "speed_up_half": {str(c): [u for u in v if math.isfinite(u)] for c, v in half.items()},
        },
        notes=(
            *failures(results),
            "A rate is stable when the held-out criterion falls by at most "
            f"{100 * FALL:.0f} % of its size in an epoch, and never by more than its size.",
            f"Several replicas may take {MORE} times the single one's epochs. The gain is counted "
            "from the mean over the first pass through the training speech. The criterion of the "
            "training speech is a mean over a pass through it, each utterance with the parameters "
            "that it was decoded with.",
            "Rates are per frame here, gradients being summed over the batch and not multiplied "
            "by the acoustic scale, so they do not compare with the paper's in size.",
            f"Virtual time counts measured costs of one core for each worker, {SHARDS} shards, and "
            "a 10 Gb/s network with 0.2 ms latency.",
            f"With {counts[-1]} replicas a batch has {slots(bench, counts[-1])} frames, one of "
            "each open utterance, so that not most of the speech is open at once; the paper's "
            "have 32. Part of a batch's cost does not depend on its frames, so small batches "
            "make the speed-up smaller.",
        ),
    )


def _reached(value: float, ups: Sequence[float]) -> str:
    if math.isfinite(value):
        return f"{value:.2f}"
    return "not reached" if 0.0 in ups else "–"


def _median_age(ages: Sequence[Mapping[str, Any]], side: str) -> str:
    medians = [age[side]["updates"]["median"] for age in ages]
    if any(median is None for median in medians):
        return "–"
    return formatted(over_seeds(medians).value)


def _chart(
    name: str, results: Sequence[CellResult], labels: Sequence[str], axis: str, seconds: float
) -> Chart:
    titles = {
        "training": "criterion of training speech per frame",
        "criterion": "held-out criterion per frame",
        "wer": "held-out word error, %",
    }
    return Chart(
        name,
        [
            Panel(title, axis, mean_curves(results, labels, key, seconds))
            for key, title in titles.items()
        ],
        "Criterion of training speech (mean over a pass), criterion and word error (unigram LM) of "
        "held-out speech over time; each run with its largest stable rate, divided by 10 on a "
        "plateau; mean and range over seeds.",
    )


EXPERIMENT = Experiment(
    "asgd",
    "Do more replicas converge faster?",
    "Fig. 4",
    "More replicas converge faster and stay stable: 1, 10, 50 replicas, rate 0.002 for one and "
    "0.001 for several, divided by 10 when the curve flattens.",
    plan,
    run,
)
