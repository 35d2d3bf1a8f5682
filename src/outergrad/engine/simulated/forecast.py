"""How a training job will run: simulated with the workers' own code, but without mathematics."""

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.criteria.outcome import FrameCounts, OuterGradient
from outergrad.engine.result import Quantiles
from outergrad.engine.simulated.config import Cost, SimulatedConfig
from outergrad.engine.simulated.engine import SimulatedEngine
from outergrad.engine.training import train
from outergrad.errors import InputError
from outergrad.gradient.gap import Gap, Probe
from outergrad.randomness import rng
from outergrad.workers.config import AsyncConfig, ScheduleConfig
from outergrad.workers.messages import HeldOut
from outergrad.workers.program import Batch, Factory, Program

FRAMES_PER_SECOND = 100
STAND_IN = 1024
"""Entries of the vector that stands for the parameters; only their bytes take time."""
WINDOW = (0.4, 0.8)
"""Part of the simulated time that is looked at: slots have filled, nobody is done yet."""
GAP_SEARCHES = 2
"""Searches that each measurement of a gap takes."""
TURNOVERS = 5
"""How often each slot of a replica takes a new utterance in the simulation."""


MIN_VISITS = 800
"""Utterances in the simulation at least: their lengths are random."""
AFFORDABLE_VISITS = 20_000
"""So long, or twice as long as otherwise, a simulation may become to see decoders fetch again."""
MARGIN = 1.1
"""How much longer than thought it takes: lengths are random."""
EVALUATIONS = 20
"""In the simulation, small ones: it is too short for whole epochs."""

Who = Literal["decoder", "replica", "fetch", "push", "shard", "coordinator", "core"]
"""Who can be the bottleneck."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be trained, by whom."""

    hours: float
    """Speech in the training set."""
    parameters: int
    """Weights and biases of the DNN."""
    training: AsyncConfig
    """Replicas, decoders, shards, slots, queue, fetch policy."""
    costs: SimulatedConfig
    """What work and messages cost; `parameter_bytes` is set from `parameters`."""
    utterance_seconds: float = 4.0
    """Mean length of an utterance."""
    kept: float = 0.4
    """Share of the frames whose outer gradient does not cancel."""

    def __post_init__(self) -> None:
        for name in ("hours", "parameters", "utterance_seconds"):
            if not getattr(self, name) > 0:
                raise InputError(f"plan: {name} = {getattr(self, name)} must be positive")
        if not 0 < self.kept <= 1:
            raise InputError(f"plan: kept = {self.kept} must be above 0 and at most 1")

    @property
    def utterances(self) -> float:
        """Utterances in the training set."""
        return self.hours * 3600 / self.utterance_seconds


@dataclass(frozen=True, slots=True)
class Forecast:
    """How the job will run once it has got going."""

    utterances_per_second: float
    """Visits that end, by all replicas together."""
    epoch_hours: float
    """Time until each utterance was visited once."""
    updates_per_second: float
    """Pushes that are applied."""
    outer_seconds: Quantiles
    """Age of outer gradients when they are used, in seconds."""
    outer_updates: Quantiles
    """The same in server updates."""
    outer_steps: Quantiles
    """The same in steps of the replica that uses them."""
    outer_note: str
    """Why the simulation cannot tell how old outer gradients get, which are nan then; or empty."""
    inner_seconds: Quantiles
    """Age of a replica's parameters when its gradient is applied, in seconds."""
    inner_updates: Quantiles
    """The same in server updates."""
    shard_bytes_per_second: float
    """Sent and received by the busiest server machine."""
    busy: dict[Who, float] = field(default_factory=dict)
    """Share of their time in which decoders, replicas, the busiest shard and the coordinator work,
    0 ... 1. On a cluster also "fetch" and "push", in which links of replicas receive and send."""
    answering: float = 0.0
    """Share of its time in which the busiest shard answers fetches."""
    evaluator: float = 0.0
    """The same of the evaluator, which nobody waits for but which shares the cores."""

    @property
    def bottleneck(self) -> Who:
        """Who is busiest; a replica fetches and works in turns, so what counts is both together."""
        fetch = self.busy.get("fetch", 0.0)
        both = self.busy["replica"] + fetch
        larger: Who = "fetch" if fetch > self.busy["replica"] else "replica"
        return max(self.busy, key=lambda who: both if who == larger else self.busy[who])

    @property
    def advice(self) -> str:
        """What to add."""
        return {
            "decoder": "replicas wait for decoders: add decoders per replica, or narrow the beam",
            "replica": "replicas are at work all the time: add replicas, or give them a GPU",
            "fetch": "replicas spend most time on fetches: raise n_fetch, or get faster links",
            "push": "replicas wait for their links to send: raise n_push, or get faster links",
            "shard": "workers wait for the parameter server: add shards, or "
            + ("fetch less often" if self.answering >= self.busy["shard"] else "raise n_push"),
            "coordinator": "the coordinator is at work all the time: train on longer utterances, "
            "or with fewer workers",
            "core": "the cores are shared out: add machines",
        }[self.bottleneck]


@dataclass(frozen=True, slots=True)
class _Simulated:
    """A simulation of a job, done."""

    config: AsyncConfig
    costs: SimulatedConfig
    engine: SimulatedEngine
    events: "_Events"
    seconds: float

    @property
    def last(self) -> float:
        """When the last push came, in virtual seconds."""
        return float(self.events.of["push"][-1]["time"])

    @property
    def window(self) -> tuple[float, float]:
        """From when to when it is looked at."""
        begin, end = WINDOW
        return begin * self.last, end * self.last

    @property
    def fetch_seconds(self) -> float:
        """From one fetch of a decoder to the next; inf: there is no next one."""
        policy = self.config.fetch
        match policy.kind:
            case "utterance":
                return 0.0
            case "never":
                return math.inf
            case "updates":
                return policy.every * self.last / len(self.events.of["push"])
            case _:
                return policy.every


def forecast(job: Job) -> Forecast:
    """Simulate a few turnovers of all slots and extrapolate.

    Decoders that fetch less often than that, all of them when the simulation begins, would have
    outer gradients as old as the simulation is long. It is lengthened until they fetch again, as
    far as that can be afforded.

    An evaluation at the end of each epoch takes from everybody where cores are shared. The
    simulation is shorter than most epochs, so it has small evaluations now and then that take the
    same share of the time.
    """
    config = job.training
    count = max(MIN_VISITS, config.replicas * (config.slots + config.queue) * TURNOVERS)
    done = _simulate(job, count)
    begin, end = done.window
    longer = count * MARGIN * done.fetch_seconds / (end - begin) if end > begin else 0.0
    if count < longer <= max(2 * count, AFFORDABLE_VISITS):
        done = _simulate(job, math.ceil(longer))
    return _read(job, done)


def _simulate(job: Job, count: int) -> _Simulated:
    """Simulate as much of a job as `count` utterances are."""
    config = replace(job.training, snapshot_seconds=1e9)
    config = replace(config, shards=min(config.shards, STAND_IN))
    mean = job.utterance_seconds * FRAMES_PER_SECOND
    updates_per_visit = job.kept * mean / config.slots / config.n_push
    every = max(1, round(count * updates_per_visit / EVALUATIONS))
    share = every / (job.utterances * updates_per_visit)
    costs = replace(
        job.costs,
        network=replace(job.costs.network, parameter_bytes=4 * job.parameters),
        evaluate=Cost(fixed=job.costs.evaluate.fixed * share),
    )
    config = replace(
        config,
        schedule=ScheduleConfig(
            rate=0.0,
            epochs=1,
            patience=10**9,
            evaluate_every=every if costs.evaluate.fixed else 10**9,
        ),
    )
    program = Program(
        outer=Factory.of(SyntheticOuter, frames=mean, kept=job.kept, seed=config.seed),
        inner=Factory.of(SyntheticInner),
        evaluator=Factory.of(SyntheticEvaluation),
        parameters=np.zeros(STAND_IN, np.float32),
        utterances=tuple(map(str, range(count))),
    )
    engine = SimulatedEngine(costs)
    events = _Events()
    result = train(program, config, engine, records=events)
    return _Simulated(config, costs, engine, events, result.seconds)


def _read(job: Job, done: _Simulated) -> Forecast:
    config, costs, engine, events = done.config, done.costs, done.engine, done.events
    last = done.last
    if last <= 0:
        raise InputError("plan: nothing costs any time: give costs, or calibrate")
    begin, end = done.window
    length = end - begin
    pushes, taken, evaluations = (
        [event for event in events.of[kind] if begin <= event["time"] < end]
        for kind in ("push", "outer", "evaluation")
    )
    if not pushes or not taken:
        raise InputError("plan: too little happens to say anything: more slots or replicas")
    steps = len(pushes) * config.n_push
    frames = sum(push["frames"] for push in pushes)
    decoded = sum(outer["frames"] for outer in taken)
    decoding = len(taken) * costs.decode.fixed + decoded * costs.decode.mean_frame
    if config.gap.every:
        decoding *= 1 + GAP_SEARCHES / config.gap.every
    stepping = steps * costs.step.fixed + frames * costs.step.mean_frame
    evaluating = len(evaluations) * costs.evaluate.fixed
    busiest = max(engine.machines, key=lambda machine: machine.busy + machine.bytes * 1e-18)
    coordinating = engine.clerk.busy / last if engine.clerk is not None else 0.0
    network = costs.network
    link = 4 * job.parameters / network.bandwidth if network.bandwidth else 0.0
    fetching, pushing = link * steps / config.n_fetch, link * len(pushes)
    if network.shared_memory:
        # Workers copy parameters by themselves.
        stepping += fetching + pushing
        decoding += link * len(taken)
    busy: dict[Who, float] = {
        "decoder": decoding / length / (config.replicas * config.decoders),
        "replica": stepping / length / config.replicas,
        "shard": busiest.busy / last,
        "coordinator": coordinating,
    }
    if not network.shared_memory:
        fetching += 2 * network.latency * steps / config.n_fetch
        busy["fetch"] = fetching / length / config.replicas
        busy["push"] = pushing / length / config.replicas
    if costs.cores:
        work = (decoding + stepping + evaluating) / length + busiest.busy / last + coordinating
        busy["core"] = work / costs.cores
    # By frames: how many utterances there are in the window depends on their lengths.
    rate = decoded / length / (job.utterance_seconds * FRAMES_PER_SECOND)
    step_seconds = length * config.replicas / steps
    note = _outer_note(done)
    whole = [] if note else [p for p in pushes if p["time"] >= _whole_periods(done)]
    outer = [push["outer_age_seconds"] for push in whole]
    return Forecast(
        utterances_per_second=rate,
        epoch_hours=job.utterances / rate / 3600,
        updates_per_second=len(pushes) / length,
        outer_seconds=Quantiles.of(outer),
        outer_updates=Quantiles.of([push["outer_age_updates"] for push in whole]),
        outer_steps=Quantiles.of([age / step_seconds for age in outer]),
        outer_note=note,
        inner_seconds=Quantiles.of([push["inner_age_seconds"] for push in pushes]),
        inner_updates=Quantiles.of([push["inner_age_updates"] for push in pushes]),
        shard_bytes_per_second=busiest.bytes / done.seconds,
        busy=busy,
        answering=busiest.pulls.busy / last,
        evaluator=evaluating / length,
    )


def _outer_note(done: _Simulated) -> str:
    """Why ages of outer gradients would be those of the simulation; empty when they are not."""
    policy, (begin, end) = done.config.fetch, done.window
    if policy.kind == "never":
        return "as old as the training gets: decoders never fetch again"
    if done.fetch_seconds <= end - begin:
        return ""
    unit = "updates" if policy.kind == "updates" else "s"
    number = len(done.events.of["push"]) if unit == "updates" else done.last
    return (
        f"above {policy.every / 2:g} {unit} on average: decoders fetch every {policy.every:g} "
        f"{unit}, and only {number:.4g} {unit} were simulated"
    )


def _whole_periods(done: _Simulated) -> float:
    """From when on, to the end of the window, every age between two fetches counts the same.

    Decoders began together, so they fetch at about the same times.
    """
    begin, end = done.window
    period = done.fetch_seconds
    return end - (end - begin) // period * period if period else begin


class _Events:
    """Records kept in memory, by kind."""

    def __init__(self) -> None:
        self.of: dict[str, list[dict[str, Any]]] = {"push": [], "outer": [], "evaluation": []}

    def write(self, kind: str, time: float, **fields: Any) -> None:
        """Keep a push, an outer gradient or an evaluation."""
        if kind in self.of:
            self.of[kind].append({"time": time, **fields})


class SyntheticOuter:
    """Outer gradients without entries, for utterances of random lengths."""

    def __init__(self, frames: float, kept: float, seed: int) -> None:
        """Lengths are gamma distributed (shape 4) with mean `frames`."""
        self._frames, self._kept, self._seed = frames, kept, seed

    def load(self, parameters: Float32Array) -> None:
        """Nothing depends on them."""

    def compute(self, utterance: str) -> OuterGradient:
        """As many kept frames as an utterance of that length would have."""
        stream = rng(self._seed, "utterance", utterance)
        count = max(1, round(float(stream.gamma(4.0, self._frames / 4.0))))
        kept = max(1, int(stream.binomial(count, self._kept)))
        return OuterGradient(
            utterance=utterance,
            num_frames=count,
            frames=np.arange(kept, dtype=np.int32),
            offsets=np.zeros(kept + 1, np.int64),
            pdfs=np.zeros(0, np.int32),
            values=np.zeros(0, np.float32),
            counts=FrameCounts(count, kept, count - kept, 0),
            value=-1.0,
        )

    def probe(self, utterance: str) -> Probe:
        """Of an utterance of that length."""
        return Probe((), self.compute(utterance))

    def gap(self, probe: Probe) -> Gap:
        """None, after as much work."""
        return Gap(probe.outer.utterance, probe.outer.num_frames, -1.0, -1.0, -1.0)


class SyntheticInner:
    """Gradients of zeros."""

    def __init__(self) -> None:
        self._gradient = np.zeros(STAND_IN, np.float32)

    def load(self, parameters: Float32Array) -> None:
        """Nothing depends on them."""

    def gradient(self, batch: Batch) -> Float32Array:
        """Zeros."""
        return self._gradient


class SyntheticEvaluation:
    """A criterion that never changes."""

    def load(self, parameters: Float32Array) -> None:
        """Nothing depends on them."""

    def evaluate(self) -> HeldOut:
        """The constant."""
        return HeldOut(-1.0)
