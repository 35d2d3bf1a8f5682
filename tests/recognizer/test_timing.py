"""Words laid on the phones of an alignment, against all ways to lay them."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outergrad.corpus.lexicon import Lexicon, Pronunciation
from outergrad.errors import InputError
from outergrad.hmm.model import HmmModel
from outergrad.hmm.phones import PhoneTable
from outergrad.recognizer.timing import time_words

LEXICON = Lexicon(
    {
        "a": (Pronunciation(("x",)),),
        "aa": (Pronunciation(("x", "x")),),
        "b": (Pronunciation(("y",)), Pronunciation(("y", "x"))),
        "sil": (Pronunciation(("SIL", "y")),),
    }
)
HMM = HmmModel.monophone(PhoneTable.from_lexicon(LEXICON))


def path_of(phones: list[str], frames: int) -> np.ndarray:
    """transition_ids: each hmm_state `frames` frames, loops before the transition that leaves."""
    ids: list[int] = []
    for name in phones:
        phone = HMM.phones.id(name)
        state = 0
        while state < HMM.topology.num_states(phone):
            (pdf,) = HMM.tying.pdfs(phone, state)
            arcs = HMM.transitions.transition_ids(phone, state, pdf)
            loop = [t for t, to in arcs if to == state]
            leave, state = [(t, to) for t, to in arcs if to > state][-1]
            ids += loop * (frames - 1) + [leave]
    return np.array(ids, dtype=np.int32)


@given(
    st.lists(st.sampled_from(sorted(LEXICON)), max_size=4),
    st.lists(st.booleans(), min_size=5, max_size=5),
    st.data(),
)
def test_every_word_gets_the_phones_of_one_of_its_pronunciations(words, pauses, data) -> None:
    phones = ["SIL"] if pauses[0] else []
    for word, pause in zip(words, pauses[1:], strict=False):
        phones += data.draw(st.sampled_from(LEXICON[word])).phones
        phones += ["SIL"] if pause else []
    timing = time_words(words, path_of(phones, 2), LEXICON, HMM, 0.01)
    assert [interval.label for interval in timing.phones] == phones
    assert [interval.label for interval in timing.words] == words
    edges = {interval.begin: i for i, interval in enumerate(timing.phones)}
    ends = {interval.end: i + 1 for i, interval in enumerate(timing.phones)}
    covered = []
    for word in timing.words:
        span = range(edges[word.begin], ends[word.end])
        covered += span
        assert tuple(phones[i] for i in span) in {way.phones for way in LEXICON[word.label]}
    # In order, without overlap, and all that is not covered is silence.
    assert covered == sorted(set(covered))
    assert {phones[i] for i in range(len(phones)) if i not in covered} <= {"SIL"}


def test_frames_become_seconds() -> None:
    timing = time_words(["a"], path_of(["SIL", "x"], 3), LEXICON, HMM, 0.01)
    # From the first to the last hmm_state an ergodic silence goes 0 → 3 → 4: three states.
    silence = timing.phones[0]
    assert silence.begin == 0.0
    assert timing.words[0].begin == silence.end
    assert timing.words[0].end == pytest.approx(silence.end + 3 * 3 * 0.01)


def test_other_words_than_those_of_the_path_are_refused() -> None:
    for words in itertools.permutations(["a", "b"]):
        if list(words) != ["a", "b"]:
            with pytest.raises(InputError, match="not those of its words"):
                time_words(words, path_of(["x", "y"], 1), LEXICON, HMM, 0.01)
