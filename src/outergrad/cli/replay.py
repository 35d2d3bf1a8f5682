"""Command `replay`."""

from pathlib import Path
from typing import Annotated

import typer

from outergrad.cli.app import app
from outergrad.cli.options import terminal
from outergrad.errors import InputError


@app.command(rich_help_panel="Look inside")
def replay(
    directory: Annotated[Path, typer.Argument(help="Run directory with a finished training.")],
    criterion: Annotated[
        str | None,
        typer.Option(
            help="mmi, bmmi, smbr or mpe: whose training, when there is more than one.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Repeat a recorded sequence training in one thread.

    Pull by pull and push by push, as the run recorded them. Not for runs that were resumed, ran on
    a cluster or in virtual time with a network, or whose learning rate followed measured gaps.
    """
    from outergrad.criteria.config import Kind
    from outergrad.recipes.replay import replay as repeat

    kinds = [kind.value for kind in Kind]
    if criterion is not None and criterion not in kinds:
        raise InputError(f"--criterion {criterion}: choose one of {', '.join(kinds)}")
    done = repeat(directory, terminal(), None if criterion is None else Kind(criterion))
    same = "the same bits" if done.difference == 0 else f"differs by {done.difference:.3g} at most"
    typer.echo(
        f"{done.updates} updates repeated, best held-out criterion {done.criterion:.5f}: "
        f"{same} as the model of the run"
    )
