"""How long experiments take, before anything was measured."""

from dataclasses import replace

import pytest

from outergrad.experiments.cell import Plan
from outergrad.experiments.estimate import rough_seconds
from outergrad.experiments.registry import EXPERIMENTS
from outergrad.recipes.settings import RunConfig

SPEECH = 600.0


def estimated(name, seeds=(1,), jobs=1, config=None):
    config = config or RunConfig()
    cells = EXPERIMENTS[name].plan(Plan(config, seeds, True))
    return rough_seconds(cells, config, SPEECH, jobs)


def test_who_trains_nothing_wants_costs_of_a_ce_model():
    # Bootstrap and CE of a single run, which are most of half of what `table1` takes.
    assert 0.3 * estimated("table1") < estimated("scale") < estimated("table1")


def test_seeds_and_what_runs_side_by_side_count():
    assert estimated("auxiliary", (1, 2)) == pytest.approx(2 * estimated("auxiliary"))
    assert 0.5 < estimated("auxiliary", jobs=2) / estimated("auxiliary") < 0.75


def test_a_larger_network_takes_longer():
    config = RunConfig()
    large = replace(config, dnn=replace(config.dnn, hidden_units=4 * config.dnn.hidden_units))
    assert estimated("table1", config=large) > 3 * estimated("table1")
