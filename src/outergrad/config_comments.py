"""A configuration as a file that explains itself: each key with the docstring of its field."""

import ast
import dataclasses
import inspect
import textwrap
import typing
from typing import Any

from outergrad.config import to_table, toml_value

_WIDTH = 96


def field_comments(kind: type[Any]) -> dict[str, str]:
    """Field → the docstring under it, of a dataclass and those that it inherits from."""
    comments: dict[str, str] = {}
    for cls in reversed(kind.__mro__):
        if not dataclasses.is_dataclass(cls):
            continue
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
        assert isinstance(body, ast.ClassDef)
        named: str | None = None
        for statement in body.body:
            text = _docstring(statement)
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                named = statement.target.id
            elif named is not None and text is not None:
                comments[named] = " ".join(text.split())
                named = None
            else:
                named = None
    return comments


def _docstring(statement: ast.stmt) -> str | None:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        value = statement.value.value
        return value if isinstance(value, str) else None
    return None


def commented_toml(config: Any) -> str:
    """The configuration as TOML, read back to the same by `build`, with a comment for each key."""
    lines: list[str] = []
    _section(type(config), to_table(config), "", lines)
    return "\n".join(lines).strip() + "\n"


def _section(kind: Any, table: dict[str, Any], name: str, lines: list[str]) -> None:
    hints, comments = typing.get_type_hints(kind), field_comments(kind)
    values = {key: value for key, value in table.items() if not isinstance(value, dict)}
    sections = {key: value for key, value in table.items() if isinstance(value, dict)}
    if name and values:
        lines += ["", f"[{name}]"]
    for key, value in values.items():
        lines += _comment(comments.get(key, ""))
        lines.append(f"# {key} =" if value is None else f"{key} = {toml_value(value)}")
    for key, value in sections.items():
        lines += ["", *_comment(comments.get(key, ""))]
        _section(hints[key], value, f"{name}.{key}" if name else key, lines)


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, _WIDTH)]
