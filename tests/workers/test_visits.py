from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outergrad.errors import InputError
from outergrad.workers.visits import MAX_DEATHS, Visits

IDS = tuple(f"u{k}" for k in range(7))


def drain(visits, replica):
    while (assignment := visits.take(replica)) is not None:
        yield assignment


def test_each_replica_visits_its_own_subset_epoch_by_epoch():
    visits = Visits(IDS, 2, 3, seed=1)
    orders = [[a.utterance for a in drain(visits, replica)] for replica in (0, 1)]
    subsets = [set(order) for order in orders]
    assert subsets[0] | subsets[1] == set(IDS)
    assert not subsets[0] & subsets[1]
    for order, subset in zip(orders, subsets, strict=True):
        size = len(subset)
        assert [set(order[k : k + size]) for k in range(0, len(order), size)] == [subset] * 3


def test_the_seed_decides_the_order():
    orders = [[a.utterance for a in drain(Visits(IDS, 1, 2, seed), 0)] for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


@settings(deadline=None)  # shared machines pause
@given(st.data())
def test_visits_add_up_whatever_happens(data):
    replicas, epochs = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    visits = Visits(IDS, replicas, epochs, seed=0)
    handed, fates = Counter(), Counter()
    still_open = []
    for _ in range(150):
        if visits.finished:
            break
        replica = data.draw(st.integers(0, replicas - 1))
        assignment = visits.take(replica)
        if assignment is not None:
            handed[assignment.utterance] += 1
            still_open.append(assignment)
        if still_open:
            chosen = still_open.pop(data.draw(st.integers(0, len(still_open) - 1)))
            fate = data.draw(st.sampled_from(["complete", "complete", "fail", "lose"]))
            fates[fate] += 1
            match fate:
                case "complete":
                    visits.complete(chosen.visit)
                case "fail":
                    visits.fail(chosen.visit, "because")
                case "lose":
                    visits.lose(chosen.visit)
    counts = visits.counts
    assert counts.completed == fates["complete"]
    assert (counts.failed, counts.lost) == (fates["fail"], fates["lose"])
    assert sum(handed.values()) == counts.handed
    assert counts.handed == counts.completed + counts.failed + counts.lost + len(still_open)
    if visits.finished:
        assert visits.epoch == epochs
        assert counts.completed + counts.failed == epochs * len(IDS)


def test_a_lost_utterance_comes_next():
    visits = Visits(IDS, 1, 1, seed=0)
    first = visits.take(0)
    visits.take(0)
    visits.lose(first.visit)
    again = visits.take(0)
    assert again.utterance == first.utterance
    assert again.visit != first.visit


def test_an_utterance_that_kills_its_decoders_fails_with_that_reason():
    visits = Visits(IDS, 1, 1, seed=0)
    for _ in range(MAX_DEATHS):
        visits.lose(visits.take(0).visit, suspect=True)
    assert visits.counts.reasons == {"its decoder died over it": 1}
    assert (visits.counts.lost, visits.counts.failed) == (MAX_DEATHS - 1, 1)


def test_what_is_not_open_is_not_counted_twice():
    visits = Visits(IDS, 1, 1, seed=0)
    visit = visits.take(0).visit
    for _ in range(2):
        visits.complete(visit)
        visits.fail(visit, "because")
        visits.lose(visit)
    assert (visits.counts.completed, visits.counts.failed, visits.counts.lost) == (1, 0, 0)


@pytest.mark.parametrize("replicas", [1, 2, 3])
def test_a_resumed_run_makes_the_visits_that_were_left(replicas):
    before = Visits(IDS, 2, 2, seed=0)
    done = Counter()
    for number in range(9):
        assignment = before.take(0) or before.take(1)
        if number % 3:
            before.complete(assignment.visit)
            done[assignment.utterance] += 1
    after = Visits(IDS, replicas, 2, seed=0)
    after.restore(before.state())
    for replica in range(replicas):
        for assignment in drain(after, replica):
            after.complete(assignment.visit)
            done[assignment.utterance] += 1
    assert done == dict.fromkeys(IDS, 2)
    assert after.finished
    assert after.counts.lost == 3


def test_wrong_jobs_are_refused():
    with pytest.raises(InputError, match="u1 is listed twice"):
        Visits(("u0", "u1", "u1"), 1, 1, 0)
    with pytest.raises(InputError, match="split among 8"):
        Visits(IDS, 8, 1, 0)
    with pytest.raises(InputError, match="other training utterances"):
        Visits(IDS, 1, 1, 0).restore(Visits(IDS[:-1], 1, 1, 0).state())
