"""A language of three phones whose speech is drawn from known Gaussians."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from outergrad.bootstrap.config import (
    BootstrapConfig,
    MonophoneConfig,
    TreeConfig,
    TriphoneConfig,
)
from outergrad.corpus.lexicon import Lexicon, Pronunciation
from outergrad.corpus.utterance import Corpus, Utterance
from outergrad.randomness import rng

WORDS = {"ab": "A B", "ba": "B A", "ca": "C A", "abc": "A B C", "cc": "C C"}


@dataclass(frozen=True)
class Speech:
    """Utterances with the phone of each frame."""

    corpus: Corpus
    lexicon: Lexicon
    mfcc: dict[str, np.ndarray]
    phones: dict[str, np.ndarray]


@pytest.fixture(scope="session")
def gaussian_oracle():
    path = Path(__file__).parents[1] / "oracle" / "gaussians.py"
    spec = importlib.util.spec_from_file_location("gaussians", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_speech(num_utterances, seed=1):
    """B has other means after A than elsewhere; everything else has no context."""
    generator = rng(seed, "speech")
    means = generator.normal(0.0, 3.0, (4, 3, 13))
    b_after_a = means[2] + generator.normal(0.0, 3.0, (3, 13))
    lexicon = Lexicon({w: (Pronunciation(tuple(p.split())),) for w, p in WORDS.items()})
    number = {"A": 1, "B": 2, "C": 3}
    utterances, mfcc, phones = [], {}, {}
    for i in range(num_utterances):
        words = tuple(str(w) for w in generator.choice(list(WORDS), generator.integers(2, 5)))
        said = [0]
        for word in words:
            said += [number[p] for p in WORDS[word].split()]
            said += [0] if generator.random() < 0.3 else []
        said += [0] if said[-1] else []
        frames, labels = [], []
        for before, phone in zip([0, *said], said, strict=False):
            for state in range(3):
                mean = b_after_a[state] if (before, phone) == (1, 2) else means[phone, state]
                length = int(generator.integers(2, 6)) * (2 if phone == 0 else 1)
                frames.append(mean + generator.standard_normal((length, 13)))
                labels += [phone + 1] * length
        name = f"u{i:03d}"
        utterances.append(Utterance(name, f"speaker{i % 3}", words, Path(f"{name}.wav")))
        mfcc[name] = np.concatenate(frames).astype(np.float32)
        phones[name] = np.array(labels)
    return Speech(Corpus("drawn", tuple(utterances)), lexicon, mfcc, phones)


@pytest.fixture(scope="session")
def speech():
    return make_speech(60)


@pytest.fixture(scope="session")
def quick():
    """A short training with few Gaussians."""
    return BootstrapConfig(
        monophone=MonophoneConfig(
            iterations=12, realign=tuple(range(1, 12)), growth_iterations=6, num_gaussians=40
        ),
        triphone=TriphoneConfig(
            tree=TreeConfig(num_leaves=20, min_occupancy=40.0, min_gain=100.0),
            iterations=6,
            realign=(2, 4),
            growth_iterations=4,
            gaussians_per_leaf=2.0,
        ),
    )
