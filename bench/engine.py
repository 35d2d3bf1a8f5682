"""Budget: utterances per second of engine `local` with two replicas against one serial process.

Real work of a DNN, with a stand-in for the search: an outer gradient costs forward passes of a
network, an inner gradient a forward and a backward pass, in the proportions of MMI training. The
serial engine does all of it in this process, with one thread; `local` has two replicas and two
decoders, on two cores. The clock of both runs in the middle of the work, when every worker has
loaded its libraries and none is done. One core's own speed drifts by a tenth and more from one
ten seconds to the next on a shared machine, so every run of `local` is set against the serial
runs just before and just after it.
"""

import time

import numpy as np
import torch

from outergrad.criteria.outcome import FrameCounts, OuterGradient
from outergrad.engine.training import train
from outergrad.gradient.inner import inner_gradient
from outergrad.nnet.dnn import Dnn, DnnConfig, build
from outergrad.nnet.parameters import ParameterLayout, flatten, load_flat
from outergrad.records import RecordWriter
from outergrad.workers.config import AsyncConfig, ScheduleConfig
from outergrad.workers.messages import HeldOut
from outergrad.workers.program import Batch, Factory, Program
from support.budget import report

CONFIG = DnnConfig(input_dim=440, hidden_layers=4, hidden_units=512, num_pdfs=400)
FRAMES, KEPT = 300, 120
UTTERANCES = 240
REPEATS = 5


def network() -> Dnn:
    torch.set_num_threads(1)
    return build(CONFIG, seed=0)


class Outer:
    """Decoding stands for three forward passes."""

    def __init__(self) -> None:
        self._module = network()
        self._x = torch.from_numpy(np.random.default_rng(0).normal(size=(FRAMES, 440)).astype("f"))

    def load(self, parameters: np.ndarray) -> None:
        load_flat(self._module, parameters)

    def compute(self, utterance: str) -> OuterGradient:
        with torch.inference_mode():
            for _ in range(3):
                self._module(self._x)
        values = np.tile(np.array([1e-3, -1e-3], np.float32), KEPT)
        return OuterGradient(
            utterance,
            FRAMES,
            np.arange(KEPT, dtype=np.int32),
            np.arange(KEPT + 1, dtype=np.int64) * 2,
            np.tile(np.array([0, 1], np.int32), KEPT),
            values,
            FrameCounts(FRAMES, KEPT, FRAMES - KEPT, 0),
            -1.0,
        )


class Inner:
    def __init__(self) -> None:
        self._module = network()
        self._layout = ParameterLayout.of(self._module)
        self._x = np.random.default_rng(1).normal(size=(64, 440)).astype(np.float32)

    def load(self, parameters: np.ndarray) -> None:
        load_flat(self._module, parameters)

    def gradient(self, batch: Batch) -> np.ndarray:
        x = self._x[: len(batch.frames)]
        return inner_gradient(
            self._module, self._layout, x, batch.offsets, batch.pdfs, batch.values
        )


class Evaluator:
    def load(self, parameters: np.ndarray) -> None:
        pass

    def evaluate(self) -> HeldOut:
        return HeldOut(-1.0)


class Times(RecordWriter):
    """Keeps when pushes were applied, and how many frames they had."""

    def __init__(self) -> None:
        self.pushes: list[tuple[float, int]] = []

    def write(self, kind: str, time: float, **fields: object) -> None:
        if kind == "push":
            self.pushes.append((time, int(str(fields["frames"]))))


def rate(engine: str, replicas: int) -> float:
    """Utterances a second in the middle of a run, by the frames of the pushes."""
    program = Program(
        Factory("engine:Outer"),
        Factory("engine:Inner"),
        Factory("engine:Evaluator"),
        flatten(network()),
        tuple(f"utterance-{k}" for k in range(UTTERANCES)),
    )
    config = AsyncConfig(
        replicas=replicas,
        slots=32,
        queue=4,
        schedule=ScheduleConfig(rate=1e-6, epochs=1, patience=1000, evaluate_every=10**9),
    )
    times = Times()
    train(program, config, engine, records=times)  # type: ignore[arg-type]
    total = sum(frames for _, frames in times.pushes)
    # From a fifth to four fifths of the work: everybody has begun, nobody is done.
    done, window = 0, []
    for moment, frames in times.pushes:
        done += frames
        if 0.2 * total <= done <= 0.8 * total:
            window.append((moment, frames))
    seconds = window[-1][0] - window[0][0]
    return sum(frames for _, frames in window[1:]) / KEPT / seconds


def main() -> None:
    begin = time.perf_counter()
    ratios = []
    before = rate("serial", 1)
    for _ in range(REPEATS):
        local = rate("local", 2)
        after = rate("serial", 1)
        ratios.append(2 * local / (before + after))
        before = after
    report(
        "engine-local",
        ratios,
        must=1.7,
        aim=1.9,
        better="higher",
        unit="x utterances/s of one serial process, two replicas on two cores",
        seconds=round(time.perf_counter() - begin, 1),
    )


if __name__ == "__main__":
    main()
