"""The brute-force oracle and lattices of random graphs."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from outergrad.decoder.decoding import DecoderConfig, decode
from outergrad.decoder.errors import DecodingError
from outergrad.errors import InputError
from outergrad.graph.decoding_graph import DecodingGraph

WIDE = DecoderConfig(beam=np.inf, lattice_beam=np.inf, max_active=1 << 30, acoustic_scale=0.3)


@pytest.fixture(scope="session")
def oracle():
    path = Path(__file__).parents[1] / "oracle" / "paths.py"
    spec = importlib.util.spec_from_file_location("paths_oracle", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def lattices(oracle):
    """Full lattices of random graphs, with the graphs' scores."""
    found = []
    generator = np.random.default_rng(7)
    while len(found) < 150:
        problem = oracle.random_problem(generator)
        try:
            graph = DecodingGraph.from_arcs(**problem.columns())
            found.append((decode(graph, problem.scores, WIDE), problem.scores))
        except (InputError, DecodingError):
            continue
    return found
