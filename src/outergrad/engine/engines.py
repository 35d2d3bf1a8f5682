"""The engines by name; each is imported only when it is asked for."""

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

from outergrad.engine.memory import ParameterMemory
from outergrad.errors import InputError
from outergrad.workers.config import AsyncConfig
from outergrad.workers.program import Program

if TYPE_CHECKING:
    from outergrad.engine.session import Session

EngineName = Literal["local", "serial", "simulated", "ray"]
"""local: processes and shared memory. serial: one thread, deterministic. simulated: virtual time,
deterministic. ray: actors on a cluster."""

ENGINES: Mapping[EngineName, str] = MappingProxyType(
    {
        "local": "outergrad.engine.local.engine:LocalEngine",
        "serial": "outergrad.engine.serial:SerialEngine",
        "simulated": "outergrad.engine.simulated.engine:SimulatedEngine",
        "ray": "outergrad.engine.ray.engine:RayEngine",
    }
)
"""Where each engine is found; its constructor takes its settings, all with defaults."""

EXTRAS: Mapping[str, str] = MappingProxyType({"ray": "ray"})
"""Modules that are not installed by default, and the extra that brings them."""


class Engine(Protocol):
    """Where roles live and when they run."""

    def now(self) -> float:
        """Monotonic seconds since any moment, the time base of all workers."""
        ...

    def memory(self, program: Program, config: AsyncConfig) -> ParameterMemory:
        """Where the parameters are kept."""
        ...

    def run(self, session: "Session") -> None:
        """Start the workers, carry their messages until the session is finished, end them."""
        ...


def make_engine(name: EngineName, *settings: Any) -> Engine:
    """The engine called `name`, with its settings (defaults when there are none).

    Raises:
        InputError: no such engine, or a package that it needs is not installed.
    """
    if name not in ENGINES:
        raise InputError(f"unknown engine {name!r}: choose one of {', '.join(ENGINES)}")
    module, _, kind = ENGINES[name].partition(":")
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        extra = EXTRAS.get(missing)
        if extra is None:
            raise
        raise InputError(
            f"engine {name} needs {missing}: install it with pip install '.[{extra}]' in the clone"
        ) from error
    engine: Engine = getattr(found, kind)(*settings)
    return engine
