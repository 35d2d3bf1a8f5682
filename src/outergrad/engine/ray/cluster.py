"""The only file that imports Ray: connecting, actors, references, and how they fail."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ray
import ray.exceptions
import ray.util

from outergrad.engine.ray.config import RayConfig
from outergrad.errors import InputError

Handle = Any
"""An actor; `handle.method.remote(…)` calls it and gives a reference at once."""
Reference = Any
"""Names a value that is, or will be, in the object store of some node."""

GONE = (
    ray.exceptions.RayActorError,
    ray.exceptions.ObjectLostError,
    ray.exceptions.ObjectFetchTimedOutError,
    ray.exceptions.WorkerCrashedError,
    ray.exceptions.NodeDiedError,
)
"""What `get` raises when the process or the node behind a reference has died."""

ATTEMPTS = 3
"""At starting a node."""
MIN_OBJECT_STORE = 100_000_000
"""Bytes; Ray refuses less than 75 MiB."""


class Cluster:
    """A connection to a Ray cluster, joined or started."""

    def __init__(self, config: RayConfig, cpus: float, store_bytes: int) -> None:
        """Connect as `config` says, unless this process is connected already.

        Args:
            config: where the cluster is.
            cpus: logical CPUs that the run asks for; a fresh cluster has as many.
            store_bytes: object store that the run needs; a fresh cluster gets as much.

        Raises:
            InputError: there is no cluster at the address, or none can be started.
        """
        self._ours = not ray.is_initialized()
        if not self._ours:
            return
        options: dict[str, Any] = {"address": config.address}
        if not config.address:
            # A cluster of ours, on this machine, reports to nobody.
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            options = {
                "address": "local",
                "num_cpus": max(1, math.ceil(cpus)),
                "object_store_memory": config.object_store_mb * 10**6
                or max(MIN_OBJECT_STORE, store_bytes),
                "include_dashboard": False,
            }
        try:
            patiently(
                lambda: ray.init(**options, log_to_driver=False, configure_logging=False),
                attempts=1 if config.address else ATTEMPTS,
            )
        except Exception as error:
            # Ray raises all sorts, down to plain Exception.
            place = f"at {config.address}" if config.address else "on this machine"
            raise InputError(f"no Ray cluster {place}: {error}") from error

    def close(self) -> None:
        """Disconnect, and end the cluster if it was started here."""
        if self._ours:
            ray.shutdown()

    @staticmethod
    def actor(
        kind: type, *arguments: Any, cpus: float, restarts: bool = False, concurrency: int = 1
    ) -> Handle:
        """Start an actor somewhere on the cluster; returns before it runs.

        Args:
            kind: its class.
            arguments: of its constructor.
            cpus: logical CPUs that it occupies.
            restarts: whether Ray starts it again, without its state, when it dies.
            concurrency: calls that it takes at a time.
        """
        options: Mapping[str, Any] = {
            "num_cpus": cpus,
            "max_restarts": -1 if restarts else 0,
            "max_concurrency": concurrency,
            # Together on one node they would all die with it.
            "scheduling_strategy": "SPREAD",
        }
        return ray.remote(kind).options(**options).remote(*arguments)


def patiently(start: Callable[[], Any], attempts: int = ATTEMPTS) -> Any:
    """`start()`, which starts a node: on a busy machine Ray's own 30 s may not be enough."""
    for _ in range(attempts - 1):
        try:
            return start()
        except Exception:
            ray.shutdown()
    return start()


def put(value: Any) -> Reference:
    """Put a value into this node's object store."""
    return ray.put(value)


def get(references: Sequence[Reference]) -> list[Any]:
    """The values, once they are here; arrays are views of the object store.

    Raises:
        GONE: whoever was to make one of them has died.
    """
    values: list[Any] = ray.get(list(references))
    return values


def wait(references: Sequence[Reference], seconds: float) -> list[Reference]:
    """Those that are ready, after at most `seconds` without any."""
    if not references:
        return []
    ready, rest = ray.wait(list(references), timeout=seconds, fetch_local=False)
    more, _ = ray.wait(rest, num_returns=len(rest), timeout=0) if rest else ([], [])
    return [*ready, *more]


def kill(actor: Handle) -> None:
    """End an actor for good, dead or alive."""
    ray.kill(actor, no_restart=True)


def place() -> str:
    """This process and its node, for people."""
    return f"process {os.getpid()} on {ray.util.get_node_ip_address()}"
