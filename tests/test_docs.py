"""Every command and snippet of README and the documentation is one that works.

Commands are parsed as the command line does, with all their options. Those that are quick are run,
in a folder that has the files that the pages speak of.
"""

import importlib.util
import json
import re
import shlex
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import typer

from outergrad.cli import app
from outergrad.corpus import write_lexicon
from outergrad.features import mfcc
from outergrad.hmm.gmm import DiagonalGmm
from outergrad.hmm.model import HmmModel
from outergrad.hmm.phones import PhoneTable
from outergrad.hmm.topology import PhoneHmm, Topology
from outergrad.recognizer.gmm_model import GmmModel, GmmModelConfig

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"```(?P<kind>\w+)\n(?P<text>.*?)```", re.DOTALL)


def blocks(kind: str) -> list[tuple[Path, str]]:
    return [
        (page, match["text"])
        for page in PAGES
        for match in _BLOCK.finditer(page.read_text(encoding="utf-8"))
        if match["kind"] == kind
    ]


def commands() -> list[list[str]]:
    """Arguments of all `outergrad` commands, each once; an ellipsis stands for required options."""
    found: dict[tuple[str, ...], None] = {}
    needed = "--train data/train --test data/test --lexicon lexicon.txt --out my-run"
    for _, text in blocks("sh"):
        for line in text.replace("\\\n", " ").splitlines():
            for part in line.split("|"):
                words = shlex.split(part.replace("…", needed), comments=True)
                if words[:1] == ["outergrad"]:
                    found[tuple(words[1:])] = None
    return [list(arguments) for arguments in found]


def named(arguments: list[str]) -> str:
    return " ".join(arguments)


def test_there_are_commands_to_try() -> None:
    tried = {arguments[0] for arguments in commands()}
    wanted = {"run", "demo", "validate", "transcribe", "align", "export", "get", "doctor", "config"}
    assert wanted <= tried


@pytest.mark.parametrize("arguments", commands(), ids=named)
def test_every_command_is_understood(arguments: list[str]) -> None:
    group = typer.main.get_command(app)
    name, command, rest = group.resolve_command(  # type: ignore[attr-defined]
        group.make_context("outergrad", arguments), arguments
    )
    # Raises a usage error for unknown options, missing arguments and values of a wrong type.
    command.make_context(name, rest)


QUICK = {"validate", "transcribe", "align", "export", "config", "get", "pronounce"}


def quick(arguments: list[str]) -> bool:
    match arguments[0]:
        case "run":
            return "--dry-run" in arguments
        case "get":
            return "--from" in arguments
        case "pronounce":
            return importlib.util.find_spec("espeakng_loader") is not None
        case name:
            return name in QUICK and "--train" not in arguments


def train_gmm(tones: ModuleType) -> GmmModel:
    """What align --train leaves: a Gaussian per tone, from what the tones are known to be."""
    phones = PhoneTable.from_lexicon(tones.LEXICON)
    topology = Topology(tuple(PhoneHmm.left_to_right(1) for _ in phones.names))
    seconds = np.arange(tones.RATE) / tones.RATE
    noise = 1e-3 * np.random.default_rng(2).standard_normal(tones.RATE)
    frames = []
    for name in phones.names:
        sound = 0.3 * np.sin(2 * np.pi * tones.PITCH[name] * seconds) if name != "SIL" else 0.0
        frames.append(mfcc((sound + noise).astype(np.float32), tones.RATE).mean(axis=0))
    statics = np.array(frames) - np.mean(frames, axis=0)
    means = np.concatenate([statics, np.zeros((len(phones), 2 * statics.shape[1]))], axis=1)
    gmm = DiagonalGmm.single(means, np.full_like(means, 100.0))
    return GmmModel(HmmModel.monophone(phones, topology), gmm, tones.LEXICON, GmmModelConfig())


@pytest.fixture(scope="module")
def place(
    tones: ModuleType, model_directory: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with everything that the pages name."""
    folder = tmp_path_factory.mktemp("docs")
    write_lexicon(tones.LEXICON, folder / "lexicon.txt")
    for name in ("data/train", "data/test", "my-speech/train", "my-speech/test", "speech"):
        speech = folder / name
        speech.mkdir(parents=True)
        rows = ["path,speaker,text"]
        for number in range(4):
            tones.record(speech / f"u{number}.wav", ["ab", "cd"])
            rows.append(f"u{number}.wav,s{number % 2},ab cd")
        (speech / "metadata.csv").write_text("\n".join(rows) + "\n")
    for name in ("recording.wav", "new-recording.ogg", "interview.wav", "a.flac", "b.ogg"):
        tones.record(folder / name, ["dað"])
    shutil.copytree(model_directory, folder / "my-run" / "model")
    (folder / "my-run" / "inputs.json").write_text("{}")
    train_gmm(tones).save(folder / "aligned" / "model")
    (folder / "my-run" / "config.toml").write_text("seed = 3\n")
    (folder / "my-run" / "records").mkdir()
    epoch = {"time": 1.0, "stage": "ce", "kind": "epoch", "epoch": 1, "train_ce": 2.5}
    (folder / "my-run" / "records" / "ce.jsonl").write_text(json.dumps(epoch) + "\n")
    (folder / "my-settings.toml").write_text("[ce]\nmax_epochs = 3\n")
    archive = folder / "an4"
    (archive / "etc").mkdir(parents=True)
    (archive / "wav/an4_clstk/spk").mkdir(parents=True)
    (archive / "etc/an4_train.transcription").write_text("<s> YES </s> (one)\n")
    (archive / "wav/an4_clstk/spk/one.raw").write_bytes(bytes(range(200)) * 40)
    shutil.make_archive(str(folder / "an4"), "gztar", folder, "an4")
    return folder


@pytest.mark.parametrize("arguments", [a for a in commands() if quick(a)], ids=named)
def test_quick_commands_do_what_they_say(
    arguments: list[str],
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(place)
    if arguments[-1] == "-":
        with (place / "recording.wav").open("rb") as stream:
            monkeypatch.setattr("sys.stdin", type("Pipe", (), {"buffer": stream}))
            assert app(arguments, standalone_mode=False) in (None, 0)
    else:
        assert app(arguments, standalone_mode=False) in (None, 0)
    printed = capsys.readouterr().out
    if arguments[0] == "transcribe":
        assert "dað" in printed
    if "--json" in arguments:
        assert printed.lstrip().startswith("{")


@pytest.mark.parametrize(("page", "text"), blocks("python"), ids=lambda value: str(value)[-40:])
def test_python_snippets_run(
    page: Path, text: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    exec(compile(text, page.name, "exec"), {})


def test_python_excerpts_are_python() -> None:
    for page, text in blocks("py"):
        compile(text, page.name, "exec")


def test_relative_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
