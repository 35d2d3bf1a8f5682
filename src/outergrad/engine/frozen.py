"""What an evaluator in the session's own process sees of the parameter server."""

from outergrad.arrays import Float32Array
from outergrad.engine.session import Session
from outergrad.ps.partition import Selection


class FrozenClient:
    """The parameters frozen for the evaluator."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def versions(self) -> tuple[int, ...]:
        """Version of each shard now."""
        return self._session.server.versions

    def pull(self, out: Float32Array, parts: Selection | None = None) -> tuple[int, ...]:
        """Copy the frozen parameters; returns the version of each shard."""
        out[:] = self._session.memory.frozen
        return self._session.server.versions
