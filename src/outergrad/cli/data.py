"""Commands about data: validate, pronounce, get."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from outergrad.cli.app import app
from outergrad.cli.options import ConfigFile, Set, terminal
from outergrad.errors import InputError

if TYPE_CHECKING:
    from rich.console import RenderableType

PANEL = "Train"


@app.command(rich_help_panel=PANEL)
def validate(
    data: Annotated[
        Path, typer.Argument(metavar="DIR", help="Speech with transcripts, in any known layout.")
    ],
    lexicon: Annotated[Path, typer.Argument(metavar="LEXICON", help="Pronunciations.")],
    config: ConfigFile = None,
    settings: Set = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    problems_in: Annotated[
        Path | None,
        typer.Option("--problems", help="Folder for all problems, JSON lines and a table."),
    ] = None,
) -> None:
    """Say what is wrong with a corpus before training.

    Exit code 2 when it is unusable.
    """
    from outergrad.corpus import render_problems, write_problems
    from outergrad.recipes.settings import read_config
    from outergrad.recipes.validate import validate as judge

    progress = terminal()
    report, problems = judge(data, lexicon, read_config(config, settings or []), progress)
    if problems_in is not None:
        write_problems(problems, problems_in)
    if as_json:
        print(json.dumps(report, ensure_ascii=False, indent=1))
    else:
        if problems:
            progress.show(render_problems(problems))
        progress.show(_facts(report))
    if not report["usable"]:
        good = report["utterances"]
        raise InputError(
            f"{data} cannot be used as it is: {report['left_out_share']:.1%} of its utterances "
            f"would be left out, {good} {'is' if good == 1 else 'are'} good"
        )


@app.command(rich_help_panel=PANEL)
def pronounce(
    data: Annotated[
        Path, typer.Argument(metavar="DIR", help="Speech with transcripts, in any known layout.")
    ],
    language: Annotated[str, typer.Option(help="Language of espeak-ng, like en-us, is, de.")],
    out: Annotated[Path, typer.Option(help="Lexicon to write.")],
    lexicon: Annotated[
        Path | None, typer.Option(help="Lexicon in the same phones; only its gaps are filled.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was added as JSON.")] = False,
) -> None:
    """Make a lexicon with espeak-ng, or fill the gaps of one."""
    from outergrad.recipes.pronounce import pronounce as make

    added = make(data, language, out, lexicon, terminal())
    if as_json:
        print(json.dumps(added, ensure_ascii=False, indent=1))


def _facts(report: dict[str, Any]) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    from outergrad.corpus.problems import printable
    from outergrad.recipes.estimate import in_words, range_in_words

    seconds, speakers, estimate = report["seconds"], report["speakers"], report["estimate"]
    total = estimate["total_seconds"]
    who = f"{speakers['count']}" if speakers["known"] else "unknown: each utterance by itself"
    rows = {
        "layout": report["layout"],
        "usable": "yes" if report["usable"] else "NO",
        "utterances": f"{report['utterances']}, left out {report['left_out']}",
        "speech": f"{in_words(seconds['total'])}; utterances {seconds['shortest']:g} to "
        f"{seconds['longest']:g} s, median {seconds['median']:g} s",
        "speakers": who,
        "phones per second": str(report["phones_per_second"]),
        "lexicon": f"{report['lexicon']['words']} words, {len(report['lexicon']['phones'])} phones",
        "phones never said": " ".join(report["lexicon"]["phones_without_speech"]) or "none",
        "training takes": f"about {range_in_words(*total)} on two cores, "
        f"{estimate['disk_bytes'] / 1e6:.0f} MB",
    }
    table = Table(show_header=False, box=None)
    for key, value in rows.items():
        table.add_row(key, Text(printable(value)))
    for missing in report["missing_words"][:20]:
        near = ", ".join(missing["suggestions"])
        hint = f" (like {near}?)" if near else ""
        text = f"{missing['word']} {missing['count']}×{hint}"
        table.add_row("missing word", Text(printable(text)))
    more = len(report["missing_words"]) - 20
    if more > 0:
        table.add_row("", f"… and {more} more; --json lists all")
    return table


@app.command(rich_help_panel=PANEL)
def get(
    corpus: Annotated[str, typer.Argument(help="an4, mini-librispeech or samromur.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the corpus. \\[default: the corpus's name]")
    ] = None,
    given: Annotated[
        Path | None,
        typer.Option("--from", help="Archive or unpacked folder on disk, instead of the network."),
    ] = None,
    sha256: Annotated[
        str | None, typer.Option("--sha256", help="Checksum that the archive must have.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what there is as JSON.")] = False,
) -> None:
    """Fetch a public corpus and verify it.

    Shows the licence first; an interrupted download goes on.
    """
    from outergrad.public import CORPORA, get_corpus

    if corpus not in CORPORA:
        raise InputError(f"{corpus}: choose one of {', '.join(CORPORA)}")
    about = get_corpus(CORPORA[corpus], out or Path(corpus), given, sha256, terminal())
    if as_json:
        print(json.dumps(about, ensure_ascii=False, indent=1))
