"""Oracles and small models for the HMM tests."""

import importlib.util
from pathlib import Path

import pytest

from outergrad.hmm.model import HmmModel
from outergrad.hmm.phones import PhoneTable
from outergrad.hmm.topology import Topology
from outergrad.hmm.tying import HMM_STATE, Leaf, Split, StateTying, state_chain


@pytest.fixture(scope="session")
def gaussian_oracle():
    path = Path(__file__).parents[1] / "oracle" / "gaussians.py"
    spec = importlib.util.spec_from_file_location("gaussians", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def monophones():
    return HmmModel.monophone(PhoneTable(("SIL", "A", "B")))


@pytest.fixture
def triphones():
    """Phone A (2) asks for its left phone in hmm_state 0, B (3) is one pdf for all."""
    phones = PhoneTable(("SIL", "A", "B"))
    in_context = Split(0, frozenset({0, 1}), Leaf(5), Leaf(6))
    a = Split(HMM_STATE, frozenset({0}), in_context, Leaf(7))
    tying = StateTying(3, 9, (state_chain([Leaf(i) for i in range(5)]), a, Leaf(8)))
    return HmmModel.create(phones, Topology.default(3), tying)
