"""The command line: options in, exit codes out; everything heavy is imported when it is needed.

Exit codes: 0 done, 1 failed, 2 wrong use or bad input, 130 interrupted (state saved).
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from outergrad.errors import InputError, OutergradError

if TYPE_CHECKING:
    from outergrad.progress import Terminal
    from outergrad.recipes.run import Recipe

INTERRUPTED = 130

app = typer.Typer(
    help="Train the acoustic model of a hybrid DNN/HMM speech recognizer for word error.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

Out = Annotated[Path, typer.Option("--out", help="Run directory; made when missing.")]
Train = Annotated[Path, typer.Option(help="Kaldi data directory of the training speech.")]
Test = Annotated[Path, typer.Option(help="Kaldi data directory of the test speech.")]
LexiconFile = Annotated[Path, typer.Option("--lexicon", help="Lexicon, WORD PHONE PHONE … a line.")]
Dev = Annotated[
    Path | None,
    typer.Option(
        help="Kaldi data directory for tuning. Without it, training speakers are held out."
    ),
]
Arpa = Annotated[
    Path | None, typer.Option("--lm", help="ARPA language model for test decoding, plain or .gz.")
]
LmText = Annotated[
    Path | None,
    typer.Option(
        help="Sentences, one a line, added to the training transcripts for the trigram LM."
    ),
]
Init = Annotated[
    Path | None, typer.Option(help="Model directory whose hidden layers the DNN starts from.")
]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="One setting, section.key=value; can be given many times."),
]
Seed = Annotated[int | None, typer.Option(help="Seed of every random draw. [default: 1]")]


def _from_data(last: str) -> Callable[..., None]:
    """The command that starts from data and goes through stage `last`."""

    def command(
        train: Train,
        test: Test,
        lexicon: LexiconFile,
        out: Out,
        dev: Dev = None,
        lm: Arpa = None,
        lm_text: LmText = None,
        init: Init = None,
        config: ConfigFile = None,
        settings: Set = None,
        seed: Seed = None,
    ) -> None:
        from outergrad.recipes.run import Recipe
        from outergrad.recipes.settings import Inputs

        inputs = Inputs.of(
            train=train, test=test, lexicon=lexicon, dev=dev, lm=lm, lm_text=lm_text, init=init
        )
        Recipe.begin(out, inputs, config, settings or [], seed, _progress()).through(last)

    return command


app.command("run", help="Do everything: all stages below, in order, and a report.")(
    _from_data("score")
)


@app.command()
def demo(out: Out = Path("demo-run"), settings: Set = None, seed: Seed = None) -> None:
    """Make two corpora of spoken queries, train on one, transfer to the other, show the gain."""
    from outergrad.recipes.demo import run_demo

    run_demo(out, settings or [], seed, _progress())


app.command("prepare", help="Check the data, split it, compute features; remembers its inputs.")(
    _from_data("prepare")
)


@app.command()
def bootstrap(out: Out, settings: Set = None) -> None:
    """Train the GMM-HMM: flat start, monophones, tied triphones, alignments."""
    _resume(out, settings).through("bootstrap")


@app.command()
def graph(out: Out, settings: Set = None) -> None:
    """Estimate or read the language models and compile the decoding graphs."""
    _resume(out, settings).through("graph")


@app.command()
def train(
    out: Out,
    criterion: Annotated[str, typer.Option(help="ce (frame error) or mmi (word error).")],
    settings: Set = None,
) -> None:
    """Train the DNN: --criterion ce, then --criterion mmi."""
    if criterion not in ("ce", "mmi"):
        raise InputError(f"--criterion {criterion}: choose ce or mmi")
    _resume(out, settings).through(criterion)


@app.command()
def decode(out: Out, settings: Set = None) -> None:
    """Decode the tuning and the test set with every system and language model."""
    _resume(out, settings).through("decode")


@app.command()
def score(out: Out, settings: Set = None) -> None:
    """Choose the LM weight on the tuning set, count word errors on the test set, report."""
    _resume(out, settings).through("score")


def _progress() -> "Terminal":
    from outergrad.progress import Terminal

    return Terminal()


def _resume(out: Path, settings: list[str] | None) -> "Recipe":
    from outergrad.recipes.run import Recipe

    return Recipe.resume(out, settings or [], _progress())


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
