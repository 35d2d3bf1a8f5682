"""What commands show: pictures on a terminal, plain lines without one, a clean end in any case."""

import io
import itertools

import pytest
from rich.console import Console

from outergrad.engine.events import Evaluated, Notice
from outergrad.progress import Silent, Terminal
from outergrad.recipes.listener import watched
from outergrad.workers.messages import Evaluation, EvaluationRequest, HeldOut

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
"""Escape sequences for the cursor."""


def terminal(*, interactive: bool, step: float = 1.0) -> tuple[Terminal, io.StringIO]:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=interactive, width=80, highlight=False)
    ticks = itertools.count()
    return Terminal(console, interval=15.0, clock=lambda: next(ticks) * step), stream


def test_without_a_terminal_lines_come_now_and_then() -> None:
    progress, stream = terminal(interactive=False, step=8.0)
    with progress.board("MMI, utterances visited", "never shown") as show:
        for done in range(1, 5):
            show(done, 9, "picture")
    # The clock goes on by 8 s at each look, so every second call is due.
    assert stream.getvalue().splitlines() == [
        "  MMI, utterances visited: 2 of 9",
        "  MMI, utterances visited: 4 of 9",
    ]


def test_on_a_terminal_the_picture_changes_and_goes_away() -> None:
    progress, stream = terminal(interactive=True)
    with progress.board("work", "first") as show:
        assert "first" in stream.getvalue()
        show(1, 2, "second")
        assert "second" in stream.getvalue()
        progress.note("a line [that] stays")
        assert "a line [that] stays" in stream.getvalue()
    assert stream.getvalue().count(HIDE) == stream.getvalue().count(SHOW) == 1
    assert stream.getvalue().rstrip().endswith("\x1b[2K")  # the last thing done is to erase it


def test_the_picture_is_not_drawn_more_often_than_anybody_can_look() -> None:
    progress, stream = terminal(interactive=True, step=0.05)
    with progress.board("work", "first") as show:
        for k in range(100):
            show(k, 100, f"<{k}>")
    drawn = sum(f"<{k}>" in stream.getvalue() for k in range(100))
    # Each call looks at the clock once, and once more when it draws.
    assert 5 <= drawn <= 100 * 0.05 * 2 / 0.25
    assert drawn < 40


def test_an_interruption_leaves_a_terminal_as_it_was() -> None:
    progress, stream = terminal(interactive=True)

    def interrupted() -> None:
        with watched(progress, "MMI", "local", 10, 0.01) as listener:
            listener(Notice("decoder 0 died"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    text = stream.getvalue()
    assert "MMI on engine local" in text
    assert "decoder 0 died" in text
    assert text.rindex(SHOW) > text.rindex(HIDE)


def test_events_leave_lines() -> None:
    progress, stream = terminal(interactive=False)
    request = EvaluationRequest(1, 380, 0.4, 1e-4, 9.0)
    with watched(progress, "MMI", "local", 10, 0.01) as listener:
        listener(Evaluated(Evaluation(request, HeldOut(-0.25, 6, 2, 2, 100, 30.0)), best=True))
        listener(Notice("learning rate 1e-05"))
    assert stream.getvalue().splitlines() == [
        "  * update 380: criterion -0.25000, WER 10.0 %, frame error 30.0 %",
        "  learning rate 1e-05",
    ]


def test_silence_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with Silent().board("work", "first") as show:
        show(1, 2, "second")
    assert capsys.readouterr() == ("", "")
