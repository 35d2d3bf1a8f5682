"""TextGrids: what is written is read; Praat's other formats are read too."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outergrad.corpus.textgrid import (
    TextGridError,
    TextInterval,
    Tier,
    format_textgrid,
    read_textgrid,
)

SHORT = '''File type = "ooTextFile"
Object class = "TextGrid"

0
1.5
<exists>
2
"TextTier"
"clicks"
0
1.5
1
0.5
"click"
"IntervalTier"
"Mary"
0
1.5
2
0
1
"say ""hello"""
1
1.5
""
'''


@given(
    st.lists(
        st.lists(
            st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs", "Cc"))),
            max_size=4,
        ),
        max_size=3,
    )
)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, labels) -> None:
    tiers = [
        Tier(
            f"tier {number}",
            tuple(TextInterval(0.1 + i, 0.75 + i, text) for i, text in enumerate(texts) if text),
        )
        for number, texts in enumerate(labels)
    ]
    path = tmp_path_factory.mktemp("grid") / "a.TextGrid"
    path.write_text(format_textgrid(5.0, tiers), encoding="utf-8")
    read = read_textgrid(path)
    assert [tier.name for tier in read] == [tier.name for tier in tiers]
    for wanted, found in zip(tiers, read, strict=True):
        assert tuple(i for i in found.intervals if i.text) == wanted.intervals
        # Praat wants intervals that touch, from the begin to the end.
        edges = [edge for i in found.intervals for edge in (i.begin, i.end)]
        assert edges[0] == 0.0
        assert edges[-1] == 5.0
        assert edges[1:-1:2] == edges[2:-1:2]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_short_format_and_praats_encodings(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.TextGrid").write_text(SHORT, encoding=encoding)
    (tier,) = read_textgrid(tmp_path / "a.TextGrid")
    assert tier.name == "Mary"
    assert tier.intervals == (
        TextInterval(0.0, 1.0, 'say "hello"'),
        TextInterval(1.0, 1.5, ""),
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "ends in the middle"),
        ("hello", "ends in the middle"),
        ('"ooTextFile" "Pitch" 0 1', "first lines do not say so"),
        (SHORT[: len(SHORT) // 2], "ends in the middle"),
        (SHORT.replace("<exists>\n2", "<exists>\n-1"), "is no number of tiers"),
        (SHORT.replace('"IntervalTier"', '"Odd"'), "class 'Odd'"),
    ],
)
def test_what_is_no_textgrid_says_why(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.TextGrid").write_text(content, encoding="utf-8")
    with pytest.raises(TextGridError, match=message):
        read_textgrid(tmp_path / "a.TextGrid")
