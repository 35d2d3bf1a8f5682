"""Command `replay`."""

from pathlib import Path
from typing import Annotated

import typer

from outergrad.cli.app import app
from outergrad.cli.options import terminal


@app.command(rich_help_panel="Look inside")
def replay(
    directory: Annotated[Path, typer.Argument(help="Run directory with a finished training.")],
) -> None:
    """Repeat a recorded sequence training in one thread.

    Pull by pull and push by push, as the run recorded them.
    """
    from outergrad.recipes.replay import replay as repeat

    done = repeat(directory, terminal())
    same = "the same bits" if done.difference == 0 else f"differs by {done.difference:.3g} at most"
    typer.echo(
        f"{done.updates} updates repeated, best held-out criterion {done.criterion:.5f}: "
        f"{same} as the model of the run"
    )
