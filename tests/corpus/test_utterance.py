import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outergrad.corpus import Corpus, Utterance, file_name_for
from outergrad.errors import InputError


def corpus_of(*ids: str) -> Corpus:
    return Corpus("c", tuple(Utterance(i, f"s{i}", (i, "x"), Path("a.wav")) for i in ids))


def test_a_corpus_is_sorted_and_found_by_id() -> None:
    corpus = corpus_of("b", "c", "a")
    assert corpus.ids == ("a", "b", "c")
    assert [u.id for u in corpus] == ["a", "b", "c"]
    assert len(corpus) == 3
    assert corpus["b"].speaker == "sb"
    assert "b" in corpus
    assert "bb" not in corpus
    assert corpus.speakers == ("sa", "sb", "sc")
    assert corpus.sentences == [("a", "x"), ("b", "x"), ("c", "x")]
    with pytest.raises(InputError, match="has no utterance zz"):
        corpus["zz"]


def test_two_utterances_with_one_id_are_refused() -> None:
    with pytest.raises(InputError, match="two utterances are called a"):
        corpus_of("a", "b", "a")


def test_select_takes_a_part() -> None:
    part = corpus_of("a", "b", "c").select(["c", "a", "c"], "part")
    assert (part.name, part.ids) == ("part", ("a", "c"))
    with pytest.raises(InputError):
        corpus_of("a").select(["b"], "part")


ids = st.text(min_size=0, max_size=300) | st.text(alphabet="./%a\\\x00é", max_size=100)


@given(a=ids, b=ids)
def test_file_names_stay_inside_and_differ(a: str, b: str) -> None:
    name = file_name_for(a, ".npy")
    assert os.path.basename(name) == name
    assert not name.startswith(".")
    assert name.isascii()
    assert len(name) <= 200
    assert "\x00" not in name
    if a != b:
        assert name != file_name_for(b, ".npy")


def test_ordinary_ids_stay_readable() -> None:
    assert file_name_for("fcaw-an406_a.1") == "fcaw-an406_a.1"
    assert file_name_for("../x") == "%2E.%2Fx"
