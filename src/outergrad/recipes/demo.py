"""The demo: speech made on the spot, English as the source, Icelandic as the target."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from outergrad.config import build, merge, parse_overrides, to_table, to_toml
from outergrad.corpus.synthesis import DemoConfig, make_demo_corpora
from outergrad.progress import Progress
from outergrad.recipes.run import BEFORE, Recipe
from outergrad.recipes.settings import SHORT_BOOTSTRAP, Inputs, RunConfig
from outergrad.recipes.stages import RunDirectory

SOURCE, TARGET = "english", "icelandic"

# The demo must be over in ten minutes on two cores, so its models are small and its GMM-HMMs,
# which only have to give alignments, are trained less long than those of `outergrad run`.
_SHORT: dict[str, Any] = {
    "bootstrap": SHORT_BOOTSTRAP,
    "dnn": {"hidden_units": 384},
    "ce": {"max_epochs": 12},
}


@dataclass(frozen=True)
class DemoRunConfig(RunConfig):
    """Settings of the demo: those of a run, and of the speech that it makes."""

    speech: DemoConfig = field(default_factory=DemoConfig)
    """Sizes of the corpora, voices, rooms, noise."""


def run_demo(
    out: Path, settings: Sequence[str], seed: int | None, progress: Progress
) -> dict[str, Any]:
    """Make two corpora, train on English, go on with Icelandic: CE, then asynchronous MMI.

    Args:
        out: run directory of the Icelandic system; the corpora and the English system are in
            folders of it.
        settings: `section.key=value`.
        seed: of the speech and of the training.
        progress: where the stages say what they do.

    Returns:
        What results.json holds.

    Raises:
        InputError: espeak-ng is missing (extra `demo`), a wrong setting, or others' files in `out`.
    """
    table = merge(_SHORT, parse_overrides(settings))
    if seed is not None:
        table["seed"] = seed
    config = build(DemoRunConfig, table, "--set")
    plain = _without_speech(config)
    # Now, not after the English system has been trained.
    RunDirectory(out, progress).require_own((*BEFORE, *plain.criteria, "model"), to_toml(plain))
    speech = RunDirectory(out / "speech", progress)
    with speech.locked():
        speech.run(
            "corpora", {"config": config.speech, "seed": config.seed}, _maker(config, progress)
        )
    corpora = speech.folder("corpora")
    progress.note("English: the source")
    english = corpora / SOURCE
    source = Recipe(
        out / SOURCE,
        Inputs.of(
            train=english / "train",
            dev=english / "dev",
            test=english / "dev",
            lexicon=english / "lexicon.txt",
        ),
        plain,
        progress,
    )
    source.through("ce")
    progress.note("Icelandic: the target")
    icelandic = corpora / TARGET
    target = Recipe(
        out,
        Inputs.of(
            train=icelandic / "train",
            dev=icelandic / "dev",
            test=icelandic / "test",
            lexicon=icelandic / "lexicon.txt",
            lm_text=icelandic / "lm.txt",
            init=out / SOURCE / "ce" / "model",
        ),
        plain,
        progress,
    )
    return target.remembered().all()


def _without_speech(config: DemoRunConfig) -> RunConfig:
    table = to_table(config)
    return build(RunConfig, {entry.name: table[entry.name] for entry in fields(RunConfig)})


def _maker(config: DemoRunConfig, progress: Progress) -> Callable[[Path], Mapping[str, Any]]:
    def work(folder: Path) -> Mapping[str, Any]:
        with progress.task("speaking") as advance:
            made = make_demo_corpora(folder, config.speech, config.seed, advance)
        return {
            f"{language}_{part}": summary.utterances
            for language, files in ((SOURCE, made.english), (TARGET, made.icelandic))
            for part, summary in files.parts.items()
        }

    return work
