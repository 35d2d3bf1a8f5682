"""Settings that several experiments share."""

from typing import Any

from outergrad.config import to_table
from outergrad.experiments.cell import Bench

OPEN, QUICK_OPEN = 320, 90
"""Utterances open at a time in all replicas together. The paper's replicas have hundreds of
utterances each; with half an hour of speech, ten minutes with --quick, slots must not hold most of
it at once: whatever the decoders fetch, outer gradients would then be an epoch old."""
SHARDS = 32
"""Of the parameter server of a simulated cluster, a machine each. With the default of engine
`local`, 4, ten replicas fill the links of the shards, and more wait for them."""
LMS = ("unigram", "trigram")
"""Language models of the tables."""
SAME_WER = 1.0
"""Points of test word error that count as no difference; MMI is worth 2.1 in the paper."""


def slots(bench: Bench, replicas: int) -> int:
    """Slots of each of so many replicas."""
    together = QUICK_OPEN if bench.quick else OPEN
    return min(bench.config.sequence.training.slots, max(1, together // replicas))


def asynchronous(bench: Bench, replicas: int) -> dict[str, Any]:
    """`replicas` replicas in virtual time, with measured costs."""
    return {
        "engine": "simulated",
        "simulated": to_table(bench.costs()),
        "sequence.training.replicas": replicas,
        "sequence.training.shards": SHARDS,
        "sequence.training.slots": slots(bench, replicas),
    }


def often(bench: Bench, replicas: int = 1) -> dict[str, Any]:
    """Evaluations often enough for a curve, and patience in proportion; by frames, not by updates,
    which are smaller where many replicas share the open utterances."""
    if bench.quick:
        return {}
    usual = bench.config.sequence.training.slots
    return {
        "sequence.training.schedule.evaluate_every": round(300 * usual / slots(bench, replicas)),
        "sequence.training.schedule.patience": 6,
    }
