"""What is said about a run, and the numbers it is computed from."""

import numpy as np
import pytest

from outergrad.report.curves import Ages, age_summary, ages, sequence_curves
from outergrad.report.figures import age_histogram
from outergrad.report.findings import comparisons, headline, scores, visits
from outergrad.report.run import Run, Training, number


def two_systems(ce, mmi, p=None):
    lm = "trigram"
    comparison = {lm: {"systems": ["ce", "mmi"], "p": p}} if p is not None else {}
    return {"test": {"ce": {lm: {"wer": ce}}, "mmi": {lm: {"wer": mmi}}}, "comparison": comparison}


@pytest.mark.parametrize(
    ("results", "sentence"),
    [
        (
            two_systems(13.1, 11.4, 0.003),
            "MMI lowers the word error from 13.1 to 11.4 % with the trigram language model "
            "(−13 % relative, p = 0.003)",
        ),
        (
            two_systems(13.1, 12.6, 0.31),
            "The word error of MMI is lower than that of CE with the trigram language model, "
            "13.1 → 12.6 %, but the difference is within the noise (−4 % relative, p = 0.31)",
        ),
        (
            two_systems(13.1, 13.6, 0.05),
            "The word error of MMI is higher than that of CE with the trigram language model, "
            "13.1 → 13.6 %, but the difference is within the noise (+4 % relative, p = 0.050)",
        ),
        (
            two_systems(10.0, 14.0, 0.00001),
            "MMI raises the word error from 10.0 to 14.0 % with the trigram language model "
            "(+40 % relative, p < 0.001)",
        ),
        (
            two_systems(10.0, 9.0),
            "MMI lowers the word error from 10.0 to 9.0 % with the trigram language model "
            "(−10 % relative, not tested for significance)",
        ),
        (
            two_systems(10.0, 10.0, 1.0),
            "MMI and CE make the same word error with the trigram language model, 10.0 % "
            "(p = 1.00)",
        ),
        (
            two_systems(0.0, 1.0, 0.2),
            "The word error of MMI is higher than that of CE with the trigram language model, "
            "0.0 → 1.0 %, but the difference is within the noise (p = 0.20)",
        ),
    ],
)
def test_the_headline_is_honest(results, sentence):
    assert headline(results)[0].replace("\u00a0", " ") == sentence


def test_the_headline_is_about_the_strongest_language_model_even_if_it_says_less(results):
    results["comparison"]["trigram"]["p"] = 0.4
    text, also = headline(results)
    assert "trigram" in text
    assert "within the noise" in text
    assert [("unigram" in sentence, "lowers" in sentence) for sentence in also] == [(True, True)]


def test_systems_and_language_models_come_in_the_order_of_training(results):
    results["test"] = dict(reversed(results["test"].items()))
    results["test"]["smbr"] = {"unigram": {"wer": 14.0}}
    order = [(score.lm, score.system) for score in scores(results)]
    assert order[:5] == [("unigram", name) for name in ("mono", "tri", "ce", "mmi", "smbr")]
    assert order[5:] == [("trigram", name) for name in ("tri", "ce", "mmi")]


def test_a_run_may_compare_other_systems(results):
    results["comparison"]["unigram"] = {"systems": ["tri", "ce"], "p": 0.01}
    pair = comparisons(results)[0]
    assert (pair.first.system, pair.second.system, pair.p) == ("tri", "ce", 0.01)
    assert pair.relative == pytest.approx(100 * (17.9 - 22.9) / 22.9)


def test_infinite_and_huge_numbers_are_none():
    values = (1, 2.5, True, "3", None, float("nan"), float("inf"), 10**400)
    assert [number(value) for value in values] == [1.0, 2.5, *[None] * 6]


def test_an_age_percentile_is_an_age_that_occurred():
    seen = Ages(np.array([5.0, 1.0, 9.0]), np.array([2.0, 17.0, 1.0]))
    assert [seen.quantile(share) for share in (0.5, 0.85, 0.86, 0.95, 0.96)] == [1, 1, 5, 5, 9]


def test_recorded_ages_go_before_the_runs_own_summary_of_them():
    """After a resume the summary may have seen a part of the pushes only."""
    push = {"kind": "push", "outer_age_updates": 3, "inner_age_updates": 1}
    summary = {"outer": {"updates": {"median": 4, "p95": 8}, "seconds": {"median": 2, "p95": 5}}}
    training = Training("mmi", {"staleness": summary}, {"push": [push]})
    assert age_summary(training, ages(training)) == {
        ("outer", "updates"): (3.0, 3.0),
        ("outer", "seconds"): (2.0, 5.0),
        ("inner", "updates"): (1.0, 1.0),
    }


@pytest.mark.parametrize("whole", [True, False])
def test_a_histogram_of_ages_counts_every_push(whole):
    values = np.concatenate([np.arange(200.0), [1e6]])
    shares, edges = age_histogram(Ages(values, np.ones(201)), whole)
    assert shares.sum() == pytest.approx(100)
    assert edges[-1] < 300, "one very old gradient does not squeeze the others"
    if whole:
        assert np.all(edges % 1 == 0.5), "no edge falls on an age"


def test_all_ages_zero_is_a_histogram_too():
    for whole in (True, False):
        shares, _ = age_histogram(Ages(np.zeros(4), np.ones(4)), whole)
        assert shares[0] == 100


def test_a_clock_that_restarts_with_a_resumed_stage_goes_on():
    times = (0.0, 10.0, 20.0, 5.0, 15.0)
    records = [{"time": time, "wer": 20.0, "rate": 0.1} for time in times]
    (curve,) = sequence_curves(Run({}, {"mmi": {"evaluation": records}}))
    assert curve.position.tolist() == [0, 10, 20, 25, 35]


def test_the_rate_changed_after_the_last_evaluation_with_the_old_one():
    records = [
        {"time": float(i), "wer": 20.0, "rate": rate}
        for i, rate in enumerate([0.1, 0.1, 0.01, None, 0.01, 0.001])
    ]
    (curve,) = sequence_curves(Run({}, {"mmi": {"evaluation": records}}))
    assert curve.changes("rate") == [(1.0, 0.01), (4.0, 0.001)]


def test_visits_per_utterance_are_given_only_if_all_were_recorded():
    records = {"outer": [{"utterance": "a"}, {"utterance": "b"}, {"utterance": "a"}]}
    seen = visits(Training("mmi", {}, records))
    assert (seen.total, seen.utterances, seen.fewest, seen.most) == (3, 2, 1, 2)
    seen = visits(Training("mmi", {"utterances": {"visits": 50}}, records))
    assert (seen.total, seen.utterances) == (50, None)
