"""validate, dry runs and estimates: what is told before anything is done."""

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from outergrad.config import build
from outergrad.corpus import Corpus, Kind, Lexicon, Pronunciation, Utterance, write_lexicon
from outergrad.corpus.survey import missing_words, odd_speaking_rates
from outergrad.progress import Silent
from outergrad.recipes.dry_run import dry_run
from outergrad.recipes.estimate import estimate_run, in_words, range_in_words
from outergrad.recipes.plan import dnn_size
from outergrad.recipes.settings import Inputs, RunConfig
from outergrad.recipes.validate import validate

LEXICON = Lexicon(
    {word: (Pronunciation(tuple(word.upper())),) for word in ("colour", "cellar", "zebra")}
)


def corpus_of(*texts: str) -> Corpus:
    return Corpus(
        "c",
        tuple(
            Utterance(f"u{i}", "s", tuple(text.split()), Path("a.wav"))
            for i, text in enumerate(texts)
        ),
    )


def test_missing_words_come_with_counts_and_near_spellings() -> None:
    found = missing_words(corpus_of("color color zebra", "Color xyz", "cellar"), LEXICON)
    assert [(m.word, m.count, m.utterances) for m in found] == [
        ("color", 2, 1),
        ("Color", 1, 1),
        ("xyz", 1, 1),
    ]
    assert found[0].suggestions[0] == "colour"
    assert found[1].suggestions[0] == "colour"
    assert found[2].suggestions == ()


def test_text_that_does_not_fit_its_audio_stands_out() -> None:
    draw = np.random.default_rng(0)
    corpus = corpus_of(*["zebra"] * 40)
    seconds = {u.id: float(s) for u, s in zip(corpus, draw.uniform(0.45, 0.55, 40), strict=True)}
    median, problems = odd_speaking_rates(corpus, seconds, LEXICON)
    assert median == pytest.approx(10.0, rel=0.05)
    assert problems == []
    seconds["u7"], seconds["u9"] = 0.1, 5.0
    _, problems = odd_speaking_rates(corpus, seconds, LEXICON)
    assert {p.utterance: "more text" in p.message for p in problems} == {"u7": True, "u9": False}
    assert all(p.kind is Kind.SPEAKING_RATE and not p.fatal for p in problems)


@pytest.fixture
def speech(tones: ModuleType, tmp_path: Path) -> Path:
    folder = tmp_path / "speech"
    folder.mkdir()
    rows = ["path,speaker,text"]
    for number in range(6):
        tones.record(folder / f"u{number}.wav", ["ab", "cd"])
        rows.append(f"u{number}.wav,s{number % 2},AB cd!")
    (folder / "table.csv").write_text("\n".join(rows) + "\n")
    write_lexicon(tones.LEXICON, tmp_path / "lexicon.txt")
    return folder


def test_a_good_corpus_is_usable(speech: Path, tmp_path: Path) -> None:
    report, problems = validate(speech, tmp_path / "lexicon.txt", RunConfig(), Silent())
    json.dumps(report, allow_nan=False)
    assert report["usable"] is True
    assert (report["utterances"], report["left_out"]) == (6, 0)
    assert report["layout"] == "table of transcripts"
    assert report["speakers"]["count"] == 2
    # 0.2 s pause, 0.2 s word, 0.2 s pause, 0.2 s word, 0.2 s pause.
    assert report["seconds"]["median"] == pytest.approx(1.0)
    assert report["phones_per_second"] == pytest.approx(4.0)
    assert report["missing_words"] == []
    assert {p.kind for p in problems} == {Kind.RESPELLED}


def test_a_bad_corpus_is_not(speech: Path, tmp_path: Path) -> None:
    (speech / "u0.wav").write_bytes(b"")
    report, _ = validate(speech, tmp_path / "lexicon.txt", RunConfig(), Silent())
    assert report["usable"] is False
    assert report["left_out"] == 1
    assert report["problems"]["unreadable audio"] == 1


def test_a_dry_run_writes_nothing_and_knows_what_is_done(speech: Path, tmp_path: Path) -> None:
    inputs = Inputs.of(train=speech, test=speech, lexicon=tmp_path / "lexicon.txt")
    out = tmp_path / "run"
    plan = dry_run(out, inputs, None, [], None, "score")
    assert not out.exists()
    stages = [stage["stage"] for stage in plan["stages"]]
    assert stages[:4] == ["prepare", "bootstrap", "graph", "ce"]
    assert not any(stage["kept"] for stage in plan["stages"])
    low, high = plan["total_seconds"]
    assert 0 < low <= high
    assert plan["minutes"]["train"] == pytest.approx(0.1, abs=0.01)
    assert plan["disk_free_bytes"] > 0


def test_a_stage_that_was_done_is_kept_in_the_plan(
    speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from outergrad.recipes.run import Recipe

    inputs = Inputs.of(train=speech, test=speech, lexicon=tmp_path / "lexicon.txt")
    out = tmp_path / "run"
    monkeypatch.setattr("outergrad.recipes.run.prepare", lambda *arguments: {})
    Recipe.begin(out, inputs, None, [], None, Silent()).through("prepare")
    kept = {s["stage"]: s["kept"] for s in dry_run(out, inputs, None, [], None, "ce")["stages"]}
    assert kept == {"prepare": True, "bootstrap": False, "graph": False, "ce": False}
    changed = dry_run(out, inputs, None, ["context.left=10"], None, "prepare")
    assert [stage["kept"] for stage in changed["stages"]] == [False]


def test_more_speech_takes_longer_and_more_room() -> None:
    stages = ("prepare", "bootstrap", "graph", "ce", "mmi", "decode-mmi")
    small, large = (estimate_run(m, m / 10, stages, RunConfig()) for m in (30.0, 300.0))
    assert set(small.seconds) == set(stages)
    assert large.total[0] > small.total[0]
    assert large.total[1] > small.total[1]
    assert large.disk_bytes > small.disk_bytes


def test_an_estimate_is_about_the_network_that_is_trained() -> None:
    """Inputs are what features and context make of them, whatever dnn.input_dim says."""

    def ce(**sections: dict[str, int]) -> float:
        return estimate_run(30.0, 3.0, ("ce",), build(RunConfig, sections)).seconds["ce"][0]

    assert ce(dnn={"input_dim": 9}) == ce()
    wide, narrow = ce(context={"left": 60}), ce(context={"left": 0, "right": 0})
    assert narrow < ce() < wide
    # 40 more frames of 40 bins for each of 512 units.
    outputs = round(0.5 * (30 * 6000) ** 0.5)
    sizes = [dnn_size(40 * frames, 4, 512, outputs) for frames in (26, 66)]
    assert wide / ce() == pytest.approx(sizes[1] / sizes[0])
    assert dnn_size(10, 0, 99, 3) == 33


def test_durations_in_words() -> None:
    assert in_words(0.2) == "1 s"
    assert range_in_words(60, 600) == "60 s to 10 min"
    assert range_in_words(7200, 7200) == "2.0 h"
