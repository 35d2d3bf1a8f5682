"""Makes `toy_problem` importable here and, because engines hand on the path, in workers."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _one_cluster_per_module(request):
    """Tests that run on engine ray share a cluster, which takes seconds to start."""
    callspec = getattr(request.node, "callspec", None)
    if callspec is not None and callspec.params.get("engine") == "ray":
        request.getfixturevalue("ray_cluster")


@pytest.fixture(scope="module")
def ray_cluster():
    """A Ray cluster of one node that this process is connected to."""
    ray = pytest.importorskip("ray", reason="ray is not installed (extra `ray`)")
    ray.init(
        address="local",
        num_cpus=8,
        object_store_memory=200_000_000,
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
    )
    yield
    ray.shutdown()
