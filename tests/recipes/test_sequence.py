"""What a sequence training leaves behind, on the engines' toy problem."""

import dataclasses

import pytest
import toy_problem as toy

from outergrad.criteria.config import Kind
from outergrad.criteria.outcome import OuterGradient
from outergrad.engine.training import train
from outergrad.errors import RunError
from outergrad.progress import Silent
from outergrad.recipes import sequence
from outergrad.recipes.sequence import refuse_untrained, summary_of
from outergrad.recipes.settings import RunConfig, SequenceConfig
from outergrad.recipes.stages import write_json
from outergrad.records import RecordWriter, read_records
from outergrad.report.curves import age_summary
from outergrad.report.run import Training
from outergrad.workers.config import AsyncConfig, ScheduleConfig
from outergrad.workers.program import Factory

CONFIG = AsyncConfig(slots=4, schedule=ScheduleConfig(rate=0.05, epochs=1, patience=1000))
UNKNOWN = {"median": None, "p95": None}


class Hopeless(toy.ToyOuter):
    """No utterance can be used."""

    def compute(self, utterance):
        reason = "numerator-no-path" if utterance > toy.UTTERANCES[4] else "numerator-no-graph"
        return OuterGradient.failure(utterance, 5, reason)


def test_a_training_that_had_ended_can_be_stamped_after_a_resume(tmp_path):
    """The process ended between its last snapshot and the stamp: nothing is left to push."""
    train(toy.program(), CONFIG, "serial", snapshots=tmp_path / "snapshots")
    result = train(toy.program(), CONFIG, "serial", snapshots=tmp_path / "snapshots", resume=True)
    refuse_untrained(result)
    summary = summary_of(result)
    assert summary["updates"] > 0
    assert summary["staleness"]["outer"] == {"updates": UNKNOWN, "seconds": UNKNOWN}
    assert summary["staleness"]["inner"] == {"updates": UNKNOWN, "seconds": UNKNOWN}
    write_json(tmp_path / "stage.json", summary)
    # The report has nothing of its own to add, and says nothing of ages then.
    assert age_summary(Training("mmi", summary), {}) == {}


def test_a_criterion_that_is_lost_from_the_start_can_be_stamped(tmp_path):
    result = train(toy.program(), CONFIG, "serial")
    lost = dataclasses.replace(result.best.held_out, criterion=-float("inf"))
    best = dataclasses.replace(result.best, held_out=lost)
    summary = summary_of(dataclasses.replace(result, best=best))
    assert summary["criterion"] is None
    write_json(tmp_path / "stage.json", summary)


def test_a_training_whose_utterances_all_fail_says_why():
    result = train(toy.program(outer=Factory.of(Hopeless)), CONFIG, "serial")
    with pytest.raises(RunError) as caught:
        refuse_untrained(result)
    text = str(caught.value)
    assert "all 24 visits of utterances failed" in text
    assert "failed: numerator-no-path (19), numerator-no-graph (5)." in text
    assert "sequence.outer.alignment.retry_beam" in text


def begun_again(folder, run, monkeypatch):
    """What records and trace hold when a training that was killed starts to work again."""
    records, trace = run / "records" / "mmi.jsonl", folder / sequence.TRACE
    for path in (records, trace):
        with RecordWriter(path, "mmi") as writer:
            writer.write("push", 1.0)

    def work(*arguments, **named):
        raise RunError("so far")

    monkeypatch.setattr(sequence, "sequence_program", lambda *arguments: toy.program())
    monkeypatch.setattr(sequence, "train", work)
    with pytest.raises(RunError, match="so far"):
        sequence.run_sequence(folder, run, RunConfig(), Silent(), Kind.MMI)
    return [list(read_records(path)) for path in (records, trace)]


def test_records_start_anew_where_no_snapshot_can_be_used(tmp_path, monkeypatch):
    folder = tmp_path / "mmi"
    (folder / "snapshots" / "snapshot-0000000007").mkdir(parents=True)
    assert begun_again(folder, tmp_path, monkeypatch) == [[], []]


def test_records_are_kept_where_a_snapshot_can_be_used(tmp_path, monkeypatch):
    folder = tmp_path / "mmi"
    train(toy.program(), CONFIG, "serial", snapshots=folder / "snapshots")
    assert all(begun_again(folder, tmp_path, monkeypatch))


class Nowhere:
    """The stage's model, which is of no interest."""

    module = None

    def save(self, folder):
        """Nothing is left of it."""


def test_the_summary_of_a_resumed_training_has_the_ages_of_all_its_pushes(tmp_path, monkeypatch):
    """The process ended between its last snapshot and the stamp: nothing is left to push."""
    folder, records = tmp_path / "mmi", tmp_path / "records" / "mmi.jsonl"
    config = dataclasses.replace(
        RunConfig(),
        engine="serial",
        sequence=dataclasses.replace(SequenceConfig(), training=CONFIG),
    )
    monkeypatch.setattr(sequence, "sequence_program", lambda *arguments: toy.program())
    monkeypatch.setattr(sequence.AcousticModel, "load", lambda path: Nowhere())
    monkeypatch.setattr(sequence, "load_flat", lambda *arguments: None)

    def work():
        return sequence.run_sequence(folder, tmp_path, config, Silent(), Kind.MMI)

    first, again = work(), work()
    assert first["updates"] == len(list(read_records(records, "push"))) > 0
    assert again["staleness"] == first["staleness"]
    assert again["staleness"]["outer"]["updates"]["p95"] > 0


def test_a_training_that_needed_no_update_is_none_the_worse():
    result = train(toy.program(utterances=(toy.EASY,)), CONFIG, "serial")
    assert result.updates == 0
    refuse_untrained(result)
