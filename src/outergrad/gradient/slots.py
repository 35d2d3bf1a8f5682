"""On-the-fly shuffling: N slots, each one utterance, one frame of each per batch (Fig. 2)."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np

from outergrad.arrays import Int64Array
from outergrad.errors import InputError
from outergrad.randomness import rng

T = TypeVar("T")


class Slots(Generic[T]):
    """Turns a stream of utterances into batches that mix one frame of each of N utterances.

    A pure state machine: it calls `next_utterance` when a slot is empty, and knows neither what an
    utterance is nor where it comes from. A slot gives its utterance's frames in order, one per
    batch, then takes another utterance. Batches are smaller than N only while `next_utterance`
    has nothing to give.
    """

    def __init__(self, n: int, next_utterance: Callable[[], tuple[T, int] | None]):
        """Start with empty slots.

        Args:
            n: number of slots, the batch size.
            next_utterance: gives an utterance and its number of (kept) frames, or None when there
                is none now; asked again at the next batch. Utterances without frames are passed
                over. It must not give an utterance that a slot still holds.

        Raises:
            InputError: n is not positive.
        """
        if n < 1:
            raise InputError(f"slots: n is {n}, must be at least 1")
        self._next_utterance = next_utterance
        self._held: list[tuple[T, int] | None] = [None] * n
        self._position = [0] * n

    def next_batch(self) -> tuple[list[T], Int64Array]:
        """The next batch.

        Returns:
            The utterances, at most N, all different, and int64 ``[len(utterances)]``, which of
            its (kept) frames each of them gives. Empty when all utterances are used up.
        """
        utterances: list[T] = []
        frames: list[int] = []
        for slot in range(len(self._held)):
            held = self._held[slot] or self._load(slot)
            if held is None:
                continue
            utterance, num_frames = held
            utterances.append(utterance)
            frames.append(self._position[slot])
            self._position[slot] += 1
            if self._position[slot] == num_frames:
                self._held[slot] = None
        return utterances, np.array(frames, dtype=np.int64)

    def _load(self, slot: int) -> tuple[T, int] | None:
        given = self._next_utterance()
        while given is not None and given[1] == 0:
            given = self._next_utterance()
        self._held[slot] = given
        self._position[slot] = 0
        return given


def random_order(items: Sequence[T], seed: int, *names: str | int) -> list[T]:
    """The items in the random order of stream `names`, for example ``"slots", replica, epoch``."""
    return [items[i] for i in rng(seed, *names).permutation(len(items))]
