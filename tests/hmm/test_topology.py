import json

import pytest

from outergrad.errors import InputError
from outergrad.hmm.topology import PhoneHmm, Topology


def test_default_is_kaldis():
    topology = Topology.default(3)
    assert topology.arcs(2) == topology.arcs(3)
    assert topology.arcs(2) == (
        ((0, 0.75), (1, 0.25)),
        ((1, 0.75), (2, 0.25)),
        ((2, 0.75), (3, 0.25)),
    )
    quarter = [0.25] * 4
    assert [[t for t, _ in arcs] for arcs in topology.arcs(1)] == [
        *([0, 1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]),
        [4, 5],
    ]
    assert [[p for _, p in arcs] for arcs in topology.arcs(1)] == [*([quarter] * 4), [0.75, 0.25]]
    assert topology.num_states(1) == 5
    assert topology.num_states(2) == 3


def test_silence_may_have_few_states():
    assert Topology.default(2, silence_states=1).arcs(1) == (((0, 0.75), (1, 0.25)),)
    assert Topology.default(2, silence_states=3).arcs(1)[0] == ((0, 0.5), (1, 0.5))


@pytest.mark.parametrize(
    ("states", "message"),
    [
        ((), "at least one emitting"),
        ((((0, 0.5), (0, 0.5)),), "two arcs"),
        ((((0, 0.5), (2, 0.5)),), "outside 0 ... 1"),
        ((((0, 0.5), (1, 0.4)),), "sum to 1"),
        ((((0, 1.0), (1, 0.0)),), r"\(0, 1\]"),
        ((((0, 1.0),),), "reachable from hmm_state 0"),
        ((((0, 0.5), (2, 0.5)), ((2, 1.0),)), "reachable from hmm_state 0"),
        ((((1, 0.5), (2, 0.5)), ((1, 1.0),)), "exit must be reachable"),
    ],
)
def test_impossible_hmms_are_refused(states, message):
    with pytest.raises(InputError, match=message):
        PhoneHmm(states)


def test_survives_json():
    topology = Topology.default(4)
    assert Topology.from_json(json.loads(json.dumps(topology.to_json()))) == topology


@pytest.mark.parametrize(
    "stored",
    [
        None,
        {},
        {"kinds": [], "phones": [0]},
        {"kinds": 1},
        [3],
        {"kinds": [[[[float("inf"), 1.0]]]], "phones": [0]},
        {"kinds": [[[[1, 10**400]]]], "phones": [0]},
    ],
)
def test_damaged_json_is_refused(stored):
    with pytest.raises(InputError):
        Topology.from_json(stored)


def test_unknown_phone_is_refused():
    for phone in (0, 3):
        with pytest.raises(InputError, match="outside 1"):
            Topology.default(2).arcs(phone)
