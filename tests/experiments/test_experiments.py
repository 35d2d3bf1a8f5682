"""Every experiment from cells to page, on a toy problem in place of speech."""

import csv
import json
import math
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from outergrad.errors import InputError, RunError
from outergrad.experiments import asgd, auxiliary, fetch_interval, scale, shuffling
from outergrad.experiments.cell import Cell, CellResult, Plan, nested
from outergrad.experiments.passes import passes
from outergrad.experiments.registry import EXPERIMENTS, chosen
from outergrad.experiments.run import run_experiment, write_overview
from outergrad.recipes.settings import RunConfig

NAMES = tuple(EXPERIMENTS)


@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_ends_with_results_figure_and_page(
    toy_bench, tmp_path, monkeypatch, name, quick
):
    # Hundreds of replicas take minutes to simulate; the fifty of the claim are the last here.
    monkeypatch.setattr(scale, "REPLICAS", (1, 2, 5, 20, 50))
    toy_bench.quick, toy_bench.seeds = quick, (1,) if quick else (1, 2)
    command = f"outergrad experiment {name} --out x"
    results = run_experiment(EXPERIMENTS[name], toy_bench, tmp_path, "toy <data>", command)
    folder = tmp_path / name
    assert json.loads((folder / "results.json").read_text()) == results
    assert results["verdict"] in ("holds", "does not hold", "cannot tell")
    assert results["statements"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "toy &lt;data&gt;" in page
    assert "toy <data>" not in page
    assert command in page
    assert results["facts"]["Configuration"] in page
    assert "http" not in page.replace("http-equiv", "")
    figures = sorted(folder.glob("*.svg"))
    assert figures
    for figure in figures:
        text = figure.with_suffix(".csv").read_text(encoding="utf-8")
        rows = list(csv.DictReader(text.splitlines()))
        assert len(rows) >= 2
        assert all(math.isfinite(float(row["y"])) for row in rows)


def test_what_is_planned_is_what_is_run(toy_bench):
    for name in ("shuffling", "frame-vs-sequence", "control", "layers", "table1", "criteria"):
        toy_bench.ran.clear()
        EXPERIMENTS[name].run(toy_bench)
        planned = EXPERIMENTS[name].plan(Plan(toy_bench.config, toy_bench.seeds, False))
        assert [c.digest(toy_bench.config) for c in toy_bench.ran] == [
            c.digest(toy_bench.config) for c in planned
        ]


def test_experiments_share_equal_cells():
    config = RunConfig()
    bench = Plan(config, (1, 2), False)
    whole = {c.digest(config) for c in EXPERIMENTS["layers"].plan(bench)}
    assert {c.digest(config) for c in EXPERIMENTS["frame-vs-sequence"].plan(bench)} < whole


def test_a_failed_cell_is_named_and_nobody_can_tell(toy_bench, tmp_path):
    toy_bench.failing = "last layer"
    results = run_experiment(EXPERIMENTS["layers"], toy_bench, tmp_path, "toy", "x")
    assert results["verdict"] == "cannot tell"
    assert [c["failed"] for c in results["cells"]].count("training diverged again") == 2
    page = (tmp_path / "layers" / "report.html").read_text(encoding="utf-8")
    assert "last layer, seed 1, has no result: training diverged again" in page


def test_the_index_names_what_there_is(toy_bench, tmp_path):
    for name in ("table1", "shuffling"):
        run_experiment(EXPERIMENTS[name], toy_bench, tmp_path, "toy", "x")
    text = write_overview(tmp_path, "outergrad experiment all").read_text(encoding="utf-8")
    assert text.index("shuffling/report.html") < text.index("table1/report.html")
    assert "layers/report.html" not in text
    assert "Here: <b>holds</b> (of 3 statements 3 hold)</p>" in text
    assert "Here: <b>holds</b></p>" in text


def test_shuffling_is_judged_by_the_errors_made_up_for_it(toy_bench):
    finding = shuffling.run(toy_bench)
    # 50 % of errors without shuffling, 30 % with either: all three parts hold.
    assert [s.verdict for s in finding.statements] == ["holds", "holds", "holds"]


def result(times, values, rate=1e-3, seed=1):
    evaluations = [
        {"time": t, "criterion": v, "rate": rate, "epoch": t}
        for t, v in zip(times, values, strict=True)
    ]
    return CellResult(Cell("x", seed), "0", evaluations=evaluations)


def trained(times, values):
    """Whose criterion of the training speech is known, after each pass."""
    passes = [{"time": t, "training": v} for t, v in zip(times, values, strict=True)]
    return replace(result([0, 1], [-1.0, -0.9]), passes=passes)


def test_criteria_are_counted_by_system_and_judged_pairwise(toy_bench):
    finding = EXPERIMENTS["criteria"].run(toy_bench)
    # Ten words in each of 40 utterances, two seeds: 3 or 4 errors with CE, 2 or 3 afterwards.
    (table,) = finding.tables
    rows = {(row[0], row[1]): row for row in table.rows}
    assert len(rows) == len(table.rows) == 10
    assert rows["unigram", "CE"][2:6] == ("35.00", "280", "0", "0")
    assert rows["trigram", "sMBR"][2:6] == ("25.00", "200", "0", "0")
    assert {s.verdict for s in finding.statements} == {"holds"}
    better, *_, equal = finding.statements
    assert "+10.00 points" in better.evidence
    assert equal.claim.startswith("sMBR makes no more word errors than MMI")
    assert "+0.00 points" in equal.evidence
    assert len({cell.digest(toy_bench.config) for cell in toy_bench.ran}) == 8


def test_old_outer_gradients_are_compared_at_equal_settings(toy_bench):
    finding = EXPERIMENTS["auxiliary"].run(toy_bench)
    settings = [cell.settings for cell in toy_bench.ran if cell.seed == 1]
    own = ("sequence.auxiliary.kind", "sequence.training.fetch")
    assert len({str({k: v for k, v in s.items() if k not in own}) for s in settings}) == 1
    assert len({str([s[k] for k in own]) for s in settings}) == 3 * 4
    (table,) = finding.tables
    assert [row[0] for row in table.rows][:4] == [
        f"tangential contact, {interval}" for interval in ("× 1", "× 10", "× 100", "never")
    ]
    # The toy problem knows tangential contact only, so nobody can be better.
    assert {s.verdict for s in finding.statements} == {"cannot tell"}
    assert all("+0.00 thousandths" in s.evidence for s in finding.statements)


def test_a_rate_beyond_the_grid_is_tried_where_all_in_it_are_stable(toy_bench, monkeypatch):
    run = toy_bench.run
    tried = []

    def fifty_bear_little(cells):
        found = run(cells)
        for number, of in enumerate(found):
            rate = of.cell.settings["sequence.training.schedule.rate"]
            many = of.cell.label.startswith("50 replicas, simulated, rate")
            tried.extend([(of.cell.label.split()[0], rate)] * (", rate" in of.cell.label))
            if many and rate > 0.01:
                found[number] = replace(of, failed="diverged")
        return found

    monkeypatch.setattr(toy_bench, "run", fifty_bear_little)
    finding = asgd.run(toy_bench)
    grid = [0.005, 0.01, 0.02, 0.04]
    rates = {n: [rate for who, rate in tried if who == n] for n in ("1", "10", "50")}
    # Ten are not stable at 0.08 by themselves.
    assert rates == {"1": [*grid, 0.08, 0.16], "10": [*grid, 0.08], "50": grid}
    shown = {row[0]: row[2] for row in finding.paper.rows}
    assert shown == {"1": "0.16 or more", "10": "0.04", "50": "0.01"}


def test_nobody_who_ran_away_for_good_is_left_out(toy_bench, monkeypatch):
    run, label = toy_bench.run, "tangential contact, never"

    def one_fails(cells):
        found = run(cells)
        for number, of in enumerate(found):
            if of.cell.label == label:
                high, low = of.evaluations[0], {**of.evaluations[-1], "criterion": -1e3}
                found[number] = replace(of, failed="diverged twice", evaluations=[high, low])
        return found

    monkeypatch.setattr(toy_bench, "run", one_fails)
    found = {s.claim: s for s in EXPERIMENTS["auxiliary"].run(toy_bench).statements}
    (bounded,) = [
        s
        for c, s in found.items()
        if c.startswith("at the end") and "never" in c and "bounded" in c
    ]
    # Two seeds; a thousand is lost where the other has lost next to nothing.
    assert bounded.verdict == "holds"
    label = "bounded contact, never"
    found = {s.claim: s for s in EXPERIMENTS["auxiliary"].run(toy_bench).statements}
    against = [s for c, s in found.items() if "never" in c and "bounded" in c]
    assert {s.evidence for s in against} == {"2 of 2 trainings with it ran away for good"}
    assert {s.verdict for s in against} == {"does not hold"}


def test_an_evaluation_that_ran_away_has_no_part_in_the_best(toy_bench):
    evaluations = (
        {"wer": 9.0, "criterion": -0.03},
        {"wer": 80.0, "criterion": None},
        {"wer": 8.0, "criterion": -0.02},
    )
    assert auxiliary.held_out_wer(CellResult(Cell("x", 1), "", evaluations=evaluations)) == 8.0
    assert math.isnan(auxiliary.held_out_wer(CellResult(Cell("x", 1), "")))


def test_speed_up_is_the_ratio_of_times_to_a_common_criterion():
    one = trained([0, 10, 20], [-2.0, -1.5, -1.0])
    many = trained([0, 2, 4], [-2.0, -1.5, -1.0])
    assert asgd.speed_up(one, many) == pytest.approx(5.0)
    # 90 % of the gain is −1.1; `slow` never gets there.
    assert asgd.time_to(one, -1.1) == pytest.approx(18.0)
    slow = trained([0, 50], [-2.0, -1.2])
    assert asgd.speed_up(one, slow) == 0.0
    # Half of it, −1.5: after 10 s, and after 50 · 0.5 / 0.8.
    assert asgd.speed_up(one, slow, 0.5) == pytest.approx(10.0 / 31.25)
    assert asgd.speed_up(one, replace(many, failed="diverged")) == 0.0
    # Nothing gained, nothing to reach.
    assert math.isnan(asgd.speed_up(trained([0, 10], [-2.0, -2.5]), many))
    assert math.isnan(asgd.speed_up(result([0, 10], [-2.0, -1.0]), many))
    # Whoever is there from the start.
    assert asgd.speed_up(one, trained([3], [-0.5])) == pytest.approx(18.0 / 3.0)


def test_a_rate_at_which_a_training_runs_away_later_is_not_the_largest_stable_one(
    toy_bench, monkeypatch
):
    run = toy_bench.run
    ran = []

    def some_run_away(cells):
        found = run(cells)
        ran.extend(cells)
        for number, of in enumerate(found):
            rate = of.cell.settings["sequence.training.schedule.rate"]
            if of.cell.label == asgd.label_of(10) and rate > 0.01:
                high, low = of.evaluations[0], {**of.evaluations[1], "criterion": -1e3}
                found[number] = replace(of, evaluations=[high, low, *of.evaluations[2:]])
        return found

    monkeypatch.setattr(toy_bench, "run", some_run_away)
    finding = asgd.run(toy_bench)
    # Usual 0.02; the grid is 0.005, 0.01, 0.02, 0.04, and 0.08 and 0.16 beyond.
    trained = [c for c in ran if c.label == asgd.label_of(10)]
    assert [c.settings["sequence.training.schedule.rate"] for c in trained[::2]] == [
        0.04,
        0.02,
        0.01,
    ]
    assert ("10", "0.001", "0.01") in finding.paper.rows
    assert ("1", "0.002", "0.16 or more") in finding.paper.rows
    stays = next(s for s in finding.statements if s.claim == "10 replicas stay stable")
    assert stays.verdict == "holds"
    # Those that were given up are there, too.
    of_ten = [r for r in finding.results if r.cell.label == asgd.label_of(10)]
    assert [asgd.ran_away(result) for result in of_ten] == [True] * 4 + [False] * 2


def test_a_training_that_went_back_to_its_best_parameters_ran_away():
    good = trained([0, 1], [-1.0, -0.9])
    assert not asgd.ran_away(good)
    assert not asgd.ran_away(result([0, 1], [-1.0, -1.9]))
    for values in ([-1.0, -2.1, -0.9], [-1.0, None, -0.9]):
        assert asgd.ran_away(result(range(len(values)), values))
    assert asgd.ran_away(replace(good, failed="diverged twice"))


def test_the_criterion_of_training_speech_is_a_mean_over_passes():
    def outer(number, time, value, reason=None):
        return {
            "utterance": f"u{number % 4}",
            "time": float(time),
            "value": value,
            "frames": 10 * (1 + number % 4),
            "reason": reason,
        }

    # Four utterances of 10, 20, 30, 40 frames; −2 a frame in the first pass, −1 in the second.
    frames = [10.0, 20.0, 30.0, 40.0]
    records = [outer(k, k, -2.0 * frames[k]) for k in range(4)]
    records += [outer(k, k, -1.0 * frames[k - 4]) for k in range(4, 8)]
    records.insert(2, outer(1, 1.5, None, "not aligned"))
    curve = passes(records)
    assert [point["time"] for point in curve] == [1.5, 2.5, 3.5, 4.5, 5.5]
    # Of 100 frames, ten more in each step, then twenty, thirty and forty, are at −1.
    assert [point["training"] for point in curve] == pytest.approx([-2.0, -1.9, -1.7, -1.4, -1.0])
    assert passes([]) == passes(records[2:3]) == []
    known = replace(result([0.0, 5.0], [-2.0, -1.0]), passes=curve)
    assert known.curve("training") == ([1.5, 2.5, 3.5, 4.5, 5.5], [p["training"] for p in curve])
    assert known.curve("criterion") == ([0.0, 5.0], [-2.0, -1.0])


def test_the_largest_stable_rate_is_the_last_before_the_first_unstable_one():
    good, bad = result([0, 1], [-1.0, -0.9]), result([0, 1], [-1.0, -1.3])
    lowered = replace(
        good, evaluations=[good.evaluations[0], {**good.evaluations[1], "rate": 1e-4}]
    )
    gone = result([0, 1], [-1.0, None])
    rates = [1.0, 2.0, 4.0]
    assert asgd.largest_stable([good, good, bad], rates) == (2.0, "2")
    assert asgd.largest_stable([good, bad, good], rates) == (1.0, "1")
    assert asgd.largest_stable([good, good, good], rates) == (4.0, "4 or more")
    assert asgd.largest_stable([bad, good, good], rates) == (1.0, "below 1")
    assert asgd.largest_stable([good, bad], rates) == (1.0, "1")
    for unstable in (bad, gone, replace(good, failed="diverged")):
        assert not asgd.stable(unstable)
        assert asgd.largest_stable([good, unstable, good], rates)[0] == 1.0
    # In the search the rate is to be the one that is looked at.
    assert asgd.largest_stable([good, lowered, good], rates)[0] == 1.0
    assert asgd.stable(lowered)


@pytest.mark.parametrize("failing", ["50 replicas, simulated", "50 replicas, simulated, rate"])
def test_replicas_whose_trainings_fail_are_not_stable(toy_bench, failing):
    # The search's labels go on with a rate; all trainings of a label fail, or the search alone.
    toy_bench.failing = failing
    finding = asgd.run(toy_bench)
    found = {s.claim: s for s in finding.statements}
    stays, sooner = (
        found["50 replicas stay stable"],
        next(s for claim, s in found.items() if claim.startswith("50 replicas reach")),
    )
    if failing.endswith("rate"):
        assert stays.verdict == "holds"
        assert ("50", "0.001", "below 0.005") in finding.paper.rows
    else:
        assert (stays.verdict, sooner.verdict) == ("does not hold", "does not hold")
        assert stays.evidence == "2 of 2 trainings failed or ran away"
        assert sooner.evidence == "none of 2 trainings reaches it"


def test_the_largest_interval_without_loss():
    gains = {0.25: 1.0, 0.5: 0.95, 1.0: 0.5, 2.0: 0.99}
    assert fetch_interval.largest_without_loss(gains, 1.0) == 0.5
    assert fetch_interval.largest_without_loss(gains, 2.0) == 0.0
    assert fetch_interval.largest_without_loss({0.25: math.nan}, 1.0) == 0.0
    # Without a gain there is nothing to lose.
    assert math.isnan(fetch_interval.largest_without_loss(gains, 0.0))
    assert math.isnan(fetch_interval.largest_without_loss(gains, math.nan))


def test_shuffling_compares_equal_seeds_when_a_training_fails(toy_bench, monkeypatch):
    run = toy_bench.run

    def partly(cells):
        found = run(cells)
        # One failed, and another ran away in its first epoch.
        found[0] = replace(found[0], failed="CE: the criterion became nan", errors={}, epochs=())
        first, *others = found[4].epochs
        found[4] = replace(found[4], epochs=[{**first, "heldout_ce": None}, *others])
        return found

    monkeypatch.setattr(toy_bench, "run", partly)
    finding = shuffling.run(toy_bench)
    assert [c.cell.label for c in finding.results if not c.usable] == ["none"]
    assert [s.verdict for s in finding.statements] == ["holds", "holds", "holds"]
    assert finding.notes == ("none, seed 1, has no result: CE: the criterion became nan",)


def test_a_cell_is_its_settings():
    config = RunConfig()
    assert nested({"a.b": 1, "a.c": 2, "d": 3}) == {"a": {"b": 1, "c": 2}, "d": 3}
    last = Cell("last", 2, {"sequence.layers": "last"}).config(config)
    assert (last.sequence.layers, last.seed, len(last.criteria)) == ("last", 2, 1)
    assert Cell("ce", 1, stage="ce").config(config).criteria == ()
    assert Cell("a", 1).digest(config) == Cell("b", 1).digest(config) != Cell("a", 2).digest(config)
    with pytest.raises(InputError, match="unknown key"):
        Cell("x", 1, {"sequence.lairs": "last"}).config(config)


def test_a_plan_has_no_results():
    with pytest.raises(RunError):
        Plan(RunConfig(), (1,), True).run([])


def test_unknown_experiments_are_refused_with_a_suggestion():
    assert [e.name for e in chosen("all")] == list(NAMES)
    with pytest.raises(InputError, match="did you mean layers"):
        chosen("layrs")


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.parametrize("width", [390, 1200])
def test_a_browser_shows_the_page(toy_bench, tmp_path, width):
    from matplotlib.image import imread

    run_experiment(EXPERIMENTS["layers"], toy_bench, tmp_path, "toy", "outergrad experiment layers")
    picture = tmp_path / "page.png"
    page = (tmp_path / "layers" / "report.html").as_uri()
    subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},2400",
         f"--screenshot={picture}", page],
        check=True, capture_output=True, timeout=240,
    )  # fmt: skip
    pixels = imread(picture)[..., :3]
    assert pixels.shape[:2] == (2400, width)
    # Paper, ink, accent and rules: a blank page has one colour, a page of text only has no accent.
    colours = np.unique((pixels * 15).round().reshape(-1, 3), axis=0)
    assert len(colours) > 10
    green = (pixels[..., 1] - pixels[..., 0] > 0.2).mean()
    assert green > 1e-4
