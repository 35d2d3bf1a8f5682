"""Commands that look at this installation and its settings: doctor, config."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from outergrad.cli.app import app
from outergrad.cli.options import Set
from outergrad.errors import InputError, RunError

PANEL = "Look inside"


@app.command(rich_help_panel=PANEL)
def config(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="TOML file to check, or run directory whose settings to show."
        ),
    ] = None,
    settings: Set = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, without comments.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only check; print nothing.")] = False,
) -> None:
    """Print all settings with their meaning, or check a file."""
    from outergrad.config import to_table
    from outergrad.config_comments import commented_toml
    from outergrad.recipes.settings import read_config

    if file is not None and file.is_dir():
        file = file / "config.toml"
    resolved = read_config(file, settings or [])
    if check:
        return
    if as_json:
        print(json.dumps(to_table(resolved), ensure_ascii=False, indent=1))
    else:
        print(commented_toml(resolved), end="")


@app.command(rich_help_panel=PANEL)
def doctor(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where runs would be written.")
    ] = Path(),
    quick: Annotated[bool, typer.Option("--quick", help="Without the self-test.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Is this machine ready?

    Packages, cores, memory, disk, and a short self-test.
    """
    from outergrad.recipes.doctor import examine

    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    report = examine(folder, self_test=not quick)
    if as_json:
        print(json.dumps(report, ensure_ascii=False, indent=1))
    else:
        for key, value in _lines(report):
            print(f"{key:<16} {value}")
    if report["problems"]:
        raise RunError(f"not ready: {'; '.join(report['problems'])}")
    if not as_json:
        print("ready")


def _lines(report: dict[str, Any]) -> list[tuple[str, str]]:
    packages = ", ".join(f"{name} {found}" for name, found in report["packages"].items() if found)
    extras: dict[bool, list[str]] = {True: [], False: []}
    for extra, there in report["extras"].items():
        extras[there].append(extra)
    named = " ".join(f"{key}={value}" for key, value in report["threads"]["environment"].items())
    lines = [
        ("outergrad", report["outergrad"]),
        ("python", f"{report['python']}, {report['system']}"),
        ("packages", packages),
        ("extras", " ".join(extras[True]) or "none"),
        ("without", " ".join(extras[False]) or "nothing"),
        ("cores", str(report["cores"])),
        ("memory", f"{report['memory_bytes'] / 1e9:.1f} GB"),
        ("disk", f"{report['disk_free_bytes'] / 1e9:.1f} GB free"),
        ("threads", f"torch {report['threads']['torch']} {named}".strip()),
        ("gpu", report["gpu"] or "none (needed for sequence.device=cuda only)"),
    ]
    for name, test in report.get("self_test", {}).items():
        lines.append((f"test {name}", f"{test['outcome']} ({test['seconds']:.1f} s)"))
    return lines
