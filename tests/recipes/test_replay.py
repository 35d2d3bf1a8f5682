"""Which runs can be replayed; that they come out the same, tests of engines and faults see to."""

from dataclasses import replace
from pathlib import Path

import pytest

from outergrad.config import to_toml
from outergrad.engine.simulated.config import NetworkCost, SimulatedConfig
from outergrad.errors import InputError
from outergrad.progress import Silent
from outergrad.recipes.replay import replay
from outergrad.recipes.settings import RunConfig


def test_what_cannot_be_replayed_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its training has not ended"):
        replay(tmp_path, Silent())
    (tmp_path / "mmi" / "model").mkdir(parents=True)
    with pytest.raises(InputError, match="no order was recorded"):
        replay(tmp_path, Silent())
    (tmp_path / "mmi" / "trace.jsonl").touch()
    simulated = SimulatedConfig(network=NetworkCost(latency=1e-4))
    config = replace(RunConfig(), engine="simulated", simulated=simulated)
    (tmp_path / "config.toml").write_text(to_toml(config), encoding="utf-8")
    with pytest.raises(InputError, match="the same settings and seed give the same bits"):
        replay(tmp_path, Silent())
