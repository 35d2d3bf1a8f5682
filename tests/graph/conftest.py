"""Oracles and small random models for the graph tests."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from outergrad.corpus.lexicon import Lexicon, Pronunciation
from outergrad.hmm.model import HmmModel
from outergrad.hmm.phones import PhoneTable
from outergrad.hmm.topology import PhoneHmm, Topology
from outergrad.hmm.tying import HMM_STATE, Leaf, Split, StateTying


def _load(name):
    path = Path(__file__).parents[1] / "oracle" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def ngram_oracle():
    return _load("ngram")


@pytest.fixture(scope="session")
def path_oracle():
    return _load("graph_paths")


@pytest.fixture(scope="session")
def random_hmm():
    return make_hmm


@pytest.fixture(scope="session")
def tricky_lexicon():
    """Homophones, variants with probabilities, words that begin others, words of one phone."""
    spoken = {
        "a": (("x", 1.0),),
        "eh": (("x", 0.7),),
        "ab": (("x y", 1.0), ("y", 0.25)),
        "aba": (("x y x", 0.9),),
        "bb": (("y y", 1.0), ("z", 0.5), ("z y", 0.125)),
        "c": (("z", 1.0),),
    }
    return Lexicon(
        {
            word: tuple(Pronunciation(tuple(phones.split()), p) for phones, p in ways)
            for word, ways in spoken.items()
        }
    )


def make_hmm(lexicon, seed, *, triphone, speech_states=1, leaves=3):
    """A model with random trees and random transition probabilities."""
    generator = np.random.default_rng(seed)
    phones = PhoneTable.from_lexicon(lexicon)
    speech = PhoneHmm.left_to_right(speech_states)
    topology = Topology((PhoneHmm.ergodic(3), *(speech for _ in range(len(phones) - 1))))
    num_pdfs = 0

    def leaf():
        nonlocal num_pdfs
        num_pdfs += 1
        return Leaf(num_pdfs - 1)

    def tree(size):
        if size == 1:
            return leaf()
        members = frozenset(np.flatnonzero(generator.random(len(phones) + 1) < 0.5).tolist())
        left = int(generator.integers(1, size))
        position = int(generator.choice([0, 2]))
        return Split(position, members, tree(left), tree(size - left))

    roots = []
    for phone in range(1, len(phones) + 1):
        size = leaves if triphone and phone != phones.silence else 1
        states = [tree(size) for _ in range(topology.num_states(phone))]
        root = states[-1]
        for state in range(len(states) - 2, -1, -1):
            root = Split(HMM_STATE, frozenset({state}), states[state], root)
        roots.append(root)
    tying = StateTying(3 if triphone else 1, num_pdfs, tuple(roots))
    hmm = HmmModel.create(phones, topology, tying)
    counts = generator.gamma(2.0, 50.0, size=hmm.transitions.num_transition_ids + 1)
    return hmm.with_transition_counts(counts)
