"""Why an utterance could not be decoded or aligned."""

from outergrad.errors import RunError


class DecodingError(RunError):
    """Decoding an utterance failed.

    Attributes:
        reason: short code for counting, one of ``no-frames``, ``invalid-scores``, ``no-path``
            (every path died, be it in the last frame), ``no-final-state`` (the last frame was
            reached, but no final state), ``no-memory`` (more frames than memory allows).
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type["DecodingError"], tuple[str, str]]:
        return type(self), (self.reason, str(self))


class AlignmentError(DecodingError):
    """Forced alignment of an utterance failed, with the retry beam too."""
