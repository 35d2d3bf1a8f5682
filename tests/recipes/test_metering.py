"""What meters write is read as costs per piece of work."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from outergrad.config import to_table
from outergrad.errors import InputError, RunError
from outergrad.recipes.calibration import PUSH_SECONDS, Calibration, _hand_out, calibrate
from outergrad.recipes.metering import Work
from outergrad.recipes.plan import REFERENCE, plan_job
from outergrad.workers.config import FetchPolicy


def records(count: int) -> list[dict[str, float]]:
    """A process that takes 10 ms between pieces, after a start that takes long."""
    return [
        {"time": 5.0 + k * 0.01, "seconds": 0.006, "loading": 0.001, "frames": 3 + k % 2}
        for k in range(count)
    ]


def test_time_is_split_into_work_loading_and_the_rest() -> None:
    work = Work.of(records(11))
    assert len(work.seconds) == len(work.frames) == 8  # less the first fifth, and one to begin at
    assert work.seconds[0] == 0.006
    assert work.loading == pytest.approx(0.001)
    assert work.between == pytest.approx(0.003)
    assert Work.of(records(2)).between == pytest.approx(0.003)


def test_what_was_measured_too_short_a_time_is_not_believed() -> None:
    with pytest.raises(RunError, match="too little"):
        Work.of(records(1))


def test_the_coordinator_is_charged_for_utterances_what_pushes_do_not_explain() -> None:
    looks = []
    time = 100.0
    for _ in range(100):
        for kind, seconds in (("outer", 0.004), ("push", 0.001 + PUSH_SECONDS)):
            time += seconds
            looks.append((kind, time))
    assert _hand_out(looks, 0.001 + PUSH_SECONDS) == pytest.approx(0.004, rel=0.05)
    # Slots run empty: more and slower pushes, and nothing to hand out.
    emptying = [("push", time + k) for k in range(1, 50)]
    assert _hand_out(looks + emptying, 0.001 + PUSH_SECONDS) == pytest.approx(0.004, rel=0.05)
    assert _hand_out(looks, 1.0) == 0.0


def test_a_run_without_a_model_cannot_be_measured(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no CE model to calibrate with"):
        calibrate(tmp_path)


def test_two_processes_of_one_role_are_not_one(tmp_path: Path) -> None:
    for pid in (11, 12):
        (tmp_path / f"decoder-{pid}.jsonl").write_text("")
    with pytest.raises(RunError, match=r"2 processes of role decoder .* some died"):
        Work.read(tmp_path, "decoder")


def test_calibrations_are_kept_as_json(tmp_path: Path) -> None:
    known = replace(REFERENCE, fetch=FetchPolicy("updates", 100.0), shape=(440, 4, 512, 344))
    assert Calibration.of(json.loads(json.dumps(to_table(known))), "x") == known
    job = plan_job(known, parameters=known.parameters, network=None)
    assert job.training.fetch == FetchPolicy("updates", 100.0)
    with pytest.raises(InputError, match=r"costs\.json: cannot read costs: .*parameters"):
        Calibration.of({}, "costs.json")
