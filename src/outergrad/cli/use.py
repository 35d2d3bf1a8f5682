"""Commands that use a trained model: transcribe, align, export."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from outergrad.cli.app import app
from outergrad.cli.options import Set, terminal
from outergrad.errors import InputError

if TYPE_CHECKING:
    from outergrad.recognizer.transcription import Recognizer, Transcript

PANEL = "Use"

ModelFolder = Annotated[
    Path, typer.Argument(metavar="MODEL", help="Model directory, or a finished run directory.")
]


@app.command(rich_help_panel=PANEL)
def transcribe(
    model: ModelFolder,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE…",
            help="Recordings, wav, flac or ogg at any rate; '-' is standard input.",
        ),
    ],
    as_json: Annotated[
        bool,
        typer.Option("--json", help="One line of JSON per file: words, times (s), confidences."),
    ] = False,
    max_seconds: Annotated[
        float, typer.Option(help="Longest piece, in seconds; longer files are cut at silence.")
    ] = 30.0,
) -> None:
    """Write down what is said in recordings."""
    from outergrad.corpus.audio import AudioError
    from outergrad.corpus.stream import CutConfig
    from outergrad.recognizer.model import Model
    from outergrad.recognizer.transcription import Recognizer

    cut = CutConfig(max_seconds=max_seconds, min_seconds=min(8.0, max_seconds))
    recognizer = Recognizer(Model.load(model), cut)
    wrong = 0
    for name in files:
        try:
            transcript = _transcript(recognizer, name)
        except AudioError as error:
            wrong += 1
            print(f"outergrad: {error}", file=sys.stderr)
            if as_json:
                _print_json({"file": name, "error": error.message, "kind": error.kind.value})
            continue
        if as_json:
            _print_json({"file": name, **transcript.to_json()})
        else:
            print(transcript.text if len(files) == 1 else f"{name}\t{transcript.text}", flush=True)
            for failure in transcript.failures:
                print(
                    f"outergrad: {name}: nothing recognized from {failure.begin:g} to "
                    f"{failure.end:g} s: {failure.reason}",
                    file=sys.stderr,
                )
    if wrong:
        raise InputError(f"{wrong} of {len(files)} files could not be transcribed")


@app.command(rich_help_panel=PANEL)
def align(
    first: Annotated[
        Path, typer.Argument(metavar="MODEL", help="Model or run directory; with --train, speech.")
    ],
    second: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="Speech with transcripts; with --train, the lexicon."),
    ],
    third: Annotated[
        Path | None, typer.Argument(metavar="[OUT]", help="Output folder, instead of --out.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Output folder; made when missing.")] = None,
    train: Annotated[
        bool,
        typer.Option("--train", help="From nothing: align --train DIR LEXICON OUT trains first."),
    ] = False,
    lexicon: Annotated[
        Path | None, typer.Option(help="Pronunciations of words that the model's lexicon lacks.")
    ] = None,
    settings: Set = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Find when words and phones were said: TextGrid, CTM, JSON."""
    from outergrad.recipes.align import align_from_nothing, align_with_model

    if (third is None) == (out is None):
        raise InputError("give the output folder once: align MODEL DIR --out OUT")
    folder = third if third is not None else out
    assert folder is not None
    if train:
        if lexicon is not None:
            raise InputError(
                "--lexicon is for aligning with a model; write --train DIR LEXICON OUT"
            )
        _require(first, second)
        result = align_from_nothing(first, second, folder, settings or [], terminal())
    else:
        if settings:
            raise InputError("--set is for align --train: a model brings its own settings")
        _require(first, second, *([lexicon] if lexicon is not None else []))
        result = align_with_model(first, second, folder, lexicon, terminal())
    if as_json:
        _print_json(result)


@app.command(rich_help_panel=PANEL)
def export(
    model: ModelFolder,
    onnx: Annotated[
        Path | None, typer.Option("--onnx", help="ONNX file to write: frames to acoustic scores.")
    ] = None,
    kaldi: Annotated[
        Path | None,
        typer.Option("--kaldi", help="Folder for nnet1 text, tree and transition model."),
    ] = None,
    tensorboard: Annotated[
        Path | None,
        typer.Option("--tensorboard", help="Folder for the curves of a run, as event files."),
    ] = None,
    figures: Annotated[
        Path | None, typer.Option("--figures", help="Folder for the figures of a run, as SVG.")
    ] = None,
) -> None:
    """Write the network or its curves for other programs.

    The network for ONNX or Kaldi, a run's records for TensorBoard or as figures.
    """
    from outergrad.export.kaldi import write_kaldi
    from outergrad.export.onnx import write_onnx
    from outergrad.recognizer.model import Model
    from outergrad.report.export import write_figures
    from outergrad.report.tensorboard import write_curves

    if onnx is None and kaldi is None and tensorboard is None and figures is None:
        raise InputError(
            "say which format: --onnx FILE, or --kaldi, --tensorboard or --figures with a FOLDER"
        )
    if figures is not None:
        for path in write_figures(model, figures):
            print(f"wrote {path}", file=sys.stderr)
    if tensorboard is not None:
        count = write_curves(model, tensorboard)
        print(f"wrote the curves of {count} records to {tensorboard}", file=sys.stderr)
    if onnx is None and kaldi is None:
        return
    loaded = Model.load(model)
    if onnx is not None:
        write_onnx(loaded, onnx)
        print(f"wrote {onnx}", file=sys.stderr)
    if kaldi is not None:
        write_kaldi(loaded, kaldi)
        print(f"wrote {kaldi}", file=sys.stderr)


def _require(*paths: Path) -> None:
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")


def _transcript(recognizer: "Recognizer", name: str) -> "Transcript":
    from outergrad.recognizer.transcription import spooled

    if name != "-":
        return recognizer.transcribe(Path(name))
    with spooled(sys.stdin.buffer) as path:
        return recognizer.transcribe(path)


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, ensure_ascii=False, allow_nan=False), flush=True)
