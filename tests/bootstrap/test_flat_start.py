import numpy as np
import pytest

from outergrad.bootstrap.flat_start import equal_alignment
from outergrad.corpus.lexicon import Lexicon, Pronunciation
from outergrad.errors import InputError
from outergrad.hmm.model import HmmModel
from outergrad.hmm.phones import PhoneTable

LEXICON = Lexicon({"ab": (Pronunciation(("A", "B")), Pronunciation(("A",)))})


@pytest.fixture
def hmm():
    return HmmModel.monophone(PhoneTable.from_lexicon(LEXICON))


def test_states_share_the_frames_equally(hmm):
    pdfs = equal_alignment(("ab",), LEXICON, hmm, 48)
    states = [*range(5), *range(5, 11), *range(5)]
    assert pdfs.tolist() == np.repeat(states, 3).tolist()
    assert np.bincount(equal_alignment(("ab",), LEXICON, hmm, 50)[10:40]).max() <= 4


def test_no_silence_when_frames_are_few(hmm):
    assert (
        equal_alignment(("ab",), LEXICON, hmm, 15).tolist()
        == np.repeat(range(5, 11), [3, 2, 3, 2, 3, 2]).tolist()
    )
    assert equal_alignment(("ab",), LEXICON, hmm, 6).tolist() == list(range(5, 11))


def test_too_short(hmm):
    assert equal_alignment(("ab",), LEXICON, hmm, 5) is None
    assert equal_alignment(("ab",), LEXICON, hmm, 0) is None


def test_no_words_are_silence(hmm):
    assert set(equal_alignment((), LEXICON, hmm, 40).tolist()) == set(range(5))


def test_unknown_words_are_named(hmm):
    with pytest.raises(InputError, match="zz"):
        equal_alignment(("zz",), LEXICON, hmm, 50)
