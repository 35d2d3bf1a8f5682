"""Settings that explain themselves: every key has its words, and the file is read back."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from outergrad.config import build, read_toml, to_table
from outergrad.config_comments import commented_toml, field_comments
from outergrad.recipes.settings import RunConfig


@dataclass(frozen=True)
class Inner:
    """Inner."""

    rate: float = 0.5
    """Step size
    of everything."""
    name: str | None = None
    """Who."""


@dataclass(frozen=True)
class Outer:
    """Outer."""

    count: int = 3
    """How many."""
    inner: Inner = field(default_factory=Inner)
    """The section."""


def test_comments_are_the_docstrings_of_the_fields() -> None:
    text = commented_toml(Outer())
    assert text == (
        "# How many.\ncount = 3\n\n# The section.\n\n[inner]\n# Step size of everything.\n"
        "rate = 0.5\n# Who.\n# name =\n"
    )


def test_the_file_of_all_settings_is_read_back(tmp_path: Path) -> None:
    config = build(RunConfig, {"ce": {"rate": 0.125}, "seed": 7})
    (tmp_path / "c.toml").write_text(commented_toml(config), encoding="utf-8")
    assert build(RunConfig, read_toml(tmp_path / "c.toml")) == config


def test_every_setting_says_what_it_is() -> None:
    def check(value: Any, name: str) -> None:
        comments = field_comments(type(value))
        for entry in dataclasses.fields(value):
            assert comments.get(entry.name), f"{name}{entry.name} has no docstring"
            inner = getattr(value, entry.name)
            if dataclasses.is_dataclass(inner):
                check(inner, f"{name}{entry.name}.")

    check(RunConfig(), "")
    assert to_table(RunConfig())
