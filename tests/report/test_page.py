"""The page on complete, partial, damaged and hostile runs."""

import base64
import csv
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from outergrad.errors import InputError
from outergrad.report.page import page, write_report
from outergrad.report.run import Run, load_run

VOID = {"meta", "br", "hr", "img", "input", "link", "rect", "path", "use", "line", "circle"}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&\x00\ud800\u202e$x_1$ 東京"


class Parsed(HTMLParser):
    """The elements, attributes and text of a page; checks that tags are balanced."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.texts, self.open = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attributes]

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.texts))

    def values(self, name):
        return [value for _, attribute, value in self.attributes if attribute == name]


@pytest.fixture(scope="module")
def complete(made_up_run):
    return Parsed(write_report(made_up_run).read_text(encoding="utf-8"))


def test_the_headline_states_the_result(complete):
    sentence = (
        "MMI lowers the word error from 13.1 to 11.4 % with the trigram language model "
        "(−13 % relative, p = 0.003)"
    )
    assert sentence in complete.text
    assert "from 17.9 to 15.0 % with the unigram language model" in complete.text


@pytest.mark.parametrize(
    "shown",
    [
        "made-up voice queries (test data)",
        "Engine local",
        "Seed 1",
        "3f9a2b7c41d0",
        "2026-01-31",
        "7 min 51 s",
        "Monophone GMM 31.2 28.8 – 33.6 520 110 119 2,400",
        "MMI − CE: −1.7 points, −13 % relative; matched-pairs test: p = 0.003.",
        "cross-entropy, nats",
        "held-out criterion per frame",
        "held-out word error, %",
        "held-out frame error, %",
        "rate 0.0001",
        "outer age, updates 57 122",
        "inner age, seconds 0.105 0.3",
        "median 57, p95 122",
        "1,018,402 84.6 %",
        "anna-0 15.0 24 2 4 200 20",
        "Word error by speaker, highest first; 10 of 12 speakers. DNN, MMI, trigram",
        "Substitutions þrír tveir 12 <b> bé 3 Insertions og 9 Most frequent errors.",
        "900 visits to 300 utterances, 3 each. 4 (0.4 %) failed",
        "no final state reached 3 query-0033, query-0040",
        "2 min 31 s 32 %",
        'note = "<made up>"',
    ],
)
def test_the_page_shows(complete, shown):
    assert shown in complete.text


def test_a_complete_run_leaves_nothing_out(complete):
    assert "Not shown" not in complete.text
    assert complete.tags.count("section") == 9


def test_every_figure_says_what_made_it(complete):
    provenance = (
        "Engine local, seed 1, data made-up voice queries (test data), configuration 3f9a2b7c41d0."
    )
    assert complete.tags.count("figure") == 10
    assert complete.text.count(provenance) == 10


def test_the_page_loads_and_runs_nothing(complete, made_up_run):
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & set(complete.tags)
    for reference in complete.values("href") + complete.values("src"):
        assert reference.startswith(("#", "data:text/csv;"))
    text = (made_up_run / "report.html").read_text(encoding="utf-8")
    assert "://" not in re.sub(r"base64,[A-Za-z0-9+/=]*", "", text)
    assert "@import" not in text
    assert set(re.findall(r"url\(([^)]?)", text)) <= {"#"}
    assert "default-src 'none'; style-src 'unsafe-inline'" in complete.values("content")


def test_ids_are_unique_and_every_reference_has_its_target(complete):
    ids = complete.values("id")
    assert len(ids) == len(set(ids))
    used = set(re.findall(r"url\(#([^)]*)\)", " ".join(complete.values("clip-path"))))
    used |= {href[1:] for href in complete.values("href") if href.startswith("#")}
    assert used <= set(ids)


def test_the_style_of_a_figure_does_not_leak_into_the_page(complete):
    assert complete.tags.count("style") == 1


def test_the_data_of_the_figures_can_be_downloaded(complete):
    tables = {}
    links = [value for value in complete.values("href") if value.startswith("data:")]
    for name, link in zip(complete.values("download"), links, strict=True):
        content = base64.b64decode(link.split("base64,")[1]).decode("utf-8")
        tables[name] = list(csv.DictReader(content.splitlines()))
    assert tables["word-error.csv"][-1]["wer"] == "11.4"
    assert len(tables["mmi-training.csv"]) == 24
    assert [row["rate"] for row in tables["ce-training.csv"]] == ["0.001"] * 8 + ["0.0001"] * 4
    shares = [row for row in tables["staleness.csv"] if row["gradient"] == "outer"]
    total = sum(float(row["share_percent"]) for row in shares if row["unit"] == "updates")
    assert total == pytest.approx(100)
    assert len(tables["mmi-gaps.csv"]) == 30, "what could not be measured is left out"
    assert tables["mmi-gaps.csv"][1] == {"outer_age_updates": "10", "gap_per_frame": "-0.0002"}
    assert tables["frames.csv"][0] == {"frames": "kept", "count": "171220"}


def test_gaps_are_summed_up_by_size(complete):
    # 0.0001 to 0.003 with alternating signs, thirty of them.
    row = re.search(r"mmi (\d+) (\S+) (\S+) (\S+) (\d+) ", complete.text.split("Median age")[1])
    assert row.groups() == ("30", "0.00155", "0.00285", "0.003", "145")


def test_the_same_run_gives_the_same_bytes(made_up_run):
    first = write_report(made_up_run).read_bytes()
    assert write_report(made_up_run).read_bytes() == first


def test_an_empty_run_directory_gives_a_page_that_says_so(make_run):
    parsed = Parsed(write_report(make_run()).read_text(encoding="utf-8"))
    assert "No test results yet" in parsed.text
    assert "Not shown" in parsed.text
    assert parsed.tags.count("li") == 9, "one sentence for each section"
    assert parsed.tags.count("svg") == 0


def test_a_missing_run_directory_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no such run directory"):
        write_report(tmp_path / "nowhere")


def test_a_run_before_mmi_leaves_only_mmi_out(make_run, results):
    del results["comparison"], results["staleness"], results["frames"], results["utterances"]
    for lms in results["test"].values():
        lms.pop("trigram", None)
    del results["test"]["mmi"]
    ce = [{"stage": "ce", "kind": "epoch", "epoch": 1, "heldout_ce": 2.0}]
    parsed = Parsed(write_report(make_run(results, {"ce": ce})).read_text(encoding="utf-8"))
    assert "CE reaches a word error of 17.9 %" in parsed.text
    assert "Sequence training has not been scored yet." in parsed.text
    assert "Sequence training: no evaluation has been recorded." in parsed.text
    assert "cross-entropy, nats" in parsed.text
    assert "training" not in parsed.texts, "no key for a curve that was not recorded"


def test_numbers_come_from_the_records_where_the_results_have_none(make_run):
    outer = {"kind": "outer", "stage": "mmi", "frames": 100, "kept": 20, "cancelled": 70}
    records = [
        {**outer, "utterance": "a", "rejected": 10, "reason": None},
        {**outer, "utterance": "a", "rejected": 5, "reason": "no final state reached"},
        {"kind": "push", "stage": "mmi", "outer_age_updates": [4, 6, 8], "count": 3},
        {"kind": "push", "stage": "mmi", "inner_age_updates": 2, "count": 9},
        {"kind": "push", "stage": "mmi", "inner_age_updates": 5},
    ]
    parsed = Parsed(page(load_run(make_run(records={"mmi": records}))))
    assert "200 frames." in parsed.text
    assert "140 70.0 %" in parsed.text
    assert "in utterances without an outer gradient 5 2.5 %" in parsed.text
    assert "2 visits to 1 utterance, 2 each. 1 (50.0 %) failed" in parsed.text
    assert "outer age, updates 6 8" in parsed.text
    assert "inner age, updates 2 5" in parsed.text


def test_ids_and_words_are_escaped_everywhere(make_run, results):
    ascii_results = json.loads(json.dumps(results))
    ascii_results["test"][HOSTILE] = {HOSTILE: {"wer": 9.0, "interval": [8.0, 10.0]}}
    ascii_results["seconds"][HOSTILE] = 3.0
    ascii_results["errors"]["speakers"][0]["speaker"] = HOSTILE
    ascii_results["errors"]["substitutions"] = [[[HOSTILE, HOSTILE], 2]]
    ascii_results["utterances"]["failed"][HOSTILE] = 1
    ascii_results |= {"data": {HOSTILE: [HOSTILE]}, "engine": HOSTILE, "digest": HOSTILE}
    records = [
        {"stage": HOSTILE, "kind": "epoch", "epoch": 1, "heldout_ce": 2.0},
        {"stage": HOSTILE, "kind": "evaluation", "time": 1.0, "wer": 20.0, "frame_error": 30.0},
        {"stage": "mmi", "kind": "outer", "utterance": HOSTILE, "reason": HOSTILE},
    ]
    folder = make_run(ascii_results, {"mmi": records}, HOSTILE.replace("\ud800", ""))
    parsed = Parsed(write_report(folder, date=HOSTILE).read_text(encoding="utf-8"))
    assert not {"script", "img"} & set(parsed.tags)
    assert not any(name.startswith("on") for _, name, _ in parsed.attributes)
    assert "<script>alert(1)</script>" in parsed.text
    assert "\x00" not in parsed.text


def test_words_that_a_spreadsheet_would_run_are_quoted(make_run):
    results = {"test": {"=1+1": {"-lm": {"wer": 9.0}}}}
    links = [v for v in Parsed(page(Run(results))).values("href") if v.startswith("data:")]
    assert b"'=1+1,'-lm,9," in base64.b64decode(links[0].split("base64,")[1])


@pytest.mark.parametrize(
    "key",
    ["test", "errors", "comparison", "comparisons", "sequence", "seconds", "staleness", "frames",
     "utterances"],
)  # fmt: skip
@pytest.mark.parametrize("junk", [None, 3, "text", [1, [2]], {"x": None}, {"mmi": {"unigram": {}}}])
def test_damaged_results_leave_a_section_out(results, key, junk):
    if key not in ("comparison", "comparisons", "errors"):
        del results["test"]  # no figure to draw
    Parsed(page(Run({**results, key: junk})))


def test_unreadable_files_are_named_on_the_page(make_run):
    folder = make_run(records={"ce": []})
    (folder / "results.json").write_text("{", encoding="utf-8")
    good = json.dumps({"stage": "mmi", "kind": "evaluation", "time": 0, "wer": 20})
    (folder / "records" / "mmi.jsonl").write_text(f"{good}\nnot json\n{good}\n", encoding="utf-8")
    (folder / "records" / "torn.jsonl").write_text(f"{good}\n{good[:20]}", encoding="utf-8")
    parsed = Parsed(page(load_run(folder)))
    assert "results.json is not valid JSON" in parsed.text
    assert "mmi.jsonl:2: not a record" in parsed.text
    assert "torn.jsonl" not in parsed.text
    assert "held-out word error, %" in parsed.text


def test_importing_the_report_does_not_import_matplotlib():
    code = "import sys, outergrad.report.page; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
