"""Named random streams: what a draw is for decides its stream, not when it happens."""

import hashlib

import numpy as np


def rng(seed: int, *names: str | int) -> np.random.Generator:
    """A generator for the stream called `names` of run seed `seed`.

    Example: ``rng(seed, "slots", replica, epoch)``. Equal arguments give equal draws on every
    machine and in every process.
    """
    digest = hashlib.sha256(repr((seed, *names)).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))
