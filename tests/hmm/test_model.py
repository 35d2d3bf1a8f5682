import json

import numpy as np
import pytest

from outergrad.errors import InputError
from outergrad.hmm.model import HmmModel


def test_saved_and_loaded(triphones, tmp_path):
    counts = np.arange(triphones.transitions.num_transition_ids + 1, dtype=float)
    trained = triphones.with_transition_counts(counts)
    trained.save(tmp_path / "hmm.json")
    loaded = HmmModel.load(tmp_path / "hmm.json")
    assert loaded.phones == trained.phones
    assert loaded.topology == trained.topology
    assert loaded.tying == trained.tying
    np.testing.assert_array_equal(loaded.transitions.log_prob, trained.transitions.log_prob)
    assert loaded.num_pdfs == 9


def test_damaged_files_are_refused(triphones, tmp_path):
    path = tmp_path / "hmm.json"
    with pytest.raises(InputError, match="not an HMM model"):
        HmmModel.load(path)
    triphones.save(path)
    good = json.loads(path.read_text())
    for change in (
        {"version": 2},
        {"format": "other"},
        {"phones": ["SIL"]},
        {"phones": 7},
        {"log_prob": [0.0]},
        {"log_prob": ["x"]},
        {"log_prob": [10**400]},
        {"tying": {}},
        {"tying": good["tying"] | {"num_pdfs": float("inf")}},
        {"tying": good["tying"] | {"num_pdfs": 1 << 70}},
        {"topology": []},
    ):
        path.write_text(json.dumps(good | change))
        with pytest.raises(InputError):
            HmmModel.load(path)
    path.write_text("[" * 100_000)
    with pytest.raises(InputError):
        HmmModel.load(path)
