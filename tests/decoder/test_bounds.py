"""The kernels with bounds checks: in a process of their own, compiled anew."""

import os
import subprocess
import sys
from pathlib import Path

CHECK = """
import importlib.util, sys
import numpy as np
spec = importlib.util.spec_from_file_location("paths_oracle", sys.argv[1])
oracle = importlib.util.module_from_spec(spec)
# Dataclasses look their module up.
sys.modules["paths_oracle"] = oracle
spec.loader.exec_module(oracle)
from outergrad.decoder.decoding import DecoderConfig, decode, decode_words
from outergrad.decoder.errors import DecodingError
from outergrad.decoder.records import Workspace
from outergrad.errors import InputError
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.lattice.paths import forward_backward

rng = np.random.default_rng(0)
workspace = Workspace()
done = 0
configs = [
    DecoderConfig(beam=np.inf, lattice_beam=np.inf, acoustic_scale=0.3, prune_interval=1),
    DecoderConfig(beam=2.0, lattice_beam=1.0, max_active=2, min_active=1, prune_interval=2),
]
while done < 200:
    problem = oracle.random_problem(rng)
    try:
        graph = DecodingGraph.from_arcs(**problem.columns())
        for config in configs:
            forward_backward(decode(graph, problem.scores, config, workspace=workspace))
            forward_backward(decode_words(graph, problem.scores, config, workspace=workspace))
    except (InputError, DecodingError):
        continue
    done += 1
print("checked", done)
"""


def test_kernels_stay_within_their_arrays(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CHECK, str(Path(__file__).parents[1] / "oracle" / "paths.py")],
        env={**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == "checked 200\n"
