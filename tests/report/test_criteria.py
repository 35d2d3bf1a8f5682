"""Runs with several criteria: each is reported by itself, and none that the run no longer has."""

import copy
import re

import pytest

from outergrad.report.export import write_figures
from outergrad.report.findings import comparisons, headline
from outergrad.report.page import page
from outergrad.report.run import Run, Training, load_run


def outer(utterance, **fields):
    return {"kind": "outer", "utterance": utterance, "frames": 10, "kept": 10, **fields}


def push(age):
    return {"kind": "push", "outer_age_updates": age}


def evaluation(wer):
    return {"kind": "evaluation", "time": 1.0, "wer": wer}


@pytest.fixture
def two(results):
    """Results of a run with smbr and mmi, in this order."""
    found = copy.deepcopy(results)
    found["test"]["smbr"] = copy.deepcopy(found["test"]["mmi"])
    found["test"]["smbr"]["trigram"]["wer"] = 11.0
    found["comparisons"] = {
        "mmi": found["comparison"],
        "smbr": {
            "unigram": {"systems": ["ce", "smbr"], "p": 0.2},
            "trigram": {"systems": ["ce", "smbr"], "p": 0.04},
        },
    }
    found["comparison"] = found["comparisons"]["smbr"]
    found["sequence"] = {
        "smbr": {
            "staleness": {"outer": {"updates": {"median": 7, "p95": 9}}},
            "frames": {"total": 1000, "kept": 400, "cancelled": 600, "rejected": 0},
            "utterances": {"visits": 3, "failed": {"too few frames": 1}},
        },
        "mmi": {
            "staleness": {"outer": {"updates": {"median": 17, "p95": 19}}},
            "frames": {"total": 2000, "kept": 1000, "cancelled": 1000, "rejected": 0},
            "utterances": {"visits": 2, "failed": {}},
        },
    }
    return found


RECORDS = {
    stage: [{"stage": stage, **record} for record in records]
    for stage, records in {
        "bmmi": [outer("x", reason="of another time"), push(99), evaluation(33.0)],
        "mmi": [outer("a"), outer("b"), push(17), evaluation(22.0)],
        "smbr": [outer("a"), outer("a"), outer("b", reason="too few frames"), push(7)],
    }.items()
}


def words(text):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))


def test_every_criterion_is_compared_with_ce(two):
    found = [(c.lm, c.second.system, c.p) for c in comparisons(two)]
    assert found == [
        ("unigram", "smbr", 0.2),
        ("unigram", "mmi", 0.00002),
        ("trigram", "smbr", 0.04),
        ("trigram", "mmi", 0.003),
    ]


def test_the_headline_is_about_the_first_criterion_and_the_others_follow(two):
    first, also = headline(two)
    assert first.startswith("sMBR lowers")
    assert "p = 0.040" in first.replace("\u00a0", " ")
    assert [("MMI" in s, "trigram" in s) for s in also] == [
        (True, True),
        (False, False),
        (True, False),
    ]


def test_each_criterion_has_its_own_frames_visits_and_ages(two, make_run):
    run = load_run(make_run(two, RECORDS))
    assert [training.stage for training in run.trainings()] == ["smbr", "mmi"]
    text = words(page(run))
    for shown in (
        "matched-pairs test: p = 0.040.",
        "matched-pairs test: p = 0.003.",
        "1,000 frames.",
        "2,000 frames.",
        "outer age, updates 7 7",
        "outer age, updates 17 17",
        "sMBR 3 visits to 2 utterances, 1 to 2 each. 1 (33.3",
        "MMI 2 visits to 2 utterances, 1 each. None failed.",
    ):
        assert shown in text


def test_a_criterion_that_the_run_no_longer_has_is_not_reported(two, make_run, tmp_path):
    folder = make_run(two, RECORDS)
    text = words(page(load_run(folder)))
    assert "of another time" not in text
    assert "33.0" not in text
    names = [path.name for path in write_figures(folder, tmp_path / "figures")]
    assert "mmi-staleness.svg" in names
    assert "smbr-staleness.svg" in names
    assert not any(name.startswith("bmmi") for name in names)


def test_a_criterion_that_is_being_trained_is_reported(two, make_run):
    """Results are of the time before it, the configuration has it."""
    del two["sequence"]["smbr"]
    run = load_run(make_run(two, RECORDS, 'criteria = ["mmi", "smbr"]\n'))
    assert [training.stage for training in run.trainings()] == ["mmi", "smbr"]
    assert run.trainings()[1].summary == {}


def test_results_of_a_single_criterion_without_its_name_are_still_read():
    summary = {"utterances": {"visits": 3}}
    assert Run(summary).trainings() == [Training("", summary)]
    records = {"mmi": {"push": [push(1)]}}
    assert Run(summary, records).trainings() == [Training("mmi", summary, records["mmi"])]


def test_without_sequence_training_old_records_say_nothing(make_run):
    run = load_run(make_run({"sequence": {}, "utterances": {"not_aligned": {}}}, RECORDS))
    assert run.trainings() == []
