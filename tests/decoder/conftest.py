"""The brute-force oracle and Kaldi's golden graph."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from outergrad.graph.decoding_graph import DecodingGraph


@pytest.fixture(scope="session")
def oracle():
    path = Path(__file__).parents[1] / "oracle" / "paths.py"
    spec = importlib.util.spec_from_file_location("paths_oracle", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def golden_graph(shared):
    """Kaldi's HCLG of the golden utterances, as OpenFst text with pdf and transition labels."""
    folder = shared / "golden" / "graph"
    by_pdf = (folder / "HCLG.pdf1.fst.txt").read_text().splitlines()
    by_transition = (folder / "HCLG.tid.fst.txt").read_text().splitlines()
    arcs, finals = [], {}
    for line, same in zip(by_pdf, by_transition, strict=True):
        fields = line.split()
        if len(fields) > 2:
            cost = float(fields[4]) if len(fields) > 4 else 0.0
            transition = int(same.split()[2])
            ids = [int(field) for field in fields[:4]]
            arcs.append((*ids, transition, cost))
        else:
            finals[int(fields[0])] = float(fields[1]) if len(fields) > 1 else 0.0
    columns = list(zip(*arcs, strict=True))
    final_cost = np.full(max(max(columns[0]), max(columns[1])) + 1, np.inf, dtype=np.float32)
    for state, cost in finals.items():
        final_cost[state] = cost
    words = [line.split()[0] for line in (folder / "words.txt").read_text().splitlines()]
    return DecodingGraph.from_arcs(
        start=int(by_pdf[0].split()[0]),
        source=columns[0],
        destination=columns[1],
        pdf=np.array(columns[2]) - 1,
        transition=columns[4],
        word=columns[3],
        cost=columns[5],
        final_cost=final_cost,
        num_pdfs=344,
        words=words,
    )
