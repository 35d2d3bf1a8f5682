import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from outergrad.corpus import (
    Problem,
    bad_fraction,
    bad_utterances,
    render_problems,
    require_mostly_good,
    write_problems,
)
from outergrad.corpus.problems import Kind
from outergrad.errors import InputError

MISSING = [
    Problem(Kind.MISSING_AUDIO, "no such file", "wav.scp", line, f"u{line}") for line in range(1, 8)
]
NOTICE = Problem(Kind.RESAMPLED, "9 utterances", fatal=False)
SHORT = Problem(Kind.TOO_SHORT, "too short", "text", 3, "u3")


def shown(problems: list[Problem], examples: int = 5) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=120, force_terminal=False)
    console.print(render_problems(problems, examples))
    return stream.getvalue()


def test_the_fraction_counts_each_utterance_once() -> None:
    problems = [*MISSING, SHORT, NOTICE]
    assert bad_utterances(problems) == tuple(f"u{n}" for n in range(1, 8))
    assert bad_fraction(7, problems) == 0.5
    assert bad_fraction(3, [NOTICE]) == 0.0
    assert bad_fraction(0, []) == 0.0


def test_lines_without_readable_id_count_once_each() -> None:
    anonymous = [Problem(Kind.ENCODING, "x", "text", line) for line in (1, 2, 2)]
    assert bad_fraction(2, anonymous) == 0.5


def test_too_many_bad_utterances_stop_the_run_unless_told_otherwise() -> None:
    require_mostly_good(63, MISSING)
    with pytest.raises(InputError, match=r"10\.1% of the utterances of corpus train") as caught:
        require_mostly_good(62, MISSING, name="train")
    assert "missing audio: 7" in str(caught.value)
    assert "wav.scp:1: u1: no such file" in str(caught.value)
    assert "raise corpus.max_bad (now 0.1)" in str(caught.value)
    require_mostly_good(62, MISSING, max_bad=0.2)
    with pytest.raises(InputError, match="100"):
        require_mostly_good(0, MISSING, max_bad=1.0)
    with pytest.raises(InputError, match="empty"):
        require_mostly_good(0, [])
    with pytest.raises(InputError, match="fraction"):
        require_mostly_good(5, [], max_bad=10)


def test_the_table_groups_by_kind_and_shows_some_examples() -> None:
    text = shown([*MISSING, SHORT, NOTICE], examples=2)
    assert text.count("no such file") == 2
    assert "and 5 more" in text
    assert "missing audio" in text
    assert "text:3" in text
    assert text.index("Left out") < text.index("Notices") < text.index("9 utterances")


def test_hostile_ids_and_markup_are_shown_as_they_are() -> None:
    hostile = Problem(Kind.MISSING_AUDIO, "[red]not markup[/red]", "a", 1, "\x1b[2Ju\u202e")
    text = shown([hostile])
    assert "[red]not markup[/red]" in text
    assert "\x1b" not in text
    assert "\\x1b[2Ju\\u202e" in text
    assert "\x1b" not in str(hostile)


def test_problems_are_written_as_table_and_records(tmp_path: Path) -> None:
    tricky = Problem(Kind.DUPLICATE, "tab\there\nand line", "f", None, "ü\tx")
    table, records = write_problems([SHORT, NOTICE, tricky], tmp_path / "run")
    assert table.read_text(encoding="utf-8").splitlines() == [
        "utterance\tkind\twhere\tmessage",
        "u3\tspeech shorter than its phones\ttext:3\ttoo short",
        "ü\\tx\tduplicate id\tf\ttab\\there\\nand line",
    ]
    lines = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 3
    assert lines[1] == {
        "kind": "resampled",
        "message": "9 utterances",
        "file": None,
        "line": None,
        "utterance": None,
        "fatal": False,
    }
    assert lines[2]["utterance"] == "ü\tx"


def test_no_problems_leave_empty_files(tmp_path: Path) -> None:
    table, records = write_problems([], tmp_path)
    assert table.read_text() == "utterance\tkind\twhere\tmessage\n"
    assert records.read_text() == ""
    assert shown([]).strip() == ""
