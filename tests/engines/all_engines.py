"""The engines that the conformance suite runs on: one line for each."""

from importlib.util import find_spec

import pytest

NAMES = (
    "serial",
    "local",
    "simulated",
    "ray",
)
NEEDS = {"ray": "ray"}
"""Modules that are not always installed."""


def _installed(name):
    return name not in NEEDS or find_spec(NEEDS[name]) is not None


INSTALLED = tuple(filter(_installed, NAMES))
ENGINES = pytest.mark.parametrize(
    "engine",
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(not _installed(name), reason=f"{name} is not installed"),
        )
        for name in NAMES
    ],
)
"""Runs a test on every engine."""
