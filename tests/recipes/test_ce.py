"""Stage `ce`: what it hands to the training."""

from types import SimpleNamespace

import numpy as np
import pytest

from outergrad.hmm.alignment import Alignments
from outergrad.hmm.model import HmmModel
from outergrad.hmm.phones import PhoneTable
from outergrad.progress import Silent
from outergrad.recipes import ce
from outergrad.recipes.settings import Inputs, RunConfig


class _HandedError(Exception):
    """Carries what the training was called with."""


def test_equal_ids_in_training_and_tuning_speech_keep_their_own_targets(tmp_path, monkeypatch):
    def train_ce(module, source, targets, training, held_out, *arguments, **named):
        raise _HandedError(targets, training, held_out, named["held_out_targets"])

    monkeypatch.setattr(ce, "train_ce", train_ce)
    hmm = HmmModel.monophone(PhoneTable(("SIL", "A", "B")))
    aligned = {
        "train": Alignments.from_mapping({"u1": np.array([1, 2], np.int32)}),
        "tune": Alignments.from_mapping({"u1": np.array([3, 4, 5], np.int32)}),
    }
    bootstrapped = SimpleNamespace(hmm=lambda tying: hmm, alignments=aligned.get)
    prepared = SimpleNamespace(filterbank=lambda part: SimpleNamespace(dim=2, left=1, right=1))
    inputs = Inputs("train", "test", "lexicon.txt")
    with pytest.raises(_HandedError) as caught:
        ce.run_ce(tmp_path, tmp_path, inputs, prepared, bootstrapped, RunConfig(), Silent())
    targets, training, held_out, held_out_targets = caught.value.args
    assert training == held_out == ("u1",)
    pdf_of = hmm.transitions.pdf_of
    np.testing.assert_array_equal(targets["u1"], pdf_of[[1, 2]])
    np.testing.assert_array_equal(held_out_targets["u1"], pdf_of[[3, 4, 5]])
