import numpy as np
import pytest

from outergrad.criteria.outcome import OuterGradient
from outergrad.errors import InputError
from outergrad.gradient.gap import Gap, Probe
from outergrad.workers.config import AsyncConfig, GapConfig, ScheduleConfig
from outergrad.workers.coordinator import Coordinator
from outergrad.workers.gap_meter import GapMeter
from outergrad.workers.messages import Stamp
from outergrad.workers.program import Factory, Program


class Source:
    """Its criterion is the first parameter, its auxiliary function twice the step."""

    def __init__(self):
        self.loaded = []

    def load(self, parameters):
        self.loaded.append(float(parameters[0]))

    def probe(self, utterance):
        outer = OuterGradient.failure(utterance, 10, "unused")
        object.__setattr__(outer, "value", self.loaded[-1])
        return Probe((), outer)

    def gap(self, probe):
        before, now = probe.outer.value, self.loaded[-1]
        return Gap(probe.outer.utterance, 10, before, now, before + 2.0 * (now - before))


class Client:
    """A server whose parameter and version grow by one a pull."""

    def __init__(self):
        self.version = 10

    def versions(self):
        return (self.version,)

    def pull(self, out):
        self.version += 1
        out[:] = self.version
        return (self.version,)


def meter(**settings):
    source, client = Source(), Client()
    source.load(np.zeros(1))
    gap = GapConfig(every=2, **settings)
    return source, GapMeter(source, gap, 1, client, lambda: 7.0)


def run(made, count, parameters, held):
    found = []
    for number in range(count):
        gap, held = made.after(f"u{number}", parameters, held)
        found.append(gap)
    return found, held


def test_every_second_utterance_is_compared_with_the_probe_before():
    source, made = meter()
    parameters, held = np.zeros(1, np.float32), Stamp((4,), 1.0)
    found, after = run(made, 5, parameters, held)
    assert [gap is not None for gap in found] == [False, False, True, False, True]
    first = found[2]
    assert (first.utterance, first.value, first.auxiliary, first.age) == ("u0", 11.0, 22.0, 7.0)
    assert first.per_frame == pytest.approx(1.1)
    # Training goes on with what it had.
    assert after == held
    assert source.loaded[-1] == parameters[0] == 0.0


def test_parameters_are_refreshed_when_the_gap_is_too_large():
    source, made = meter(limit=0.5, reaction="refresh")
    parameters = np.zeros(1, np.float32)
    _, held = run(made, 3, parameters, Stamp((4,), 1.0))
    assert held == Stamp((11,), 7.0)
    assert source.loaded[-1] == parameters[0] == 11.0


@pytest.mark.parametrize(("reaction", "updates"), [("refresh", 11), ("none", 4)])
def test_the_source_knows_how_new_its_parameters_are(reaction, updates):
    """Lattices that are kept for so many updates would otherwise be kept for too long."""
    source, made = meter(limit=0.5, reaction=reaction)
    seen = []
    source.seen = seen.append
    run(made, 3, np.zeros(1, np.float32), Stamp((4,), 1.0))
    assert seen[-1] == updates


def test_a_small_gap_refreshes_nothing():
    _, made = meter(limit=5.0, reaction="refresh")
    held = Stamp((4,), 1.0)
    assert run(made, 3, np.zeros(1, np.float32), held)[1] == held


@pytest.mark.parametrize(("reaction", "rate"), [("none", 0.2), ("lower-rate", 0.1)])
def test_the_coordinator_lowers_the_rate_when_asked_to(reaction, rate):
    nothing = Factory("nowhere:nothing")
    program = Program(nothing, nothing, nothing, np.zeros(1, np.float32), ("u",))
    config = AsyncConfig(
        schedule=ScheduleConfig(rate=0.2), gap=GapConfig(every=1, limit=0.1, reaction=reaction)
    )
    coordinator = Coordinator(program, config)
    assert not coordinator.gap_measured(0.05)
    assert coordinator.gap_measured(-0.2) == (reaction == "lower-rate")
    assert coordinator.schedule.rate == pytest.approx(rate)


def test_impossible_settings_are_refused():
    with pytest.raises(InputError, match="gap"):
        GapConfig(every=1, limit=0.0)
