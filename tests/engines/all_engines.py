"""The engines that the conformance suite runs on: one line for each."""

import pytest

NAMES = (
    "serial",
    "local",
    "simulated",
)

ENGINES = pytest.mark.parametrize("engine", NAMES)
"""Runs a test on every engine."""
