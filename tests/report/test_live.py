"""The picture of a training under way: what it says, at any width, without a terminal."""

import re
from dataclasses import replace

import pytest
from rich.console import Console

from outergrad.engine.events import Evaluated, Notice, Statistics
from outergrad.engine.result import Quantiles, Staleness
from outergrad.engine.roster import Presence
from outergrad.report.live import Pace, Training, clock
from outergrad.workers.messages import Evaluation, EvaluationRequest, HeldOut

EMPTY = Training("MMI on engine local", utterances=100)
REPORT = Statistics(
    time=10.0,
    watched=10.0,
    updates=400,
    epoch=0.5,
    epochs=4,
    visits=50,
    failed=2,
    rate=1e-4,
    queues=(3, 0),
    queue=4,
    updates_per_second=40.0,
    utterances_per_second=5.0,
    frames_per_second=1500.0,
    outer=Staleness(Quantiles(22.4, 60.2), Quantiles(0.88, 1.9)),
    inner=Staleness(Quantiles(1.0, 2.0), Quantiles(0.02, 0.05)),
    criterion=-0.0123,
    best=-0.5,
    roster=(
        Presence("replica", 2, 2, 0),
        Presence("decoder", 3, 4, 5),
        Presence("evaluator", 1, 1, 0),
        Presence("shard", 4, 4, 0),
    ),
)
EVALUATED = Evaluated(
    Evaluation(EvaluationRequest(1, 380, 0.4, 1e-4, 9.0), HeldOut(-0.25, 6, 2, 2, 100, 30.0)),
    best=True,
)


def drawn(training: Training, width: int = 100) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(training)
    console.file.close()
    return console.export_text()


def words(text: str) -> str:
    """Without frames and line breaks."""
    return re.sub(r"[\s│╭╮╰╯─━]+", " ", text)


def test_everything_that_matters_is_there() -> None:
    text = words(drawn(EMPTY.after(EVALUATED).after(REPORT)))
    for said in (
        "MMI on engine local",
        "epoch 0.50 of 4, 50 of 400 utterances, 0:10 gone, ? left at most, 2 failed",
        "2 replicas, 3 of 4 decoders (5 restarted), 1 evaluator, 4 shards",
        "5.0 utterances/s, 40.0 updates/s, 15 × real time",
        "3 of 4, 0 of 4",
        "outer age median 22.4 updates, 0.88 s; 95 % below 60.2 updates, 1.9 s",
        "inner age median 1 updates, 0.02 s; 95 % below 2 updates, 0.05 s",
        "in training -0.01230; held out -0.25000, WER 10.0 % (update 380, the best)",
        "0.0001, after 400 updates",
    ):
        assert said in text, (said, text)


def test_before_anything_has_happened() -> None:
    assert "starting" in drawn(EMPTY)
    quiet = replace(
        REPORT, visits=0, outer=None, inner=None, criterion=None, updates_per_second=0.0
    )
    text = words(drawn(EMPTY.after(quiet)))
    assert "nothing done yet" in text
    assert text.count("nothing pushed yet") == 2
    assert "criterion not known yet" in text
    assert EMPTY.after(Notice("a notice changes nothing")) == EMPTY


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_it_fits_any_terminal_and_loses_nothing_to_speak_of(width: int) -> None:
    lines = drawn(EMPTY.after(EVALUATED).after(REPORT), width).splitlines()
    assert max(map(len, lines)) == width
    text = "".join(line.strip("│ ") for line in lines)
    assert "restarted" in text.replace(" ", "") or width < 40
    assert len(lines) <= 12 or width < 100


def test_time_left_follows_the_mean_speed_since_visits_began() -> None:
    # Resumed: the person has waited for ten seconds less than the training has lasted.
    idle = replace(REPORT, time=50.0, watched=40.0, visits=0)
    first = replace(REPORT, time=60.0, watched=50.0, visits=10)
    training = EMPTY.after(idle).after(first)
    assert training.seconds_left is None
    later = training.after(replace(REPORT, time=70.0, watched=60.0, visits=30))
    # Two a second, 400 in all.
    assert later.seconds_left == pytest.approx((400 - 30) / 2)


def test_virtual_time_is_called_so_and_time_left_is_the_persons() -> None:
    training = replace(EMPTY, virtual=True)
    for time, visits in ((10.0, 10), (20.0, 30)):
        training = training.after(
            replace(REPORT, time=1000.0 * time, watched=time, visits=visits, failed=0)
        )
    text = words(drawn(training, 120))
    assert "0:20 gone, 3:05 left at most, 5:33:20 of virtual time" in text
    assert "5.0 utterances/s" in text
    assert "median 22.4 updates, 0.88 virtual s; 95 % below 60.2 updates, 1.9 virtual s" in text


def test_rates_are_smoothed() -> None:
    training = EMPTY.after(replace(REPORT, watched=1.0, visits=1))
    assert training.pace == Pace(5.0, 40.0, 1500.0)
    faster = replace(REPORT, watched=3.0, updates_per_second=90.0, utterances_per_second=5.0)
    pace = training.after(faster).pace
    assert pace is not None
    assert pace.updates == pytest.approx(40.0 + 0.2 * 50.0)
    assert pace.utterances == pytest.approx(5.0)


def test_many_queues_are_summed_up() -> None:
    many = replace(REPORT, queues=(0, 0, 4, 4, 4, 4, 4, 4))
    assert "3.0 of 4 on average, 2 of 8 empty" in words(drawn(EMPTY.after(many)))


def test_durations() -> None:
    assert (clock(0.4), clock(61.2), clock(3725)) == ("0:00", "1:01", "1:02:05")
