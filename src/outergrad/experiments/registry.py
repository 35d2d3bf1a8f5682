"""The experiments by name."""

import difflib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from outergrad.errors import InputError
from outergrad.experiments import (
    asgd,
    auxiliary,
    control,
    criteria,
    fetch_interval,
    frame_vs_sequence,
    layers,
    scale,
    shuffling,
    table1,
)
from outergrad.experiments.finding import Experiment

EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        module.EXPERIMENT.name: module.EXPERIMENT
        for module in (
            shuffling,
            asgd,
            fetch_interval,
            frame_vs_sequence,
            control,
            layers,
            table1,
            scale,
            criteria,
            auxiliary,
        )
    }
)
"""In the order of the paper; then those that go beyond it."""

ALL = "all"


def chosen(name: str) -> Sequence[Experiment]:
    """The experiment called `name`, or all of them.

    Raises:
        InputError: there is none of that name; suggests the nearest.
    """
    if name == ALL:
        return tuple(EXPERIMENTS.values())
    if name not in EXPERIMENTS:
        near = difflib.get_close_matches(name, EXPERIMENTS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(EXPERIMENTS)}, {ALL}"
        raise InputError(f"unknown experiment {name}: {hint}")
    return (EXPERIMENTS[name],)
