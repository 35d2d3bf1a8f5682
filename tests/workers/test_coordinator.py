import numpy as np
import pytest

from outergrad.criteria.outcome import FrameCounts, OuterGradient
from outergrad.errors import InputError, RunError
from outergrad.workers.config import AsyncConfig, ScheduleConfig
from outergrad.workers.coordinator import Coordinator
from outergrad.workers.messages import (
    Assignment,
    Evaluation,
    EvaluationRequest,
    HeldOut,
    Outcome,
    PushNote,
    Signal,
    Stamp,
)
from outergrad.workers.program import Factory, Program

NEW = Stamp((0,), 0.0)


def coordinator(utterances=4, **settings):
    schedule = settings.pop("schedule", ScheduleConfig(epochs=1))
    nothing = Factory("nowhere:nothing")
    ids = tuple(f"u{k}" for k in range(utterances))
    program = Program(nothing, nothing, nothing, np.zeros(1, np.float32), ids)
    return Coordinator(program, AsyncConfig(schedule=schedule, **settings))


def outcome(assignment, frames=1, reason=None):
    failure = OuterGradient.failure(assignment.utterance, frames, reason or "")
    outer = failure
    if reason is None:
        outer = OuterGradient(
            assignment.utterance,
            frames,
            np.arange(frames, dtype=np.int32),
            np.zeros(frames + 1, np.int64),
            failure.pdfs,
            failure.values,
            FrameCounts(frames, frames),
            0.0,
        )
    return Outcome(assignment, outer, NEW, assignment.replica)


def note(*visits, replica=0):
    return PushNote(replica, NEW, NEW, 1, visits)


def evaluate(machine, criterion):
    request = machine.open_evaluation(0.0)
    assert isinstance(request, EvaluationRequest)
    assert machine.next_evaluation() is request
    return machine.evaluated(Evaluation(request, HeldOut(criterion)))


def test_no_more_is_handed_out_than_the_queue_holds():
    machine = coordinator(queue=2, decoders=3)
    first, second = machine.next_utterance(0, 0.0), machine.next_utterance(1, 0.0)
    assert machine.next_utterance(2, 0.0) is Signal.LATER
    machine.decoded(outcome(first))
    assert machine.next_utterance(2, 0.0) is Signal.LATER
    assert machine.next_outcome(0).assignment == first
    assert isinstance(machine.next_utterance(2, 0.0), Assignment)
    assert machine.decoder_lost(1) == second


def test_an_utterance_held_too_long_goes_to_an_idle_decoder_too_and_counts_once():
    machine = coordinator(utterances=1, replicas=1, decoders=3, backup_seconds=10.0)
    slow = machine.next_utterance(0, 0.0)
    assert machine.next_utterance(1, 10.0) is Signal.LATER
    assert machine.next_utterance(0, 11.0) is Signal.LATER  # it has it itself
    assert machine.next_utterance(1, 11.0) == slow
    assert machine.next_utterance(2, 99.0) is Signal.LATER  # two are enough
    assert machine.decoded(outcome(slow))
    assert not machine.decoded(outcome(slow))
    assert machine.queue_lengths() == (1,)
    assert machine.decoder_lost(0) is None
    machine.next_outcome(0)
    machine.pushed(note(slow.visit), applied=True)
    counts = machine.visits.counts
    assert (counts.handed, counts.completed, counts.lost, counts.backups) == (1, 1, 0, 1)
    assert machine.next_utterance(2, 99.0) is Signal.END


def test_decoders_of_another_replica_help_out():
    machine = coordinator(utterances=2, replicas=2, backup_seconds=10.0)
    slow, own = machine.next_utterance(0, 0.0), machine.next_utterance(1, 5.0)
    machine.decoded(outcome(own, frames=0))
    helped = machine.next_utterance(1, 11.0)
    assert helped == slow
    assert machine.decoder_lost(0) is None  # the helper still has it
    assert machine.decoder_lost(1) == slow
    assert machine.visits.counts.lost == 1


def test_without_a_limit_nobody_helps():
    machine = coordinator(utterances=1, decoders=2, backup_seconds=0.0)
    machine.next_utterance(0, 0.0)
    assert machine.next_utterance(1, 1e9) is Signal.LATER


def test_a_run_from_start_to_end():
    machine = coordinator(utterances=2)
    assert evaluate(machine, -1.0).best
    assert machine.open_evaluation(0.0) is None
    assert machine.next_evaluation() is Signal.LATER
    failed = machine.next_utterance(0, 0.0)
    machine.decoded(outcome(failed, reason="no final state reached"))
    good = machine.next_utterance(0, 0.0)
    assert machine.next_outcome(0) is Signal.LATER
    machine.decoded(outcome(good))
    assert machine.next_outcome(0).assignment == good
    assert machine.next_outcome(0) is Signal.END
    # What is open may still get lost, so the decoder must stay.
    assert machine.next_utterance(0, 0.0) is Signal.LATER
    machine.pushed(note(good.visit), applied=True)
    assert machine.next_utterance(0, 0.0) is Signal.END
    assert not machine.check_finished()
    evaluate(machine, -0.5)
    assert machine.check_finished()
    assert machine.stop_reason == "all 1 epochs are done"
    assert machine.visits.counts.reasons == {"no final state reached": 1}


def test_utterances_of_a_dead_replica_are_handed_out_again():
    machine = coordinator(utterances=2)
    for _ in range(2):
        machine.decoded(outcome(machine.next_utterance(0, 0.0)))
        machine.next_outcome(0)
    machine.pushed(note(1), applied=True)
    assert machine.replica_lost(0) == 1
    again = machine.next_utterance(0, 0.0)
    assert again.visit == 3
    assert machine.visits.counts.lost == 1


def test_a_visit_whose_frames_all_cancel_is_complete():
    machine = coordinator(utterances=1)
    machine.decoded(outcome(machine.next_utterance(0, 0.0), frames=0))
    assert machine.visits.finished


def test_an_evaluator_that_died_is_asked_again():
    machine = coordinator()
    request = machine.open_evaluation(0.0)
    assert machine.next_evaluation() is machine.next_evaluation() is request
    assert machine.open_evaluation(5.0) is None


def test_an_evaluation_that_was_open_is_due_again_after_a_resume():
    before, after = coordinator(), coordinator()
    evaluate(before, -1.0)
    before.pushed(note(), applied=True)
    for _ in range(4):
        before.decoded(outcome(before.next_utterance(0, 0.0), frames=0))
    request = before.open_evaluation(7.0)
    after.restore(before.state())
    assert after.open_evaluation(7.0) == request


def test_evaluations_every_so_many_updates():
    machine = coordinator(schedule=ScheduleConfig(epochs=9, evaluate_every=3))
    asked = []
    for update in range(8):
        answer = machine.open_evaluation(0.0)
        if answer is not None:
            asked.append(update)
            machine.evaluated(Evaluation(answer, HeldOut(-1.0 / (update + 1))))
        machine.pushed(note(), applied=True)
    assert asked == [0, 3, 6]


def test_a_push_that_was_not_applied_is_no_update():
    machine = coordinator()
    machine.pushed(note(), applied=False)
    assert machine.updates == 0


def test_warm_start_lets_the_first_replica_begin_alone():
    machine = coordinator(replicas=2, warm_start=2)
    assert isinstance(machine.next_utterance(0, 0.0), Assignment)
    assert machine.next_utterance(1, 0.0) is Signal.LATER
    for _ in range(2):
        machine.pushed(note(), applied=True)
    assert isinstance(machine.next_utterance(1, 0.0), Assignment)


def test_divergence_stops_the_workers_and_a_second_one_the_run():
    machine = coordinator(schedule=ScheduleConfig(rate=1.0, epochs=2, evaluate_every=1))
    evaluate(machine, -1.0)
    for _ in range(2):
        assignment = machine.next_utterance(0, 0.0)
        machine.pushed(note(), applied=True)
        evaluate(machine, -100.0)
        assert machine.diverged
        assert machine.check_finished()
        assert machine.next_utterance(0, 0.0) is Signal.END
        if machine.schedule.rate == 1.0:
            machine.recover()
            assert not machine.check_finished()
            assert machine.schedule.rate == pytest.approx(0.1)
            assert machine.visits.counts.lost == 1
            assert machine.next_utterance(0, 0.0).utterance == assignment.utterance
    with pytest.raises(RunError, match="diverged again"):
        machine.recover()


def test_a_run_that_stopped_on_a_plateau_stays_stopped_when_resumed():
    flat = ScheduleConfig(max_decays=0, evaluate_every=1)
    before, after = coordinator(schedule=flat), coordinator(schedule=flat)
    evaluate(before, -1.0)
    before.pushed(note(), applied=True)
    evaluate(before, -1.0)
    assert before.check_finished()
    after.restore(before.state())
    assert after.check_finished()
    assert after.stop_reason == before.stop_reason


def test_more_epochs_continue_a_run_that_made_all_of_them():
    before, after = coordinator(), coordinator(schedule=ScheduleConfig(epochs=2))
    evaluate(before, -1.0)
    for _ in range(4):
        before.decoded(outcome(before.next_utterance(0, 0.0), frames=0))
    assert before.check_finished()
    after.restore(before.state())
    assert not after.check_finished()
    assert isinstance(after.next_utterance(0, 0.0), Assignment)


def test_another_seed_does_not_continue_this_run():
    with pytest.raises(InputError, match="seed 0, not 1"):
        coordinator(seed=1).restore(coordinator(seed=0).state())


@pytest.mark.parametrize("name", ["replicas", "decoders", "slots", "queue", "n_fetch", "n_push"])
def test_counts_must_be_positive(name):
    with pytest.raises(InputError, match=name):
        AsyncConfig(**{name: 0})
