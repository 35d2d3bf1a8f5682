"""Generated speech for experiments: Icelandic, with hidden layers from an English model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outergrad.corpus.synthesis import DemoConfig, make_demo_corpora
from outergrad.progress import Progress
from outergrad.recipes.demo import SOURCE, TARGET
from outergrad.recipes.run import Recipe
from outergrad.recipes.settings import Inputs, RunConfig
from outergrad.recipes.stages import RunDirectory

QUICK_SPEECH = DemoConfig(
    english_train_minutes=5.0,
    english_dev_minutes=1.0,
    icelandic_train_minutes=10.0,
    icelandic_dev_minutes=2.0,
    icelandic_test_minutes=4.0,
)


def demo_inputs(out: Path, speech: DemoConfig, config: RunConfig, progress: Progress) -> Inputs:
    """Make the corpora, train the English source through CE, and name the Icelandic inputs.

    Raises:
        InputError: espeak-ng is missing (extra `demo`).
    """

    def work(folder: Path) -> Mapping[str, Any]:
        with progress.task("speaking") as advance:
            make_demo_corpora(folder, speech, config.seed, advance)
        return {}

    directory = RunDirectory(out / "speech", progress)
    with directory.locked():
        directory.run("corpora", {"config": speech, "seed": config.seed}, work)
    english = directory.folder("corpora") / SOURCE
    source = Inputs.of(
        train=english / "train",
        dev=english / "dev",
        test=english / "dev",
        lexicon=english / "lexicon.txt",
    )
    Recipe(out / SOURCE, source, config, progress).through("ce")
    icelandic = directory.folder("corpora") / TARGET
    return Inputs.of(
        train=icelandic / "train",
        dev=icelandic / "dev",
        test=icelandic / "test",
        lexicon=icelandic / "lexicon.txt",
        lm_text=icelandic / "lm.txt",
        init=out / SOURCE / "ce" / "model",
    )
