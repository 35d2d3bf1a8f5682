"""Budget: events per second of the simulated engine with 500 replicas, without the mathematics.

Workers, messages, shards, records in memory and staleness are all there; gradients are zeros. An
event is a worker that goes on or something that happens to the shards or the coordinator at a
time of its own. One thread does it all and waits for nothing, so the seconds are those that the
process had the core: on a busy machine the wall clock would measure the neighbours.
"""

import time

import numpy as np

from outergrad.criteria.outcome import FrameCounts, OuterGradient
from outergrad.engine.engines import make_engine
from outergrad.engine.simulated.config import Cost, NetworkCost, SimulatedConfig
from outergrad.engine.training import train
from outergrad.workers.config import AsyncConfig, ScheduleConfig
from outergrad.workers.messages import HeldOut
from outergrad.workers.program import Factory, Program
from support.budget import report

REPLICAS = 500
REPEATS = 3
FRAMES = 40
PARAMETERS = 64


class Outer:
    """The same few kept frames for every utterance."""

    def load(self, parameters: object) -> None:
        pass

    def compute(self, utterance: str) -> OuterGradient:
        none = np.zeros(0, np.float32)
        return OuterGradient(
            utterance,
            FRAMES,
            np.arange(FRAMES, dtype=np.int32),
            np.zeros(FRAMES + 1, np.int64),
            none.astype(np.int32),
            none,
            FrameCounts(FRAMES, FRAMES),
            -1.0,
        )


class Inner:
    """A gradient of zeros."""

    def __init__(self) -> None:
        self._gradient = np.zeros(PARAMETERS, np.float32)

    def load(self, parameters: object) -> None:
        pass

    def gradient(self, batch: object) -> np.ndarray:
        return self._gradient


class Evaluator:
    def load(self, parameters: object) -> None:
        pass

    def evaluate(self) -> HeldOut:
        return HeldOut(-1.0)


def main() -> None:
    program = Program(
        Factory("simulated:Outer"),
        Factory("simulated:Inner"),
        Factory("simulated:Evaluator"),
        np.zeros(PARAMETERS, np.float32),
        tuple(f"utterance-{k}" for k in range(4 * REPLICAS)),
    )
    config = AsyncConfig(
        replicas=REPLICAS,
        slots=4,
        shards=4,
        schedule=ScheduleConfig(epochs=1, patience=1000),
    )
    costs = SimulatedConfig(
        decode=Cost(frame=0.01),
        step=Cost(fixed=0.02),
        network=NetworkCost(latency=1e-4, bandwidth=1e9, serve=1e-5, update=1e-9),
        speed_spread=0.1,
    )
    rates = []
    for _ in range(REPEATS):
        engine = make_engine("simulated", costs)
        begin = time.process_time()
        train(program, config, engine)
        rates.append(engine.events / (time.process_time() - begin))  # type: ignore[attr-defined]
    report(
        "simulated-events",
        rates,
        must=20_000,
        aim=100_000,
        better="higher",
        unit="events/s, 500 replicas",
    )


if __name__ == "__main__":
    main()
