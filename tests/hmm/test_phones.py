import pytest

from outergrad.corpus.lexicon import Lexicon, Pronunciation
from outergrad.errors import InputError
from outergrad.hmm.phones import PhoneTable


def test_silence_is_phone_1_and_the_lexicon_gives_the_others():
    lexicon = Lexicon({"ba": (Pronunciation(("B", "A")),), "a": (Pronunciation(("A", "SIL")),)})
    phones = PhoneTable.from_lexicon(lexicon)
    assert phones.names == ("SIL", "A", "B")
    assert [phones.id(name) for name in phones.names] == [1, 2, 3]
    assert [phones.name(i) for i in (1, 2, 3)] == ["SIL", "A", "B"]
    assert phones.silence == 1
    assert len(phones) == 3
    assert "B" in phones
    assert "C" not in phones


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "phone 1"),
        (("A", "SIL"), "phone 1"),
        (("SIL", "A", "A"), "more than once: A"),
        (("SIL", "A B"), "one word"),
        (("SIL", ""), "one word"),
    ],
)
def test_bad_tables_are_refused(names, message):
    with pytest.raises(InputError, match=message):
        PhoneTable(names)


def test_unknown_phones_are_named():
    phones = PhoneTable(("SIL", "A"))
    with pytest.raises(InputError, match="'X'"):
        phones.id("X")
    for phone in (0, 3):
        with pytest.raises(InputError, match="outside 1"):
            phones.name(phone)
