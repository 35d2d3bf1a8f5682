"""Which runs can be replayed; that they come out the same, tests of engines and faults see to."""

from pathlib import Path

import pytest

from outergrad.cli import app
from outergrad.config import to_toml
from outergrad.criteria.config import Kind
from outergrad.engine.simulated.config import NetworkCost, SimulatedConfig
from outergrad.errors import InputError
from outergrad.progress import Silent
from outergrad.recipes.replay import replay
from outergrad.recipes.settings import RunConfig, SequenceConfig
from outergrad.workers.config import AsyncConfig, GapConfig


def trained(run: Path, config: RunConfig, *stages: str) -> None:
    """What is looked at in a run directory before anything is computed."""
    for stage in stages:
        (run / stage / "model").mkdir(parents=True)
        (run / stage / "trace.jsonl").touch()
    (run / "config.toml").write_text(to_toml(config), encoding="utf-8")


def test_what_is_not_there_is_missed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no sequence training has ended"):
        replay(tmp_path, Silent())
    with pytest.raises(InputError, match=r"the sMBR training.* it has not ended"):
        replay(tmp_path, Silent(), Kind.SMBR)
    (tmp_path / "mmi" / "model").mkdir(parents=True)
    with pytest.raises(InputError, match=r"the MMI training.* no order was recorded"):
        replay(tmp_path, Silent())


SIMULATED = RunConfig(
    engine="simulated", simulated=SimulatedConfig(network=NetworkCost(latency=1e-4))
)
FOLLOWING = RunConfig(
    sequence=SequenceConfig(training=AsyncConfig(gap=GapConfig(every=50, reaction="lower-rate")))
)


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (SIMULATED, "the same settings and seed give the same bits"),
        (RunConfig(engine="ray"), "each shard has an order of its own"),
        (FOLLOWING, "the learning rate followed measured gaps"),
    ],
    ids=["network", "ray", "lower-rate"],
)
def test_what_cannot_be_replayed_says_why(config: RunConfig, why: str, tmp_path: Path) -> None:
    trained(tmp_path, config, "smbr")
    with pytest.raises(InputError, match=f"the sMBR training cannot be replayed: .*{why}"):
        replay(tmp_path, Silent())


def test_the_criterion_is_the_one_that_was_trained_or_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    class Enough(Exception):
        pass

    def program(run: Path, config: RunConfig, kind: Kind) -> None:
        asked.append(kind)
        raise Enough

    monkeypatch.setattr("outergrad.recipes.replay.sequence_program", program)
    trained(tmp_path, RunConfig(), "smbr")
    with pytest.raises(Enough):
        replay(tmp_path, Silent())
    trained(tmp_path, RunConfig(), "mmi")
    with pytest.raises(InputError, match="--criterion is needed: choose one of mmi, smbr"):
        replay(tmp_path, Silent())
    for kind in (Kind.MMI, Kind.SMBR):
        with pytest.raises(Enough):
            replay(tmp_path, Silent(), kind)
    assert asked == [Kind.SMBR, Kind.MMI, Kind.SMBR]
    with pytest.raises(Enough):
        app(["replay", str(tmp_path), "--criterion", "mmi"], standalone_mode=False)
    with pytest.raises(InputError, match="--criterion mce: choose one of mmi, bmmi, smbr, mpe"):
        app(["replay", str(tmp_path), "--criterion", "mce"], standalone_mode=False)
