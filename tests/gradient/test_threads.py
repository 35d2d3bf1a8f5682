"""The choice of threads on a made-up machine whose batches take known times."""

import pytest

from outergrad.gradient.threads import TRIAL_BATCHES, TRIAL_SECONDS, FastestThreads


class Machine:
    """A clock that batches move, by how long they take with the threads in use."""

    def __init__(self, seconds: dict[int, float]) -> None:
        self.seconds, self.now, self.threads = seconds, 0.0, 0
        self.used: list[int] = []

    def use(self, threads: int) -> None:
        self.threads = threads

    def train(self, chooser: FastestThreads, batches: int) -> None:
        for _ in range(batches):
            self.used.append(self.threads)
            self.now += self.seconds[self.threads]
            chooser.batch_done()


@pytest.mark.parametrize(("seconds", "fastest"), [({1: 2.0, 2: 1.0}, 2), ({1: 1.0, 2: 4.0}, 1)])
def test_the_faster_number_is_used_after_both_were_tried(
    seconds: dict[int, float], fastest: int
) -> None:
    machine = Machine(seconds)
    chooser = FastestThreads(2, lambda: machine.now, machine.use)
    machine.train(chooser, 2 * TRIAL_BATCHES + 3)
    assert machine.used[: 2 * TRIAL_BATCHES] == [2] * TRIAL_BATCHES + [1] * TRIAL_BATCHES
    assert set(machine.used[2 * TRIAL_BATCHES :]) == {fastest}


def test_it_notices_when_other_programs_come_and_go() -> None:
    machine = Machine({1: 0.2, 4: 0.1})
    chooser = FastestThreads(4, lambda: machine.now, machine.use)
    machine.train(chooser, 3 * TRIAL_BATCHES)
    assert machine.threads == 4
    machine.seconds = {1: 0.2, 4: 0.8}
    machine.train(chooser, 2 * round(TRIAL_SECONDS / 0.8) + 2 * TRIAL_BATCHES)
    assert machine.threads == 1
    machine.seconds = {1: 0.2, 4: 0.1}
    machine.train(chooser, round(TRIAL_SECONDS / 0.2) + 3 * TRIAL_BATCHES)
    assert machine.threads == 4


def test_with_a_single_core_there_is_nothing_to_try() -> None:
    machine = Machine({1: 1.0})
    chooser = FastestThreads(1, lambda: machine.now, machine.use)
    machine.train(chooser, 100)
    assert set(machine.used) == {1}


def test_what_is_done_between_batches_is_not_their_time() -> None:
    machine = Machine({1: 2.0, 2: 1.0})
    chooser = FastestThreads(2, lambda: machine.now, machine.use)
    machine.train(chooser, TRIAL_BATCHES - 1)
    machine.now += 1000.0  # an evaluation
    chooser.resume()
    machine.train(chooser, 2 * TRIAL_BATCHES + 1)
    assert machine.threads == 2
