"""What work costs on this machine, measured on the data and the model of a run."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import TypeVar

import numpy as np

from outergrad.config import build, read_toml, to_table
from outergrad.engine.local.memory import MemoryPlan, SharedMemory
from outergrad.engine.simulated.config import Cost, NetworkCost, SimulatedConfig
from outergrad.errors import InputError
from outergrad.nnet.acoustic import AcousticModel
from outergrad.nnet.parameters import flatten
from outergrad.ps.partition import Partition
from outergrad.ps.rules import Sgd
from outergrad.ps.server import ParameterServer
from outergrad.recipes.models import Bootstrapped
from outergrad.recipes.prepare import Prepared
from outergrad.recipes.roles import DecoderSource, ReplicaSource
from outergrad.recipes.settings import RunConfig
from outergrad.workers.program import Batch

T = TypeVar("T")

MESSAGE_SECONDS = 2e-4
"""What a message through a pipe and its handling cost the server of engine `local`."""


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
    """Inner gradient of a batch of `slots` frames, loading of the parameters included."""
    copy: float
    """Bytes per second that one process copies."""
    update: float
    """Per byte of a push: check, apply, publish."""
    utterance_seconds: float
    """Mean length of the utterances."""
    kept: float
    """Share of their frames that is kept."""

    def costs(self, parameters: int | None = None) -> SimulatedConfig:
        """The same for a DNN of another size; the network is that of engine `local`.

        The DNN's work grows with its parameters and its frames, the search's only with these.
        """
        size = (parameters or self.parameters) / self.parameters
        search = (max(0.0, seconds - self.forward) for seconds in self.decode)
        return SimulatedConfig(
            decode=Cost(measured=tuple(s + self.forward * size for s in search)),
            step=Cost(frame=self.step / self.slots * size),
            network=NetworkCost(
                bandwidth=self.copy,
                serve=MESSAGE_SECONDS,
                update=self.update,
                servers=1,
                shared_memory=True,
            ),
        )


def calibrate(run: Path, utterances: int = 40, batches: int = 40) -> Calibration:
    """Measure decoders, replicas and memory with the CE model of `run`, one thread each.

    Raises:
        InputError: no run there, or none with a CE model.
    """
    run = run.resolve()
    if not (run / "ce" / "model").exists():
        raise InputError(f"{run}: no CE model to calibrate with: `outergrad train --criterion ce`")
    config = build(RunConfig, read_toml(run / "config.toml"), "config.toml")
    parameters = flatten(AcousticModel.load(run / "ce" / "model").module)
    aligned = Bootstrapped(run / "bootstrap").alignments("train")
    prepared = Prepared(run / "prepare")
    ids = [u.id for u in prepared.corpus("train") if u.id in aligned]
    step = max(1, len(ids) // (utterances + 1))
    decoder = DecoderSource(str(run), to_table(config))
    decoder.load(parameters)
    decoder.compute(ids[0])  # compiles and opens what it needs
    decode, outers = [], []
    for utterance in islice(ids[1::step], utterances):
        seconds, outer = _timed(lambda u=utterance: decoder.compute(u))  # type: ignore[misc]
        decode.append(seconds / outer.num_frames)
        outers.append(outer)
    usable = [outer for outer in outers if len(outer.frames)]
    if not usable:
        raise InputError(f"{run}: no outer gradient of {len(outers)} utterances has kept frames")
    slots = config.sequence.training.slots
    replica = ReplicaSource(str(run), to_table(config))
    rows = [
        Batch.gather(
            chosen := list(islice(cycle(usable), k, k + slots)),
            [(k + j) % len(outer.frames) for j, outer in enumerate(chosen)],
        )
        for k in range(batches)
    ]

    def one_step(batch: Batch) -> None:
        replica.load(parameters)
        replica.gradient(batch)

    one_step(rows[0])
    model = AcousticModel.load(run / "ce" / "model")
    features = prepared.filterbank("train")
    forward = [
        _timed(lambda u=outer.utterance: model.scores(features.stacked(u)))[0] / outer.num_frames  # type: ignore[misc]
        for outer in outers
    ]
    copy, update = _memory(parameters.size, config.sequence.training.shards)
    frames = sum(outer.num_frames for outer in outers)
    return Calibration(
        parameters=parameters.size,
        slots=slots,
        decode=tuple(decode),
        forward=median(forward),
        step=median(_timed(lambda b=batch: one_step(b))[0] for batch in rows),  # type: ignore[misc]
        copy=copy,
        update=update,
        utterance_seconds=frames / len(outers) / 100,
        kept=sum(len(outer.frames) for outer in outers) / frames,
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
