"""Errors that a user can act on: each says what was wrong, where, and what to do."""


class OutergradError(Exception):
    """Base of all errors raised on purpose; the command line shows them without a traceback."""


class InputError(OutergradError):
    """Bad input or wrong use (exit code 2)."""


class RunError(OutergradError):
    """A stage could not be finished (exit code 1)."""


class DivergedError(RunError):
    """Training ran away, and lowering the learning rate did not help."""
