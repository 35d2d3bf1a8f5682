"""The whole recipe on generated speech: learned enough, written down, resumed, interrupted."""

import importlib.util
import json
import shutil
import signal
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from outergrad.corpus import read_kaldi_directory
from outergrad.engine.simulated.forecast import forecast
from outergrad.evaluation.wer import total_errors, utterance_errors
from outergrad.progress import Silent
from outergrad.recipes.calibration import calibrate
from outergrad.recipes.plan import plan_job
from outergrad.recipes.prepare import Prepared
from outergrad.recipes.replay import replay
from outergrad.recognizer.model import Model
from outergrad.recognizer.transcription import Recognizer
from outergrad.records import read_records

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        importlib.util.find_spec("espeakng_loader") is None, reason="needs the extra `demo`"
    ),
]

# Small, clean speech: a quarter of an hour in all, so that the whole recipe takes about a minute.
SETTINGS = {
    "speech.english_train_minutes": "2",
    "speech.english_dev_minutes": "1",
    "speech.icelandic_train_minutes": "6",
    "speech.icelandic_dev_minutes": "1",
    "speech.icelandic_test_minutes": "1.5",
    "bootstrap.monophone.iterations": "12",
    "bootstrap.monophone.num_gaussians": "300",
    "bootstrap.triphone.iterations": "6",
    "bootstrap.triphone.realign": "[3]",
    "bootstrap.triphone.gaussians_per_leaf": "4",
    "dnn.hidden_layers": "2",
    "dnn.hidden_units": "128",
    "dnn.dropout": "0",
    "ce.max_epochs": "8",
    "sequence.training.schedule.epochs": "1",
    # Models this poor leave thousands of hypotheses alive; what is tested here needs few.
    "sequence.outer.decoder.max_active": "500",
    "sequence.outer.decoder.beam": "9",
    "decode.search.max_active": "1000",
    "decode.lm_weights": "[8, 11, 14]",
    "decode.insertion_penalties": "[0.0]",
}


def command(out: Path, *more: str) -> list[str]:
    settings = [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]
    program = "from outergrad.cli import main; main()"
    return [sys.executable, "-c", program, "demo", "--out", str(out), *settings, *more]


def finish(out: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        command(out, *more), capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished demo run."""
    out = tmp_path_factory.mktemp("demo") / "run"
    finish(out)
    return out


@pytest.fixture(scope="module")
def results(run: Path) -> dict[str, Any]:
    """What it wrote into results.json."""
    loaded: dict[str, Any] = json.loads((run / "results.json").read_text())
    return loaded


def test_every_system_is_scored_and_has_learned(results: dict[str, Any]) -> None:
    for system in ("mono", "tri", "ce", "mmi"):
        for lm in ("unigram", "trigram"):
            score = results["test"][system][lm]
            assert score["words"] > 100
            assert score["wer"] == pytest.approx(
                100 * (score["sub"] + score["ins"] + score["del"]) / score["words"], abs=1e-3
            )
            low, high = score["interval"]
            assert low <= score["wer"] <= high
    # Guessing gives 100 %. The bound is far above what the models reach and far below that.
    for system in ("tri", "ce", "mmi"):
        assert results["test"][system]["trigram"]["wer"] < 60.0


def test_all_frames_and_visits_are_accounted_for(results: dict[str, Any]) -> None:
    frames, utterances = results["frames"], results["utterances"]
    assert frames["kept"] + frames["cancelled"] + frames["rejected"] == frames["total"]
    prepared = int(results["stages"]["prepare"]["train"].split()[0])
    assert utterances["visits"] + len(utterances["not_aligned"]) == prepared
    assert results["staleness"]["outer"]["updates"]["p95"] > 0


def test_the_report_stands_alone(run: Path) -> None:
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_the_run_ends_with_a_recognizer_that_can_be_moved(run: Path, tmp_path: Path) -> None:
    elsewhere = shutil.copytree(run / "model", tmp_path / "model")
    recognizer = Recognizer(Model.load(elsewhere))
    corpus = read_kaldi_directory(run / "prepare" / "test")[0]
    some = corpus.select(corpus.ids[:12], "some")
    hypotheses = {
        utterance.id: recognizer.transcribe(utterance.audio).text.split() for utterance in some
    }
    references = {utterance.id: utterance.words for utterance in some}
    errors = total_errors(utterance_errors(references, hypotheses).values())
    # Guessing gives 100 %; the bound of the test set above, with room for so few words.
    assert errors.rate < 75.0
    assert sum(map(len, hypotheses.values())) > 20


def test_a_finished_training_is_repeated_to_the_same_bits(run: Path) -> None:
    # Before it is interrupted and resumed below: that cannot be replayed.
    again = replay(run, Silent())
    assert again.difference == 0.0
    before = list(read_records(run / "records" / "mmi.jsonl", "evaluation"))
    assert again.updates == before[-1]["updates"]
    assert again.criterion in {evaluation["criterion"] for evaluation in before}


def test_a_second_run_does_nothing_again(run: Path, results: dict[str, Any]) -> None:
    done = finish(run)
    assert "▸" not in done.stderr
    again = json.loads((run / "results.json").read_text())
    assert again["test"] == results["test"]
    assert again["seconds"] == results["seconds"]


def test_ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on(
    run: Path, results: dict[str, Any]
) -> None:
    """Interrupted while MMI runs: exit code 130, then only what was missing is done."""
    change = ("--set", "sequence.training.schedule.epochs=2")
    # As from a shell in the foreground: the child must not inherit an ignored SIGINT.
    with subprocess.Popen(
        command(run, *change),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "update 0:" in line:
                break
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(timeout=120) == 130
    assert "run the same command again" in rest
    assert "Traceback" not in rest
    done = finish(run, *change)
    assert "ce: unchanged" in done.stderr
    assert "✓ mmi" in done.stderr
    visits = json.loads((run / "results.json").read_text())["utterances"]["visits"]
    assert visits == 2 * results["utterances"]["visits"]


def test_another_criterion_joins_the_run(run: Path) -> None:
    """`train --criterion smbr` adds a system, which `score` then decodes and counts."""
    program = "from outergrad.cli import main; main()"
    for words in (["train", "--criterion", "smbr"], ["score"]):
        subprocess.run(
            [sys.executable, "-c", program, *words, "--out", str(run)],
            capture_output=True,
            check=True,
            timeout=600,
        )
    results = json.loads((run / "results.json").read_text())
    assert list(results["sequence"]) == ["mmi", "smbr"]
    assert results["comparisons"]["smbr"]["trigram"]["systems"] == ["ce", "smbr"]
    assert results["test"]["smbr"]["trigram"]["wer"] < 60.0
    records = list(read_records(run / "records" / "smbr.jsonl"))
    evaluations = [record for record in records if record["kind"] == "evaluation"]
    # Minus the expected share of frames in a wrong state.
    assert all(-1.0 < record["criterion"] < 0.0 for record in evaluations)
    assert any(record["kind"] == "gap" for record in records)


def test_costs_measured_on_a_run_say_what_it_is_and_change_nothing(run: Path) -> None:
    def files() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in run.rglob("*")}

    before = files()
    known = calibrate(run, utterances=60)
    assert files() == before
    frames = Prepared(run / "prepare").filterbank("train").total_frames
    # Unaligned utterances are not trained on, and a sample stands for all.
    assert known.hours == pytest.approx(frames / 100 / 3600, rel=0.3)
    assert known.slots == 32
    assert 0.0 < known.kept <= 1.0
    # A laptop's core: a frame takes some microseconds at least, and no second.
    assert all(1e-6 < seconds < 1.0 for seconds in known.decode)
    assert 1e-7 < known.forward < statistics.mean(known.decode)
    for part in (known.step, known.hand_out, known.evaluate):
        assert 1e-7 < part < 1.0
    job = plan_job(known, parameters=known.parameters, network=None)
    assert forecast(job).utterances_per_second > 0.0


def test_curves_for_tensorboard_come_with_a_flag(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra `tensorboard`")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    copy = shutil.copytree(run, tmp_path / "run")
    program = "from outergrad.cli import main; main()"
    words = ["train", "--criterion", "mmi", "--tensorboard", "--set"]
    subprocess.run(
        [sys.executable, "-c", program, *words, "ce.max_epochs=7", "--out", str(copy)],
        capture_output=True,
        check=True,
        timeout=600,
    )
    for stage, tag in (("ce", "held_out/frame_error"), ("mmi", "held_out/wer")):
        events = EventAccumulator(str(copy / "tensorboard" / stage))
        events.Reload()
        kind = "epoch" if stage == "ce" else "evaluation"
        records = list(read_records(copy / "records" / f"{stage}.jsonl", kind))
        name = "heldout_frame_error" if stage == "ce" else "wer"
        values = [scalar.value for scalar in events.Scalars(tag)]
        assert values == pytest.approx([record[name] for record in records])
    pushes = list(read_records(copy / "records" / "mmi.jsonl", "push"))
    assert events.Scalars("gradient/norm")[-1].step == pushes[-1]["updates"]


def test_the_lstm_example_trains_on_a_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(__file__).parents[2] / "examples" / "lstm_mmi.py"
    spec = importlib.util.spec_from_file_location("lstm_mmi", path)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    example.main(run, epochs=2, ce_epochs=2)
    losses = [
        float(line.split()[-1])
        for line in capsys.readouterr().out.splitlines()
        if "MMI loss" in line
    ]
    assert len(losses) == 2
    assert losses[1] < losses[0]
