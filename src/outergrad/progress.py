"""What a long command shows while it works: bars on a terminal, plain lines in a log.

Everything below the command line takes a `Progress` and never prints by itself.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as RichProgress,
)

Advance = Callable[[int, int], None]
"""Called with (done, total) as the work goes on."""

Show = Callable[[int, int, RenderableType], None]
"""Called with (done, total, picture) as the work goes on."""

REFRESH_SECONDS = 0.25
"""A picture is drawn anew no sooner."""


class Progress(Protocol):
    """What a stage may say to the person who waits for it."""

    def task(self, description: str) -> AbstractContextManager[Advance]:
        """A bar for one piece of work; call what it yields with (done, total)."""
        ...

    def board(self, description: str, first: RenderableType) -> AbstractContextManager[Show]:
        """A picture for one piece of work, first `first`; call what it yields with a new one.

        Where there is no terminal, lines with `description`, done and total, as for a `task`.
        """
        ...

    def note(self, text: str) -> None:
        """One line worth reading, kept above bars and picture."""
        ...

    def show(self, item: RenderableType) -> None:
        """A table or other rich renderable."""
        ...


class Silent:
    """Shows nothing; for tests and for library use."""

    @contextmanager
    def task(self, description: str) -> Iterator[Advance]:
        """No bar."""
        yield lambda done, total: None

    @contextmanager
    def board(self, description: str, first: RenderableType) -> Iterator[Show]:
        """No picture."""
        yield lambda done, total, picture: None

    def note(self, text: str) -> None:
        """No line."""

    def show(self, item: RenderableType) -> None:
        """No table."""


class Terminal:
    """Bars and pictures on a terminal; without one, a line every `interval` seconds."""

    def __init__(
        self,
        console: Console | None = None,
        interval: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._interval = interval
        self._clock = clock

    @contextmanager
    def task(self, description: str) -> Iterator[Advance]:
        """A bar that disappears when its work is done."""
        if not self.console.is_terminal:
            yield self._lines(description)
            return
        columns = (
            TextColumn("  {task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with RichProgress(*columns, console=self.console, transient=True) as bars:
            task = bars.add_task(description, total=None)
            yield lambda done, total: bars.update(task, completed=done, total=total)

    @contextmanager
    def board(self, description: str, first: RenderableType) -> Iterator[Show]:
        """A picture below the notes that disappears when its work is done, however it ends."""
        if not self.console.is_terminal:
            advance = self._lines(description)
            yield lambda done, total, picture: advance(done, total)
            return
        # Drawn by whoever calls, when there is something new: a thread would cost time for nothing.
        with Live(first, console=self.console, auto_refresh=False, transient=True) as live:
            live.refresh()
            last = self._clock()

            def show(done: int, total: int, picture: RenderableType) -> None:
                nonlocal last
                if self._clock() - last >= REFRESH_SECONDS:
                    last = self._clock()
                    live.update(picture, refresh=True)

            yield show

    def _lines(self, description: str) -> Advance:
        last = self._clock()

        def advance(done: int, total: int) -> None:
            nonlocal last
            if self._clock() - last >= self._interval:
                last = self._clock()
                self.console.print(f"  {description}: {done} of {total}")

        return advance

    def note(self, text: str) -> None:
        """One line; markup in it is shown as it is, for ids and paths are untrusted."""
        self.console.print(text, markup=False)

    def show(self, item: RenderableType) -> None:
        """A table or other rich renderable."""
        self.console.print(item)
