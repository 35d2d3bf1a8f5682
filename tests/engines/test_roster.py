"""Who is at work, as engines with processes of their own tell it."""

import pytest
import toy_problem as toy

from outergrad.engine.crew import Crew, refuse_unbuilt
from outergrad.engine.protocol import Failed, Role
from outergrad.engine.roster import Roster
from outergrad.errors import InputError, RunError
from outergrad.workers.config import AsyncConfig
from outergrad.workers.messages import Signal

CONFIG = AsyncConfig(replicas=2, decoders=2, shards=3, max_restarts=1)


def told(roster):
    return {p.role: (p.alive, p.wanted, p.restarts) for p in roster.presences()}


class Member:
    def __init__(self, role, index):
        self.role, self.index = role, index
        self.name = f"{role.value} {index}"
        self.waiting = self.dismissed = self.ended = False
        self.sent = []

    def send(self, message):
        self.sent.append(message)

    def end(self):
        self.ended = True


class Coordinator:
    def __init__(self):
        self.busy = True

    def replica_busy(self, replica):
        return self.busy


class Session:
    """What a crew needs of a session; every answer is `answer`."""

    def __init__(self, answer=Signal.LATER):
        self.config = CONFIG
        self.roster = Roster(CONFIG)
        self.coordinator = Coordinator()
        self.finished = False
        self.answer = answer
        self.lost = []

    def next_utterance(self, decoder):
        return self.answer

    next_outcome = next_utterance

    def next_evaluation(self):
        return self.answer

    def worker_lost(self, role, index, why):
        self.lost.append((role, index))
        self.roster.restarted(role)


def crew_of(session):
    crew = Crew(session, Member)
    crew.start()
    return crew


def test_workers_are_there_once_they_are_ready():
    session = Session()
    assert told(session.roster)["decoder"] == (4, 4, 0)  # until an engine says otherwise
    crew = crew_of(session)
    assert told(session.roster) == {
        "replica": (0, 2, 0),
        "decoder": (0, 4, 0),
        "evaluator": (0, 1, 0),
        "shard": (3, 3, 0),
    }
    for member in list(crew.members):
        crew.ready(member)
    assert told(session.roster)["decoder"] == (4, 4, 0)
    decoder = next(m for m in crew.members if m.role is Role.DECODER)
    crew.died(decoder, "killed")
    assert session.lost == [("decoder", 0)]
    assert told(session.roster)["decoder"] == (3, 4, 1)
    crew.ready(crew.members[-1])
    assert told(session.roster)["decoder"] == (4, 4, 1)
    session.roster.misses("shard", (1,))
    assert told(session.roster)["shard"] == (2, 3, 0)
    session.roster.misses("shard", ())
    assert told(session.roster)["shard"] == (3, 3, 0)


def test_a_replica_may_go_when_it_has_nothing_left_others_when_they_were_told():
    session = Session(Signal.END)
    crew = crew_of(session)
    for member in crew.members:
        member.waiting = True
    crew.hand_out(quiet=False)
    replica, decoder = crew.members[0], crew.members[2]
    assert (replica.sent, replica.dismissed) == ([None], False)
    assert (decoder.sent, decoder.dismissed) == ([None], True)
    assert crew.may_go(decoder)
    assert not crew.may_go(replica)
    session.coordinator.busy = False
    assert crew.may_go(replica)
    crew.left(replica)
    assert told(session.roster)["replica"][1] == 1


def test_a_worker_that_dies_again_and_again_ends_the_run():
    crew = crew_of(Session())
    for _ in range(2):
        crew.died(crew.members[-1], "first")
        crew.worked(crew.members[-1])  # forgives
    crew.died(crew.members[-1], "once")
    with pytest.raises(RunError, match="evaluator 0 died 2 times in a row; the last time: twice"):
        crew.died(crew.members[-1], "twice")


def test_a_crew_that_waits_for_nothing_is_an_error():
    crew = crew_of(Session())
    for member in crew.members:
        member.waiting = True
    crew.hand_out(quiet=False)  # a message may still change it
    with pytest.raises(RunError, match="all workers wait"):
        crew.hand_out(quiet=True)


def test_what_fails_before_any_work_is_not_tried_again():
    refuse_unbuilt("decoder 1", Failed("trace", "boom", building=False, bad_input=False))
    with pytest.raises(InputError, match="decoder 1 cannot start: no file"):
        refuse_unbuilt("decoder 1", Failed("trace", "no file", building=True, bad_input=True))
    with pytest.raises(RunError, match="decoder 1 cannot start: trace"):
        refuse_unbuilt("decoder 1", Failed("trace", "boom", building=True, bad_input=False))


def test_every_role_has_its_factory():
    program = toy.program()
    assert Role.DECODER.factory(program) is program.outer
    assert Role.REPLICA.factory(program) is program.inner
    assert Role.EVALUATOR.factory(program) is program.evaluator
