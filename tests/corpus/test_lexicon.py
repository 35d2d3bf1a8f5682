from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outergrad.corpus import Lexicon, Pronunciation, read_lexicon, write_lexicon
from outergrad.corpus.problems import Kind
from outergrad.errors import InputError


def read(tmp_path: Path, content: str | bytes) -> tuple[Lexicon, list[tuple[Kind, int, bool]]]:
    path = tmp_path / "lexicon.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    lexicon, problems = read_lexicon(path)
    assert all(p.file == str(path) and p.line is not None for p in problems)
    return lexicon, [(p.kind, p.line or 0, p.fatal) for p in problems]


def phones(lexicon: Lexicon, word: str) -> list[str]:
    return [" ".join(way.phones) for way in lexicon[word]]


def test_cmudict_layout(tmp_path: Path) -> None:
    lexicon, problems = read(
        tmp_path,
        ";;; a comment\nA  AH0\nA(2)  EY1\nB\tB IY1 # the letter\n\nC# S IY1\nA EY0\n",
    )
    assert problems == []
    assert list(lexicon) == ["A", "B", "C#"]
    assert phones(lexicon, "A") == ["AH0", "EY1", "EY0"]
    assert phones(lexicon, "B") == ["B IY1"]
    assert lexicon.phones == ("AH0", "B", "EY0", "EY1", "IY1", "S")
    assert (lexicon.shortest("A"), lexicon.shortest("B")) == (1, 2)
    assert "A" in lexicon
    assert "Z" not in lexicon


def test_probabilities_when_every_line_has_them(tmp_path: Path) -> None:
    lexicon, problems = read(tmp_path, "a 1.0 x\na 0.25 y z\nb 1 x\n")
    assert problems == []
    assert lexicon["a"] == (Pronunciation(("x",), 1.0), Pronunciation(("y", "z"), 0.25))


def test_a_number_on_some_lines_is_a_phone(tmp_path: Path) -> None:
    lexicon, _ = read(tmp_path, "a 1 x\nb y\n")
    assert phones(lexicon, "a") == ["1 x"]
    # Phones may be numbers on every line, when nothing is left for the pronunciation otherwise.
    lexicon, _ = read(tmp_path, "a 1\nb 1 1\n")
    assert phones(lexicon, "a") == ["1"]
    assert phones(lexicon, "b") == ["1 1"]
    # A probability cannot be above 1.
    lexicon, _ = read(tmp_path, "a 2 x\nb 1 y\n")
    assert phones(lexicon, "a") == ["2 x"]


def test_single_bad_lines_are_problems(tmp_path: Path) -> None:
    lexicon, problems = read(
        tmp_path,
        b"good x y\nempty\ngood x y\n<eps> x\n#0 x\n<s> SIL\n!SIL SIL\nb\xe1d x\nbel\x07 x\nb x\n",
    )
    assert list(lexicon) == ["good", "b"]
    assert problems == [
        (Kind.ENCODING, 8, True),
        (Kind.PRONUNCIATION, 2, True),
        (Kind.DUPLICATE, 3, False),
        (Kind.BAD_ID, 4, False),
        (Kind.BAD_ID, 5, False),
        (Kind.BAD_ID, 6, False),
        (Kind.PRONUNCIATION, 7, False),
        (Kind.BAD_ID, 9, True),
    ]


def test_the_silence_phone_is_none_of_the_phones(tmp_path: Path) -> None:
    lexicon, _ = read(tmp_path, "a x SIL y\n")
    assert lexicon.phones == ("x", "y")
    assert lexicon.shortest("a") == 3


def test_joiners_belong_to_words(tmp_path: Path) -> None:
    lexicon, problems = read(tmp_path, "می\u200cشود m i\n")
    assert problems == []
    assert "می\u200cشود" in lexicon


def test_nothing_usable(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_lexicon(tmp_path / "none")
    with pytest.raises(InputError, match="is empty"):
        read(tmp_path, ";;; nothing\n")
    with pytest.raises(InputError, match="has no phones"):
        read(tmp_path, "word\n")


@pytest.mark.parametrize(
    "entries",
    [
        {"a": ()},
        {"a": (Pronunciation(()),)},
        {"a b": (Pronunciation(("x",)),)},
        {"": (Pronunciation(("x",)),)},
        {"a": (Pronunciation(("x y",)),)},
        {"a": (Pronunciation(("x",), 0.0),)},
        {"a": (Pronunciation(("x",), 1.5),)},
        {"a": (Pronunciation(("x",), float("nan")),)},
    ],
)
def test_impossible_lexicons_are_refused(entries: dict[str, tuple[Pronunciation, ...]]) -> None:
    with pytest.raises(InputError):
        Lexicon(entries)


@pytest.mark.parametrize("word", ["a(2)", "<eps>", "#1", ";;;x", "<S>"])
def test_words_with_special_meaning_are_not_written(tmp_path: Path, word: str) -> None:
    with pytest.raises(InputError, match="special meaning"):
        write_lexicon(Lexicon({word: (Pronunciation(("x",)),)}), tmp_path / "l")


tokens = st.text(alphabet="abþ' -_:0(\u00a0".replace(" ", ""), min_size=1, max_size=4)


@given(
    entries=st.dictionaries(
        tokens,
        st.dictionaries(
            st.lists(tokens, min_size=1, max_size=3).map(tuple),
            st.sampled_from([1.0, 1.0, 0.5, 0.123456789]),
            min_size=1,
            max_size=3,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    entries: dict[str, dict[tuple[str, ...], float]],
) -> None:
    lexicon = Lexicon(
        {w: tuple(Pronunciation(p, v) for p, v in ways.items()) for w, ways in entries.items()}
    )
    path = tmp_path_factory.getbasetemp() / "round.txt"
    write_lexicon(lexicon, path)
    again, problems = read_lexicon(path)
    assert problems == []
    assert again == lexicon


def test_real_lexicons(shared: Path) -> None:
    for name, words, num_phones in [
        ("an4/lexicon.txt", 101, 33),
        ("so762/lexicon.txt", 2604, 39),
        ("samromur_demo/lexicon.txt", 21747, 58),
        ("fsdd/lexicon.txt", 10, 19),
    ]:
        lexicon, problems = read_lexicon(shared / "data" / name)
        assert problems == []
        assert (len(lexicon), len(lexicon.phones)) == (words, num_phones)
