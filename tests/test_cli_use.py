"""The commands that use models and look at data: what they print, how they end."""

import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from outergrad import __version__
from outergrad.cli import main
from outergrad.corpus import write_lexicon


class Ended:
    """Exit code and output of a command."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = " ".join(err.split())


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """Run a command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str | Path) -> Ended:
        monkeypatch.setattr("sys.argv", ["outergrad", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, printed.out, printed.err)

    return command


@pytest.fixture
def speech(tones: ModuleType, tmp_path: Path) -> Path:
    folder = tmp_path / "speech"
    folder.mkdir()
    rows = ["path,text"]
    for number in range(3):
        tones.record(folder / f"u{number}.wav", ["ab"])
        rows.append(f"u{number}.wav,ab")
    (folder / "table.csv").write_text("\n".join(rows) + "\n")
    write_lexicon(tones.LEXICON, tmp_path / "lexicon.txt")
    return folder


def test_transcribe_goes_on_after_a_broken_file_and_ends_with_2(
    run, tones: ModuleType, model_directory: Path, tmp_path: Path
) -> None:
    tones.record(tmp_path / "good.wav", ["ab", "cd"])
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    done = run("transcribe", model_directory, "bad.wav", "good.wav", "--json")
    assert done.code == 2
    bad, good = (json.loads(line) for line in done.out.splitlines())
    assert (bad["file"], bad["kind"]) == ("bad.wav", "unreadable audio")
    assert (good["file"], good["text"]) == ("good.wav", "ab cd")
    assert set(good["words"][0]) == {"word", "begin", "end", "confidence"}
    assert "1 of 2 files could not be transcribed" in done.err
    plain = run("transcribe", model_directory, "good.wav")
    assert (plain.code, plain.out) == (0, "ab cd\n")


def test_validate_ends_with_2_when_the_corpus_is_unusable(
    run, speech: Path, tmp_path: Path
) -> None:
    good = run("validate", "speech", "lexicon.txt", "--json")
    assert good.code == 0
    assert json.loads(good.out)["usable"] is True
    (speech / "u0.wav").write_bytes(b"")
    bad = run("validate", "speech", "lexicon.txt", "--json", "--problems", "found")
    assert bad.code == 2
    assert json.loads(bad.out)["usable"] is False
    assert "33.3% of its utterances would be left out" in bad.err
    assert "2 are good" in bad.err
    (speech / "u1.wav").write_bytes(b"")
    assert "1 is good" in run("validate", "speech", "lexicon.txt", "--json").err
    assert "u0\tunreadable audio" in (tmp_path / "found" / "bad_utterances.tsv").read_text()


def test_align_prints_counts(run, speech: Path, model_directory: Path, tmp_path: Path) -> None:
    done = run("align", model_directory, "speech", "--out", "aligned", "--json")
    assert done.code == 0
    assert json.loads(done.out)["aligned"] == 3
    assert len(list((tmp_path / "aligned" / "textgrids").iterdir())) == 3


def test_the_version_is_told(run) -> None:
    done = run("--version")
    assert (done.code, done.out) == (0, f"outergrad {__version__}\n")


def test_doctor_is_content_here(run) -> None:
    done = run("doctor", "--json")
    report = json.loads(done.out)
    assert (done.code, report["problems"]) == (0, [])
    assert {test["outcome"] for test in report["self_test"].values()} == {"ok"}
    assert report["cores"] >= 1
    assert report["packages"]["torch"]
    assert "ready" in run("doctor", "--quick").out


def test_doctor_says_what_a_gpu_is_needed_for(run, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "none (needed for sequence.device=cuda only)" in run("doctor", "--quick").out


def test_config_prints_what_is_set(run, tmp_path: Path) -> None:
    done = run("config", "--set", "ce.rate=0.25")
    assert done.code == 0
    assert re.search(r"^rate = 0\.25$", done.out, re.MULTILINE)
    (tmp_path / "c.toml").write_text(done.out, encoding="utf-8")
    assert run("config", "c.toml", "--check").code == 0
    assert json.loads(run("config", "c.toml", "--json").out)["ce"]["rate"] == 0.25


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["transcribe", "none", "a.wav"], "no such folder"),
        (["align", "none", "none"], "give the output folder once"),
        (["align", "none", "none", "out", "--out", "out"], "give the output folder once"),
        (["align", "none", "none", "out"], "none: no such file or folder"),
        (["align", "--train", "none", "none", "out"], "none: no such file or folder"),
        (["align", "a", "b", "c", "--set", "x=1"], "--set is for align --train"),
        (["validate", "none", "none"], "cannot read none"),
        (["export", "none"], "say which format"),
        (["get", "timit"], "choose one of an4, mini-librispeech, samromur"),
        (["get", "an4", "--from", "none"], "no such file or folder"),
        (["config", "none.toml"], "cannot read the configuration"),
        (["config", "--set", "ce.rat=1"], "did you mean ce.rate?"),
        (["doctor", "none"], "no such folder"),
        (["run", "--train", ".", "--test", ".", "--lexicon", ".", "--out", "x", "--json"], "--dry"),
    ],
)
def test_wrong_use_ends_with_2_and_says_why(run, arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert done.code == 2
    assert said in done.err
