"""What work costs on this machine, measured on the data and the model of a run."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from statistics import mean, median
from typing import Any, TypeVar

import msgspec
import numpy as np

from outergrad.config import build, read_toml
from outergrad.criteria.config import Kind
from outergrad.engine.local.memory import MemoryPlan, SharedMemory
from outergrad.engine.simulated.config import Cost, NetworkCost, SimulatedConfig
from outergrad.engine.simulated.forecast import FRAMES_PER_SECOND
from outergrad.engine.training import train
from outergrad.errors import InputError
from outergrad.features.store import FeatureStore
from outergrad.gradient.threads import torch_threads
from outergrad.nnet.acoustic import AcousticModel
from outergrad.ps.partition import Partition
from outergrad.ps.rules import Sgd
from outergrad.ps.server import ParameterServer
from outergrad.recipes.metering import WARM_UP, Work, metered
from outergrad.recipes.prepare import Prepared
from outergrad.recipes.sequence import sequence_program
from outergrad.recipes.settings import RunConfig
from outergrad.recipes.stages import SETTINGS
from outergrad.records import RecordWriter, Tee
from outergrad.workers.config import AsyncConfig, FetchPolicy, GapConfig, ScheduleConfig

T = TypeVar("T")

PUSH_SECONDS = 2e-4
"""What the announcement of a push and its record cost the server of engine `local`."""
LATENCY_SECONDS = 1e-4
"""From one process to another through a pipe."""
UTTERANCES = 300
"""As many are trained on to measure; fewer are too short a time."""
FORWARD_UTTERANCES = 30


@dataclass(frozen=True, slots=True)
class Calibration:
    """Seconds of one core of this machine, and the job that they were measured on."""

    parameters: int
    """Weights and biases of the DNN."""
    slots: int
    """Frames of the batches that were measured."""
    decode: tuple[float, ...]
    """Per frame of an utterance, an entry for each utterance: align, decode, sum, and the DNN."""
    forward: float
    """The DNN's part of it, per frame, in batches of utterances."""
    step: float
    """Inner gradient of a batch of `slots` frames."""
    copy: float
    """Bytes per second that one process copies."""
    update: float
    """Per byte of a push: check, apply, publish."""
    utterance_seconds: float
    """Mean length of the utterances."""
    kept: float
    """Share of their frames that is kept."""
    decode_load: float = 0.0
    """Per utterance: a decoder's loading of the parameters."""
    decode_between: float = 0.0
    """Per utterance: what else a decoder does, its pull apart; most of it is messages."""
    step_between: float = 0.0
    """Per batch: what else a replica does, copies of parameters apart: loading, gathering rows,
    the norm, messages."""
    hand_out: float = 0.0
    """Per utterance: messages, counts and records of the coordinator."""
    evaluate: float = 0.0
    """Per frame of held-out speech: an evaluation."""
    held_out_seconds: float = 0.0
    """Held-out speech."""
    hours: float = 1.0
    """Speech in the training set."""
    replicas: int = 1
    """Model replicas that the run's settings ask for; likewise the following."""
    decoders: int = 1
    """Per replica."""
    shards: int = 4
    """Of the parameter server."""
    queue: int = 4
    """Outer gradients on their way to a replica."""
    n_push: int = 1
    """Batches between pushes."""
    n_fetch: int = 1
    """Batches between a replica's fetches."""
    gap_every: int = 50
    """Utterances of a decoder between measurements of the gap; 0: none."""
    fetch: FetchPolicy = field(default_factory=FetchPolicy)
    """When a decoder refreshes its parameters."""
    shape: tuple[int, int, int, int] = (1040, 4, 1024, 2400)
    """Inputs, hidden layers, units of each, outputs of the DNN."""

    @classmethod
    def of(cls, table: object, source: str) -> "Calibration":
        """From a table as JSON keeps it.

        Raises:
            InputError: something is missing or of the wrong type; says where it was read.
        """
        try:
            return msgspec.convert(table, cls)
        except msgspec.ValidationError as error:
            raise InputError(f"{source}: cannot read costs: {error}") from error

    def costs(
        self, parameters: int | None = None, held_out_seconds: float | None = None
    ) -> SimulatedConfig:
        """The same for a DNN of another size; the network is that of engine `local`.

        The DNN's work grows with its parameters and its frames, and so does what a replica does
        besides; the search's grows with frames only, and a message's with nothing.
        """
        size = (parameters or self.parameters) / self.parameters
        speech = self.held_out_seconds if held_out_seconds is None else held_out_seconds
        search = (max(0.0, seconds - self.forward) for seconds in self.decode)
        frame = max(0.0, self.evaluate - self.forward) + min(self.forward, self.evaluate) * size
        return SimulatedConfig(
            decode=Cost(
                fixed=self.decode_between + self.decode_load * size,
                measured=tuple(s + self.forward * size for s in search),
            ),
            step=Cost(fixed=self.step_between * size, frame=self.step / self.slots * size),
            evaluate=Cost(fixed=frame * speech * FRAMES_PER_SECOND),
            hand_out=self.hand_out,
            network=NetworkCost(
                latency=LATENCY_SECONDS,
                bandwidth=self.copy,
                serve=PUSH_SECONDS,
                update=self.update,
                servers=1,
                shared_memory=True,
            ),
        )


class _OwnTime:
    """A record sink that looks how much processor time this process has had."""

    def __init__(self) -> None:
        self._clock = time.process_time
        self.looks: list[tuple[str, float]] = []
        self.frames = self.kept = 0

    def write(self, kind: str, time: float, **fields: Any) -> None:
        """Look, at each outer gradient and each push."""
        if kind in ("outer", "push"):
            self.looks.append((kind, self._clock()))
        if kind == "outer":
            self.frames += fields["frames"]
            self.kept += fields["kept"]


def calibrate(run: Path, utterances: int = UTTERANCES) -> Calibration:
    """Train on some utterances of `run` from its CE model, with engine `local`, and meter it.

    The learning rate is 0, nothing of the run is changed. Work is measured where it is done, by
    one decoder and one replica beside one another: alone on a machine, or with all its cores for
    one product of matrices, it is another thing.

    Raises:
        InputError: no run there, none with a CE model, or one with another frame shift than 10 ms.
        RunError: a worker died while it was measured.
    """
    run = run.resolve()
    if not (run / "ce" / "model").exists():
        raise InputError(f"{run}: no CE model to calibrate with: `outergrad train --criterion ce`")
    config = build(RunConfig, read_toml(run / SETTINGS), SETTINGS)
    if config.filterbank.frame_shift_ms * FRAMES_PER_SECOND != 1000.0:
        raise InputError(
            f"{run}: plans count {FRAMES_PER_SECOND} frames a second, and this run has a frame "
            f"every {config.filterbank.frame_shift_ms:g} ms (filterbank.frame_shift_ms)"
        )
    dnn = AcousticModel.load(run / "ce" / "model").module.config
    training, kind = config.sequence.training, config.criteria[0] if config.criteria else Kind.MMI
    program = sequence_program(run, config, kind)
    chosen = program.utterances[:: max(1, len(program.utterances) // utterances)]
    slots = min(training.slots, len(chosen))
    own = _OwnTime()
    with tempfile.TemporaryDirectory(prefix="outergrad-calibration-") as place:
        folder = Path(place)
        with RecordWriter(folder / "records.jsonl", "calibration") as records:
            train(
                metered(program, folder, chosen),
                _metered_training(training, slots, config.seed),
                "local",
                records=Tee(records, own),
            )
        decoder, replica, evaluator = (
            Work.read(folder, role) for role in ("decoder", "replica", "evaluator")
        )
    if not own.kept:
        raise InputError(f"{run}: no outer gradient of {len(chosen)} utterances has kept frames")
    size = program.parameters.size
    copy, update = _memory(size, training.shards)
    features, tune = (Prepared(run / "prepare").filterbank(part) for part in ("train", "tune"))
    pull = 4 * size / copy
    full = [s for s, n in zip(replica.seconds, replica.frames, strict=True) if n == slots]
    return Calibration(
        parameters=size,
        slots=slots,
        decode=tuple(s / n for s, n in zip(decoder.seconds, decoder.frames, strict=True) if n > 0),
        forward=_forward(run, features, chosen),
        step=median(full or replica.seconds),
        copy=copy,
        update=update,
        utterance_seconds=own.frames / len(chosen) / FRAMES_PER_SECOND,
        kept=own.kept / own.frames,
        decode_load=decoder.loading,
        decode_between=max(0.0, decoder.between - pull),
        # It pulls, and writes its gradient to where the server reads it.
        step_between=max(0.0, replica.loading + replica.between - 2 * pull),
        hand_out=_hand_out(own.looks, 4 * size * update + PUSH_SECONDS),
        evaluate=mean(evaluator.seconds) / tune.total_frames,
        held_out_seconds=tune.total_frames / FRAMES_PER_SECOND,
        hours=own.frames / len(chosen) * len(program.utterances) / FRAMES_PER_SECOND / 3600,
        replicas=training.replicas,
        decoders=training.decoders,
        shards=training.shards,
        queue=training.queue,
        n_push=training.n_push,
        n_fetch=training.n_fetch,
        gap_every=training.gap.every,
        fetch=training.fetch,
        shape=(dnn.input_dim, dnn.hidden_layers, dnn.hidden_units, dnn.num_pdfs),
    )


def _metered_training(training: AsyncConfig, slots: int, seed: int) -> AsyncConfig:
    return replace(
        training,
        replicas=1,
        decoders=1,
        slots=slots,
        n_push=1,
        n_fetch=1,
        fetch=FetchPolicy(),
        schedule=ScheduleConfig(rate=0.0, epochs=1),
        gap=GapConfig(),
        warm_start=0,
        seed=seed,
    )


def _hand_out(looks: Sequence[tuple[str, float]], push: float) -> float:
    """Seconds of the coordinator's process for each outer gradient, those for pushes apart.

    What follows the last outer gradient does not count: pushes of slots that run empty.
    """
    last = max((k for k, (kind, _) in enumerate(looks) if kind == "outer"), default=-1)
    counted = looks[int(WARM_UP * last) : last + 1]
    utterances = sum(kind == "outer" for kind, _ in counted)
    seconds = counted[-1][1] - counted[0][1] - (len(counted) - utterances) * push
    return max(0.0, seconds) / max(utterances, 1)


def _forward(run: Path, features: FeatureStore, utterances: Sequence[str]) -> float:
    """Median seconds per frame of the DNN alone, in one thread like a decoder."""
    model = AcousticModel.load(run / "ce" / "model")
    with torch_threads(1):
        model.scores(features.stacked(utterances[0]))
        return median(
            _timed(lambda u=utterance: model.scores(features.stacked(u)))[0]  # type: ignore[misc]
            / features.num_frames(utterance)
            for utterance in islice(utterances, FORWARD_UTTERANCES)
        )


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds of this thread on a core, and what the work gave."""
    begin = time.thread_time()
    result = work()
    return time.thread_time() - begin, result


def _memory(size: int, shards: int) -> tuple[float, float]:
    """Bytes per second of a pull, and seconds per byte of an update."""
    partition = Partition.even(size, shards)
    memory = SharedMemory(MemoryPlan(partition, 1, partition.whole))
    values = np.zeros(size, np.float32)
    server = ParameterServer(values, partition, Sgd(), buffers=memory.shards)
    memory.publish(server.versions)
    held = np.empty(size, np.float32)

    def update() -> None:
        memory.begin(server.versions)
        server.push(values, server.versions, 0.0)
        memory.publish(server.versions)

    for _ in range(2):
        memory.pull(held)
        update()
    pull = median(_timed(lambda: memory.pull(held))[0] for _ in range(9))
    push = median(_timed(update)[0] for _ in range(9))
    memory.close()
    return 4 * size / pull, push / (4 * size)
