"""Typed configuration: frozen dataclasses ← one TOML file ← `key=value` overrides.

The dataclasses live beside what they configure; this module only fills them. A key that no
dataclass knows is an error with a suggestion, a value of the wrong type is an error that names
the key, and `digest` names a configuration so that figures can say what made them.
"""

import dataclasses
import difflib
import hashlib
import json
import math
import tomllib
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from outergrad.errors import InputError

C = TypeVar("C")


def read_toml(path: Path) -> dict[str, Any]:
    """The table in a TOML file.

    Raises:
        InputError: the file cannot be read or is not TOML; names file and line.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot read the configuration: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML file: {error}") from error


def parse_overrides(assignments: Sequence[str]) -> dict[str, Any]:
    """Nested table of `section.key=value` assignments; values are TOML, bare words are strings."""
    table: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        keys = name.strip().split(".")
        if not equals or not all(keys):
            raise InputError(f"--set {assignment}: write section.key=value")
        node = table
        for key in keys[:-1]:
            node = node.setdefault(key, {})
            if not isinstance(node, dict):
                raise InputError(f"--set {assignment}: {key} already has a value")
        node[keys[-1]] = _parse_value(text.strip())
    return table


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the entries of `over` put in, table by table."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def build(kind: type[C], table: Mapping[str, Any], source: str = "configuration") -> C:
    """The configuration `kind` with the values of `table`, the defaults of `kind` for the rest.

    A list of words may be given as one text: ``mmi,smbr`` or ``[mmi, smbr]``.

    Raises:
        InputError: unknown key (with the nearest known one) or a value of the wrong type.
    """
    _refuse_unknown(kind, table, source, "")
    try:
        # On top of the defaults of the whole: a section may have other defaults here than its
        # type has by itself, and setting one of its keys must not undo them.
        return msgspec.convert(merge(to_table(kind()), _split(kind, table)), kind)
    except msgspec.ValidationError as error:
        raise InputError(f"{source}: {_in_words(str(error))}") from error


def _split(kind: Any, table: Mapping[str, Any]) -> dict[str, Any]:
    """The table with the texts that stand for lists of words split into these."""
    hints = typing.get_type_hints(kind)
    return {key: _split_value(hints[key], value) for key, value in table.items()}


def _split_value(hint: Any, value: Any) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return _split(hint, value)
    if not isinstance(value, str) or not value or not _is_words(hint):
        return value
    inner = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    return [word.strip().strip("\"'") for word in inner.split(",")]


def _is_words(hint: Any) -> bool:
    """Whether a type is that of a list of strings or of members of an enumeration of strings."""
    items = typing.get_args(hint)
    return (
        typing.get_origin(hint) in (tuple, list)
        and items[1:] in ((), (...,))
        and isinstance(items[0], type)
        and issubclass(items[0], str)
    )


def _in_words(message: str) -> str:
    """msgspec says "Expected `float`, got `str` - at `$.a.b`"; users know `a.b`."""
    problem, _, where = message.partition(" - at `$.")
    if not where:
        return message
    key, said = where.rstrip("`"), problem.replace("`", "").lower()
    form = f"; write {key}=[…, …]" if said.startswith("expected array") else ""
    return f"{key}: {said}{form}"


def _refuse_unknown(kind: Any, table: Mapping[str, Any], source: str, prefix: str) -> None:
    hints = typing.get_type_hints(kind)
    for key, value in table.items():
        if key not in hints:
            near = difflib.get_close_matches(f"{prefix}{key}", list(keys_of(kind, prefix)), n=1)
            known = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(hints))}"
            raise InputError(f"{source}: unknown key {prefix}{key}; {known}")
        if dataclasses.is_dataclass(hints[key]) and isinstance(value, Mapping):
            _refuse_unknown(hints[key], value, source, f"{prefix}{key}.")


def keys_of(kind: Any, prefix: str = "") -> Iterator[str]:
    """All dotted keys of a configuration type."""
    for name, hint in typing.get_type_hints(kind).items():
        if dataclasses.is_dataclass(hint):
            yield from keys_of(hint, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def to_table(config: Any) -> dict[str, Any]:
    """The configuration as plain tables (JSON and TOML types)."""
    table: dict[str, Any] = _plain(config)
    return table


def _plain(value: Any) -> Any:
    # Field by field: msgspec leaves fields at their class-level defaults out of its own output.
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            entry.name: _plain(getattr(value, entry.name)) for entry in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return msgspec.to_builtins(value)


def to_toml(config: Any) -> str:
    """The resolved configuration as TOML, one section per dataclass, ready to be read again.

    Keys without a value (None) are written as comments, because TOML has no null.
    """
    lines: list[str] = []
    _write_section(to_table(config), "", lines)
    return "\n".join(lines).strip() + "\n"


def _write_section(table: Mapping[str, Any], name: str, lines: list[str]) -> None:
    values = {key: value for key, value in table.items() if not isinstance(value, dict)}
    if name and values:
        lines += ["", f"[{name}]"]
    for key, value in values.items():
        lines.append(f"# {key} =" if value is None else f"{key} = {toml_value(value)}")
    for key, value in table.items():
        if isinstance(value, dict):
            _write_section(value, f"{name}.{key}" if name else key, lines)


def toml_value(value: Any) -> str:
    """A number, string, boolean, or list of them, as TOML reads it."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # inf, -inf, nan; JSON has other words
    # The rest is written as JSON has it. TOML has no pairs of surrogates, and no bare delete.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def digest(*parts: Any) -> str:
    """Twelve hexadecimal digits that change when any part (JSON-able or dataclass) does."""
    text = json.dumps(_plain(parts), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
