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


@pytest.fixture(scope="session")
def ray_settings():
    """Read by Ray's processes when they start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # Otherwise actors give way to all other tests, and time limits say nothing.
        patch.setenv("RAY_worker_niceness", "0")
        yield


@pytest.fixture(scope="module")
def ray_cluster(ray_settings):
    """A Ray cluster of one node that this process is connected to."""
    pytest.importorskip("ray", reason="ray is not installed (extra `ray`)")
    from outergrad.engine.ray.cluster import Cluster
    from outergrad.engine.ray.config import RayConfig

    cluster = Cluster(RayConfig(), cpus=8, store_bytes=200_000_000)
    yield
    cluster.close()
