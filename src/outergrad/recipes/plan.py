"""A planned job from what work costs: here, on another machine, or on a cluster of such."""

import os
from dataclasses import replace

from outergrad.engine.simulated.config import NetworkCost
from outergrad.engine.simulated.forecast import Job
from outergrad.recipes.calibration import Calibration
from outergrad.workers.config import AsyncConfig

REFERENCE = Calibration(
    parameters=7_000_000,
    slots=32,
    decode=(4e-4,),
    forward=1.4e-4,
    step=1.6e-2,
    copy=8e9,
    update=2.5e-10,
    utterance_seconds=4.0,
    kept=0.4,
)
"""Estimates, not measurements, for one core of a laptop in float32: 7,000 frames/s forward, 2,000
frames/s forward and backward in batches of 32, 4,000 frames/s of search with a large graph."""


def dnn_size(inputs: int, layers: int, units: int, outputs: int) -> int:
    """Weights and biases of a network with `layers` hidden layers of `units` units."""
    hidden = (inputs + 1) * units + (layers - 1) * (units + 1) * units
    return hidden + (units + 1) * outputs


def plan_job(
    known: Calibration,
    *,
    hours: float,
    parameters: int,
    replicas: int,
    decoders: int,
    shards: int,
    slots: int,
    queue: int,
    utterance_seconds: float,
    kept: float,
    network: tuple[float, float] | None,
) -> Job:
    """The job with costs scaled from `known`.

    Args:
        known: measured costs.
        hours: speech in the training set.
        parameters: of the DNN.
        replicas: model replicas.
        decoders: per replica.
        shards: of the parameter server.
        slots: frames of a batch.
        queue: outer gradients on their way to a replica.
        utterance_seconds: mean length of an utterance.
        kept: share of the frames that do not cancel.
        network: latency in seconds and bytes per second of a cluster where every worker and
            every shard has a machine; None: all on this machine, in shared memory.
    """
    costs = known.costs(parameters)
    if network is None:
        costs = replace(costs, cores=os.cpu_count() or 1)
    else:
        latency, bandwidth = network
        cluster = NetworkCost(latency=latency, bandwidth=bandwidth, update=known.update)
        costs = replace(costs, network=cluster)
    training = AsyncConfig(
        replicas=replicas, decoders=decoders, shards=shards, slots=slots, queue=queue
    )
    return Job(hours, parameters, training, costs, utterance_seconds, kept)
