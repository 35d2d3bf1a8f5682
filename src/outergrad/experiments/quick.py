"""Smaller sizes for --quick: an experiment of moderate size within a quarter of an hour."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from outergrad.corpus import read_lexicon, write_kaldi_directory
from outergrad.progress import Progress
from outergrad.randomness import rng
from outergrad.recipes.prepare import read_input
from outergrad.recipes.settings import SHORT_BOOTSTRAP, Inputs
from outergrad.recipes.stages import RunDirectory, fingerprint

UTTERANCES = 300
"""Of the training set, at most."""

QUICK: Mapping[str, Any] = {
    "bootstrap": SHORT_BOOTSTRAP,
    "dnn": {"hidden_units": 256},
    "ce": {"max_epochs": 10},
    "sequence": {
        "training": {"schedule": {"epochs": 2}},
        # Networks this small and short of training leave many hypotheses alive: with the default
        # beams, decoding for training would take four times as long.
        "outer": {"decoder": {"beam": 11.0, "lattice_beam": 6.0, "max_active": 2500}},
    },
    "decode": {"lm_weights": [6, 8, 10, 12, 14], "insertion_penalties": [-1.0, 0.0]},
}
"""Settings beneath those of the user."""

NOTE = (
    f"Made with --quick: at most {UTTERANCES} training utterances, a network of 4 × 256 units "
    "unless --init gives its size, 10 epochs of CE, 2 of sequence training, narrower beams, fewer "
    "settings. Take it as a rehearsal."
)


def quick_settings(transferred: bool) -> Mapping[str, Any]:
    """`QUICK`; a network with hidden layers from elsewhere has the size that they have."""
    return {name: part for name, part in QUICK.items() if not (transferred and name == "dnn")}


def shortened(inputs: Inputs, out: Path, progress: Progress) -> Inputs:
    """The inputs with a random part of the training speech, written into ``quick`` in `out`."""
    lexicon, _ = read_lexicon(Path(inputs.lexicon))
    corpus, _ = read_input(Path(inputs.train), "train", lexicon, progress)
    if len(corpus) <= UTTERANCES:
        return inputs

    def work(folder: Path) -> Mapping[str, Any]:
        ids = [str(i) for i in rng(1, "quick").permutation(corpus.ids)[:UTTERANCES]]
        write_kaldi_directory(corpus.select(ids, "train"), folder / "train")
        return {"utterances": len(ids)}

    directory = RunDirectory(out, progress)
    directory.run("quick", {"train": fingerprint(Path(inputs.train)), "most": UTTERANCES}, work)
    return replace(inputs, train=str(directory.folder("quick") / "train"))
