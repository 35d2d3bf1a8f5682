"""Oracles, and lattices of random graphs with a reference among their paths."""

import importlib.util
from pathlib import Path as FilePath

import numpy as np
import pytest

from outergrad.decoder.decoding import DecoderConfig, decode
from outergrad.decoder.errors import DecodingError
from outergrad.errors import InputError
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.lattice.accuracy import PhoneClasses
from outergrad.lattice.one_alignment import one_alignment_per_word_string
from outergrad.lattice.path import Path

KAPPA = 0.3
WIDE = DecoderConfig(beam=np.inf, lattice_beam=np.inf, max_active=1 << 30, acoustic_scale=KAPPA)


def load(name):
    path = FilePath(__file__).parents[1] / "oracle" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"{name}_oracle", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def oracle():
    return load("criteria")


@pytest.fixture(scope="session")
def path_oracle():
    return load("paths")


@pytest.fixture(scope="session")
def classes():
    """Five phones over the transitions of random problems (1 ... 60); 1 and 2 are silences."""
    phones = np.random.default_rng(5).integers(1, 6, size=61)
    return PhoneClasses(phones.astype(np.int32), (1, 2))


def as_path(found, score):
    """A path of the oracle as ours, with a score of its own."""
    return Path(
        words=found.words,
        word_frames=(),
        pdfs=np.array(found.pdfs, dtype=np.int32),
        transitions=np.array(found.transitions, dtype=np.int32),
        graph_cost=-score,
        acoustic_score=0.0,
        acoustic_scale=KAPPA,
    )


@pytest.fixture(scope="session")
def cases(path_oracle):
    """(lattice, its paths, a reference) of both kinds of lattices of random graphs."""
    found = []
    generator = np.random.default_rng(11)
    while len(found) < 160:
        problem = path_oracle.random_problem(generator)
        try:
            graph = DecodingGraph.from_arcs(**problem.columns())
            lattice = decode(graph, problem.scores, WIDE)
        except (InputError, DecodingError):
            continue
        words = one_alignment_per_word_string(lattice, np.inf, 8)
        for kind, paths in (
            (lattice, path_oracle.lattice_paths(lattice, KAPPA)),
            (words, path_oracle.word_lattice_paths(words, KAPPA)),
        ):
            if len(paths) > 1:
                chosen = paths[int(generator.integers(len(paths)))]
                found.append((kind, paths, as_path(chosen, chosen.score)))
    return found
