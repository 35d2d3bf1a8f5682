"""Options that several commands share.

In help texts `[word]` is markup and vanishes: brackets that are to be seen are escaped.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from outergrad.progress import Terminal

Out = Annotated[Path, typer.Option("--out", help="Run directory; made when missing.")]
Train = Annotated[Path, typer.Option(help="Training speech: Kaldi, CSV/TSV/JSONL, MFA or Lhotse.")]
Test = Annotated[Path, typer.Option(help="Test speech, in any known layout.")]
LexiconFile = Annotated[Path, typer.Option("--lexicon", help="Lexicon, WORD PHONE PHONE … a line.")]
Dev = Annotated[
    Path | None,
    typer.Option(help="Speech for tuning. Without it, training speakers are held out."),
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
    Path | None,
    typer.Option(help="Model or run directory whose hidden layers the DNN starts from."),
]
Kaldi = Annotated[
    Path | None,
    typer.Option(
        help="Directory of a Kaldi system, like exp/tri3_ali, instead of the bootstrap: final.mdl, "
        "tree, phones.txt, ali.*.gz."
    ),
]
Hclg = Annotated[
    Path | None,
    typer.Option(
        help="Graph directory of that system (HCLG.fst, words.txt) for test decoding, instead of "
        "an LM."
    ),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Only say what would be done: time, disk."),
]
DryRunJson = Annotated[bool, typer.Option("--json", help="With --dry-run: as JSON.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="One setting, section.key=value; can be given many times."),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        help="Train on the Ray cluster at this address, host:port or auto; needs the extra ray."
    ),
]
Tensorboard = Annotated[
    bool,
    typer.Option(
        "--tensorboard", help="Also write curves for TensorBoard; needs the extra tensorboard."
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="<cpu|cuda>",
        help="Where replicas compute in sequence training; decoders stay on the CPU. "
        "\\[default: cpu]",
    ),
]
Seed = Annotated[int | None, typer.Option(help="Seed of every random draw. \\[default: 1]")]


def with_shorthands(
    settings: list[str] | None, ray_address: str | None, device: str | None, *, tensorboard: bool
) -> list[str]:
    """`--set` settings and what `--ray-address`, `--device` and `--tensorboard` stand for."""
    all_settings = list(settings or [])
    if ray_address is not None:
        all_settings += ["engine=ray", f'ray.address="{ray_address}"']
    if device is not None:
        all_settings.append(f"sequence.device={device}")
    if tensorboard:
        all_settings.append("tensorboard=true")
    return all_settings


def terminal() -> "Terminal":
    """Where a command says what it does."""
    from outergrad.progress import Terminal

    return Terminal()
