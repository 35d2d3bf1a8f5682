"""Stages: done once, done again when an input changed, resumed when they were cut off."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from outergrad.errors import InputError
from outergrad.progress import Silent
from outergrad.recipes.stages import RunDirectory, fingerprint


class Work:
    """Counts its runs and leaves a file behind, before it fails if told so."""

    def __init__(self) -> None:
        self.runs = 0
        self.fail = False
        self.found: list[bool] = []

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        self.runs += 1
        self.found.append((folder / "half").exists())
        (folder / "half").touch()
        if self.fail:
            raise RuntimeError("cut off")
        return {"runs": self.runs}


def test_a_finished_stage_is_kept_until_an_input_changes(tmp_path: Path) -> None:
    directory, work = RunDirectory(tmp_path, Silent()), Work()
    first = directory.run("train", {"rate": 1.0}, work)
    assert directory.run("train", {"rate": 1.0}, work) == first
    assert work.runs == 1
    again = directory.run("train", {"rate": 0.5}, work)
    assert work.runs == 2
    assert again.digest != first.digest
    assert work.found == [False, False]  # a changed input starts from an empty folder


def test_a_stage_cut_off_finds_what_it_left(tmp_path: Path) -> None:
    directory, work = RunDirectory(tmp_path, Silent()), Work()
    work.fail = True
    with pytest.raises(RuntimeError):
        directory.run("train", {"rate": 1.0}, work)
    assert directory.stamp("train") is None
    work.fail = False
    directory.run("train", {"rate": 1.0}, work)
    assert work.found == [False, True]


def test_the_seconds_of_a_stage_are_those_of_all_its_starts(tmp_path: Path) -> None:
    now = [0.0]

    def work(seconds: float, fail: bool) -> Mapping[str, Any]:
        now[0] += seconds
        if fail:
            raise KeyboardInterrupt
        return {}

    for seconds in (100.0, 20.0):
        directory = RunDirectory(tmp_path, Silent(), clock=lambda: now[0])
        with pytest.raises(KeyboardInterrupt):
            directory.run("train", {"rate": 1.0}, lambda folder, s=seconds: work(s, True))
        now[0] += 1000.0  # nobody works
    directory = RunDirectory(tmp_path, Silent(), clock=lambda: now[0])
    stamp = directory.run("train", {"rate": 1.0}, lambda folder: work(3.0, False))
    assert stamp.seconds == 123.0
    assert directory.stamp("train") == stamp
    # Begun anew it starts from nothing.
    assert directory.run("train", {"rate": 2.0}, lambda folder: work(4.0, False)).seconds == 4.0


def test_a_torn_stamp_counts_as_not_done(tmp_path: Path) -> None:
    directory, work = RunDirectory(tmp_path, Silent()), Work()
    directory.run("train", {}, work)
    stamp = tmp_path / "train" / "stage.json"
    stamp.write_text(stamp.read_text()[:10])
    directory.run("train", {}, work)
    assert work.runs == 2


def test_two_runs_do_not_share_a_directory(tmp_path: Path) -> None:
    first, second = RunDirectory(tmp_path, Silent()), RunDirectory(tmp_path, Silent())
    with first.locked(), pytest.raises(InputError, match="another run"), second.locked():
        pass
    with second.locked():
        pass


def test_fingerprints_are_those_of_earlier_versions(tmp_path: Path) -> None:
    """With others every finished stage would be done again."""
    (tmp_path / "folder" / "sub").mkdir(parents=True)
    (tmp_path / "folder" / "text").write_bytes(b"u1 a\n")
    (tmp_path / "folder" / "sub" / "more").write_bytes(b"\0" * 300_000)
    (tmp_path / "kaldi").mkdir()
    (tmp_path / "kaldi" / "wav.scp").write_bytes(b"u1 u1.wav\n")
    assert fingerprint(tmp_path / "folder") == "fa109520aeff"
    assert fingerprint(tmp_path / "kaldi") == "48e045d00ce2"
    assert fingerprint(tmp_path / "folder" / "text") == "4b119ece8744"


def test_a_link_that_leads_nowhere_has_no_part_in_a_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("u1 a\n")
    before = fingerprint(tmp_path)
    (tmp_path / ".#text").symlink_to("me@here.1234")
    os.mkfifo(tmp_path / "pipe")
    assert fingerprint(tmp_path) == before


def test_a_fingerprint_follows_content_and_names(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("u1 a\n")
    before = fingerprint(tmp_path)
    (tmp_path / "text").write_text("u1 b\n")
    assert fingerprint(tmp_path) != before
    (tmp_path / "text").write_text("u1 a\n")
    assert fingerprint(tmp_path) == before
