import json

import pytest

from outergrad.errors import RunError
from outergrad.workers.config import ScheduleConfig
from outergrad.workers.messages import HeldOut
from outergrad.workers.schedule import Schedule, Verdict

CONFIG = ScheduleConfig(rate=1.0, patience=2, min_improvement=0.1, max_decays=1, divergence=0.5)


def verdicts(schedule, *criteria):
    return [schedule.observe(HeldOut(criterion)).verdict for criterion in criteria]


def test_the_rate_decays_on_a_plateau_and_the_next_plateau_stops():
    schedule = Schedule(CONFIG)
    go, decayed, stop = Verdict.GO_ON, Verdict.DECAYED, Verdict.STOP
    assert verdicts(schedule, -1.0, -0.8, -0.75) == [go, go, go]
    assert schedule.rate == 1.0
    assert verdicts(schedule, -0.74) == [decayed]
    assert schedule.rate == pytest.approx(0.1)
    assert verdicts(schedule, -0.6, -0.59, -0.58) == [go, go, stop]


def test_any_improvement_is_the_best_so_far():
    schedule = Schedule(CONFIG)
    best = [schedule.observe(HeldOut(c)).best for c in (-1.0, -0.99, -0.995, -0.98)]
    assert best == [True, True, False, True]
    assert schedule.best == -0.98


def chosen(select, *seen):
    schedule = Schedule(ScheduleConfig(rate=1.0, select=select))
    return [schedule.observe(HeldOut(c, errors, 0, 0, 100)).best for c, errors in seen]


def test_among_word_errors_within_one_standard_error_the_criterion_decides():
    # Fewest errors 100, 95, 85, 85, 85: equal up to 110, 104.7, 94.2, 94.2, 94.2.
    seen = (-1.0, 100), (-1.1, 95), (-1.2, 85), (-1.1, 93), (-0.9, 96)
    assert chosen("wer", *seen) == [True, False, True, True, False]
    assert chosen("criterion", *seen) == [True, False, False, False, True]


def test_falling_word_errors_are_no_plateau_whatever_the_criterion_does():
    schedule = Schedule(CONFIG)
    seen = ((-1.0, 100), (-1.05, 89), (-1.1, 88), (-1.1, 79), (-1.1, 78), (-1.1, 79))
    found = [schedule.observe(HeldOut(c, e, 0, 0, 500)).verdict for c, e in seen]
    assert found == [Verdict.GO_ON] * 5 + [Verdict.DECAYED]


def test_the_choice_survives_a_restart():
    first, second = (Schedule(ScheduleConfig(rate=1.0)) for _ in range(2))
    first.observe(HeldOut(-1.0, 100, 0, 0, 500))
    first.observe(HeldOut(-1.2, 80, 0, 0, 500))
    second.restore(json.loads(json.dumps(first.state())))
    assert not second.observe(HeldOut(-1.1, 90, 0, 0, 500)).best  # more than 80 + √80
    assert second.observe(HeldOut(-1.3, 70, 0, 0, 500)).best  # 80 is more than 70 + √70


@pytest.mark.parametrize("fallen", [-1.51, float("nan"), float("inf")])
def test_a_fall_far_below_the_start_is_a_divergence_once(fallen):
    schedule = Schedule(CONFIG)
    assert verdicts(schedule, -1.0, -1.4, fallen) == [Verdict.GO_ON] * 2 + [Verdict.DIVERGED]
    schedule.retry()
    assert schedule.rate == pytest.approx(0.1)
    assert verdicts(schedule, fallen) == [Verdict.DIVERGED]
    with pytest.raises(RunError, match="diverged again"):
        schedule.retry()


def test_a_start_that_is_not_a_number_is_an_error():
    with pytest.raises(RunError, match="before the first update"):
        Schedule(CONFIG).observe(HeldOut(float("nan")))


def test_growth_of_deletions_is_warned_of_once():
    schedule = Schedule(CONFIG)
    counts = (10, 16, 17, 30)
    found = [schedule.observe(HeldOut(-1.0, 5, 5, d, 100)).warnings for d in counts]
    # 1.5 times 10, and 1 % of 100 words.
    assert [len(warnings) for warnings in found] == [0, 0, 1, 0]
    assert "from 10 to 17 of 100" in found[2][0]


def test_a_restored_schedule_goes_on_alike():
    curve = (-1.0, -0.8, -0.79, -0.78, -0.7, -0.69, -0.68)
    for cut in range(len(curve)):
        whole, first, second = Schedule(CONFIG), Schedule(CONFIG), Schedule(CONFIG)
        expected = verdicts(whole, *curve)
        before = verdicts(first, *curve[:cut])
        second.restore(json.loads(json.dumps(first.state())))
        assert before + verdicts(second, *curve[cut:]) == expected
        assert second.rate == whole.rate
