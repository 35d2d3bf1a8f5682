"""The command line application and how it ends: exit codes, errors without a traceback."""

import sys
from typing import Annotated, NoReturn

import typer

from outergrad import __version__
from outergrad.errors import InputError, OutergradError

INTERRUPTED = 130

PANELS = ("Train", "Data", "Use", "Look inside", "Stages of a run, one at a time")
"""Groups of commands in the order of the help page; others follow."""

app = typer.Typer(
    help="Train the acoustic model of a hybrid DNN/HMM speech recognizer for word error.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"outergrad {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def sort_panels() -> None:
    """Put the commands in the order of `PANELS`: the help page follows it."""

    def place(panel: object) -> int:
        return PANELS.index(panel) if isinstance(panel, str) and panel in PANELS else len(PANELS)

    app.registered_commands.sort(key=lambda command: place(command.rich_help_panel))


def main() -> None:
    """Entry point of the `outergrad` command."""
    try:
        # Without standalone mode the command line library returns exit codes, also that of Ctrl-C.
        code = app(standalone_mode=False)
    except InputError as error:
        _fail(str(error), 2)
    except OutergradError as error:
        _fail(str(error), 1)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:
        # Usage errors carry their own exit code and text; all others are ours to mend.
        show = getattr(error, "show", None)
        if show is None:
            raise
        show()
        sys.exit(getattr(error, "exit_code", 2))
    if code == INTERRUPTED:
        _fail("interrupted; what is finished is kept: run the same command again to go on", code)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> NoReturn:
    print(f"outergrad: {message}", file=sys.stderr)
    sys.exit(code)
