"""A planned job from what work costs: here, on another machine, or on a cluster of such."""

import math
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from outergrad.engine.simulated.config import NetworkCost
from outergrad.engine.simulated.forecast import Job
from outergrad.nnet.dnn import DnnConfig, parameter_shapes
from outergrad.recipes.calibration import Calibration
from outergrad.workers.config import AsyncConfig, GapConfig

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
    decode_between=2e-3,
    step_between=2e-3,
    hand_out=1e-3,
    evaluate=4e-4,
    held_out_seconds=3600.0,
    hours=60.0,
    replicas=50,
    decoders=2,
    queue=8,
)
"""Estimates, not measurements, for one core of a laptop in float32: 7,000 frames/s forward, 2,000
frames/s forward and backward in batches of 32, 4,000 frames/s of search with a large graph;
messages as on two shared cores. The job is the paper's smaller one as far as it says."""


def dnn_size(inputs: int, layers: int, units: int, outputs: int) -> int:
    """Weights and biases of a network with `layers` hidden layers of `units` units."""
    shapes = parameter_shapes(DnnConfig(inputs, layers, units, outputs))
    return sum(map(math.prod, shapes.values()))


def plan_job(
    known: Calibration,
    *,
    parameters: int,
    network: tuple[float, float] | None,
    changes: Mapping[str, Any] | None = None,
) -> Job:
    """The job that `known` was measured on, or another one, there or somewhere else.

    Args:
        known: measured costs and their job.
        parameters: of the DNN.
        network: latency in seconds and bytes per second of a cluster where every worker and
            every shard has a machine; None: all on this machine, in shared memory.
        changes: what is otherwise in the job, by the names of `Calibration`'s entries: hours,
            replicas, decoders, shards, slots, queue, n_push, n_fetch, utterance_seconds, kept,
            held_out_seconds, gap_every, fetch.
    """
    job = replace(known, **changes or {})
    costs = known.costs(parameters, job.held_out_seconds)
    if network is None:
        costs = replace(costs, cores=len(os.sched_getaffinity(0)))
    else:
        latency, bandwidth = network
        cluster = NetworkCost(latency=latency, bandwidth=bandwidth, update=known.update)
        costs = replace(costs, network=cluster)
    training = AsyncConfig(
        replicas=job.replicas,
        decoders=job.decoders,
        shards=job.shards,
        slots=job.slots,
        queue=job.queue,
        n_push=job.n_push,
        n_fetch=job.n_fetch,
        fetch=job.fetch,
        gap=GapConfig(every=job.gap_every),
    )
    return Job(job.hours, parameters, training, costs, job.utterance_seconds, job.kept)
