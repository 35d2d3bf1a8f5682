import math

import pytest

from outergrad.errors import InputError
from outergrad.graph.ngram import NgramModel

UNIGRAMS = {("</s>",): -1.0, ("a",): -1.0, ("b",): -2.0}


def test_backs_off_history_by_history():
    ngrams = {**UNIGRAMS, ("a", "b"): -0.5, ("a", "b", "a"): -0.25}
    model = NgramModel(3, ngrams, {("a",): -3.0, ("a", "b"): -4.0, ("b",): -5.0})
    assert model.log_prob("a", ["b", "a", "b"]) == -0.25
    assert model.log_prob("b", ["a", "b"]) == -4.0 - 5.0 - 2.0
    assert model.log_prob("b", ["b", "a"]) == -0.5
    assert model.log_prob("a", ["c", "c"]) == -1.0
    assert model.log_prob("c", ["a"]) == -math.inf


@pytest.mark.parametrize(
    ("order", "ngrams", "backoffs", "message"),
    [
        (0, {}, {}, "order"),
        (1, {("a", "a"): -1.0}, {}, "order 1"),
        (2, {("a", "c"): -1.0}, {}, "'c' is not"),
        (3, {("a", "a", "a"): -1.0}, {}, "'a a' is not"),
        (1, {("c",): 0.5}, {}, "log probability 0.5"),
        (1, {("c",): math.nan}, {}, "log probability nan"),
        (2, {}, {("c",): 0.0}, "no history"),
        (1, {}, {("a",): 0.0}, "no history"),
        (2, {}, {("a",): math.inf}, "weight inf"),
    ],
)
def test_models_that_are_none_are_refused(order, ngrams, backoffs, message):
    with pytest.raises(InputError, match=message):
        NgramModel(order, {**UNIGRAMS, **ngrams}, backoffs)
