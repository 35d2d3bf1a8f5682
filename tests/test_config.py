"""Configuration: defaults, files, overrides, and what is said when something is wrong."""

import math
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from outergrad.config import build, digest, merge, parse_overrides, read_toml, to_toml
from outergrad.config_comments import commented_toml
from outergrad.errors import InputError


@dataclass(frozen=True)
class Inner:
    rate: float = 0.5
    layers: tuple[int, ...] = (4, 4)
    name: str = 'ü "quoted"'
    limit: float | None = None
    limits: tuple[float, ...] = ()


@dataclass(frozen=True)
class Outer:
    seed: int = 1
    inner: Inner = field(default_factory=Inner)


def test_defaults_survive_a_round_trip_through_toml() -> None:
    text = to_toml(Outer())
    assert build(Outer, tomllib.loads(text)) == Outer()
    assert "# limit =" in text


@pytest.mark.parametrize("write", [to_toml, commented_toml])
def test_what_json_has_other_words_for_is_read_back(write: Callable[[Any], str]) -> None:
    for given in (
        Inner(rate=float("inf")),
        Inner(rate=float("-inf"), name="🎤 \x7f \n þ"),
        Inner(limits=(1.0, float("inf"))),
    ):
        assert build(Inner, tomllib.loads(write(given))) == given
    read = build(Inner, tomllib.loads(write(Inner(rate=float("nan")))))
    assert math.isnan(read.rate)


def test_overrides_are_typed_by_toml_and_bare_words_are_strings() -> None:
    table = parse_overrides(
        ["seed=3", "inner.rate=1e-3", "inner.name=plain", "inner.layers=[1, 2]"]
    )
    assert build(Outer, table) == Outer(3, Inner(1e-3, (1, 2), "plain"))


def test_an_integer_is_a_legal_float_but_a_word_is_not() -> None:
    assert build(Outer, parse_overrides(["inner.rate=2"])).inner.rate == 2.0
    with pytest.raises(InputError, match=r"--set: inner\.rate: expected float, got str"):
        build(Outer, parse_overrides(["inner.rate=fast"]), "--set")


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Lists:
    colours: tuple[Colour, ...] = ()
    names: list[str] = field(default_factory=list)
    counts: tuple[int, ...] = ()


@pytest.mark.parametrize("written", ["red,blue", "red, blue", "[red,blue]", '["red", "blue"]'])
def test_lists_of_words_need_no_quotes(written: str) -> None:
    found = build(Lists, parse_overrides([f"colours={written}", f"names={written}"]))
    assert found == Lists((Colour.RED, Colour.BLUE), ["red", "blue"])


def test_a_single_word_is_a_list_of_one() -> None:
    assert build(Lists, parse_overrides(["colours=red"])).colours == (Colour.RED,)
    assert build(Lists, parse_overrides(["colours=[]"])).colours == ()
    with pytest.raises(InputError, match=r"colours\[1\]: invalid enum value 'rd'"):
        build(Lists, parse_overrides(["colours=red,rd"]))


def test_what_is_no_list_is_told_how_lists_are_written() -> None:
    for wrong in ("counts=1,2", "colours=3", "colours="):
        with pytest.raises(InputError, match=r"expected array, got \w+; write \w+=\[…, …\]"):
            build(Lists, parse_overrides([wrong]))


def test_a_misspelt_key_gets_a_suggestion() -> None:
    with pytest.raises(InputError, match=r"unknown key inner\.rat; did you mean inner\.rate\?"):
        build(Outer, {"inner": {"rat": 1.0}})
    with pytest.raises(InputError, match="known: inner, seed"):
        build(Outer, {"zzzzzzzz": 1})


def test_merge_goes_table_by_table() -> None:
    merged = merge({"a": 1, "t": {"x": 1, "y": 2}}, {"t": {"y": 3}, "b": 4})
    assert merged == {"a": 1, "b": 4, "t": {"x": 1, "y": 3}}


def test_an_override_without_an_equals_sign_is_refused() -> None:
    for wrong in ("seed", "=3", "a..b=1"):
        with pytest.raises(InputError, match=r"write section\.key=value"):
            parse_overrides([wrong])


def test_a_broken_file_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_text("seed = 1\nrate = = 2\n")
    with pytest.raises(InputError, match=r"broken\.toml.*line 2"):
        read_toml(file)
    with pytest.raises(InputError, match="No such file"):
        read_toml(tmp_path / "missing.toml")


def test_the_digest_follows_every_value() -> None:
    assert digest(Outer()) == digest(Outer())
    assert digest(Outer()) != digest(Outer(inner=Inner(rate=0.25)))


def test_what_was_read_is_written_whole() -> None:
    """Defaults that came in through a file or through nothing at all look the same."""
    assert to_toml(build(Outer, {})) == to_toml(Outer())
    assert digest(build(Outer, {})) == digest(Outer())


@dataclass(frozen=True)
class Special:
    inner: Inner = field(default_factory=lambda: Inner(rate=0.125, layers=(7,)))


def test_setting_one_key_keeps_the_other_defaults_of_its_section() -> None:
    """The section's defaults are those given to it here, not those of its type."""
    assert build(Special, {"inner": {"rate": 1.0}}) == Special(Inner(rate=1.0, layers=(7,)))
