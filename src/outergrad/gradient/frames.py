"""Frames with targets, and the order in which frame training visits them."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self

import numpy as np

from outergrad.arrays import Float32Array, Int32Array, Int64Array
from outergrad.errors import InputError
from outergrad.gradient.slots import random_order
from outergrad.randomness import rng

Shuffling = Literal["none", "on-the-fly", "full"]
"""Order of frames: as recorded; slots (Fig. 2); a random permutation of all frames."""


class FrameSource(Protocol):
    """Stacked frames of many utterances in one array; `FeatureStore` is one."""

    @property
    def dim(self) -> int:
        """Values per frame before stacking (filterbank channels)."""

    @property
    def left(self) -> int:
        """Frames stacked before each frame."""

    @property
    def windows(self) -> Float32Array:
        """float32 ``[rows, input_dim]``, a view; frame t of an utterance is row first + t."""

    def first_window(self, utterance_id: str, /) -> int:
        """Row of an utterance's first frame."""

    def num_frames(self, utterance_id: str, /) -> int:
        """Frames of an utterance."""

    def stacked(self, utterance_id: str, /) -> Float32Array:
        """float32 ``[frames, input_dim]``, a view."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameSet:
    """Frames of some utterances, numbered through (positions), with their targets."""

    utterances: tuple[str, ...]
    """Ids, in the order of positions."""
    offsets: Int64Array
    """int64 ``[utterances + 1]``: first position of each utterance."""
    rows: Int64Array
    """int64 ``[frames]``: row of the frame in the source's `windows`."""
    targets: Int32Array
    """int32 ``[frames]``: pdf_id of the alignment."""

    @classmethod
    def of(
        cls,
        source: FrameSource,
        targets: Mapping[str, Int32Array],
        utterances: Sequence[str],
        num_pdfs: int,
    ) -> Self:
        """Collect the frames of `utterances`.

        Args:
            source: stacked features.
            targets: utterance id to int32 ``[frames]`` pdf_ids.
            utterances: ids to use; each must have features and targets.
            num_pdfs: pdf_ids are below this.

        Raises:
            InputError: targets missing, of another length than the features, or out of range.
        """
        lengths = np.zeros(len(utterances), dtype=np.int64)
        for i, utterance in enumerate(utterances):
            if utterance not in targets:
                raise InputError(f"frame training: utterance {utterance} has no alignment")
            lengths[i] = source.num_frames(utterance)
            if len(targets[utterance]) != lengths[i]:
                raise InputError(
                    f"frame training: utterance {utterance} has {lengths[i]} frames, but its "
                    f"alignment has {len(targets[utterance])}: made with other features?"
                )
        offsets = np.zeros(len(utterances) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        rows = np.empty(offsets[-1], dtype=np.int64)
        flat = np.empty(offsets[-1], dtype=np.int32)
        for i, utterance in enumerate(utterances):
            part = slice(offsets[i], offsets[i + 1])
            rows[part] = source.first_window(utterance) + np.arange(lengths[i])
            flat[part] = targets[utterance]
        if len(flat) and not 0 <= int(flat.min()) <= int(flat.max()) < num_pdfs:
            raise InputError(f"frame training: targets must be pdf_ids in [0, {num_pdfs})")
        return cls(tuple(utterances), offsets, rows, flat)

    @property
    def num_frames(self) -> int:
        """Frames of all utterances."""
        return int(self.offsets[-1])


def batches(
    frames: FrameSet, shuffling: Shuffling, batch_size: int, seed: int, epoch: int
) -> Iterator[Int64Array]:
    """One epoch: every position exactly once, `batch_size` at a time.

    The last batch may be smaller. Draws come from the streams ("ce", "order", epoch), so that any
    epoch can be repeated alone.

    Yields:
        int64 ``[up to batch_size]``, positions in `frames`.

    Raises:
        InputError: unknown shuffling.
    """
    if shuffling == "on-the-fly":
        yield from _slot_batches(frames, batch_size, seed, epoch)
        return
    if shuffling == "full":
        order = rng(seed, "ce", "order", epoch).permutation(frames.num_frames)
    elif shuffling == "none":
        order = np.arange(frames.num_frames)
    else:
        raise InputError(f"unknown shuffling {shuffling!r}: choose none, on-the-fly or full")
    for begin in range(0, frames.num_frames, batch_size):
        yield order[begin : begin + batch_size]


def _slot_batches(frames: FrameSet, batch_size: int, seed: int, epoch: int) -> Iterator[Int64Array]:
    """Slots (Fig. 2) as they are in the midst of an endless training.

    The utterances in random order are one stream; slot k reads the k-th of `batch_size` equal
    parts of it. So slots begin at different times of their utterances and end together. If all
    began with an utterance and drained at the end of an epoch, as many slots as half an hour of
    speech has utterances would make batches of nothing but first frames, silence that is, and
    then ever smaller ones of the longest utterances. Two frames of one utterance meet in a batch
    only when it is longer than a slot's part.
    """
    order = random_order(range(len(frames.utterances)), seed, "ce", "order", epoch)
    spans = itertools.pairwise(frames.offsets.tolist())
    parts = [np.arange(*span) for span in spans]
    stream = np.concatenate([parts[index] for index in order] or [np.empty(0, np.int64)])
    length, longer = divmod(len(stream), batch_size)
    slots = np.arange(batch_size)
    starts = slots * length + np.minimum(slots, longer)
    for time in range(length):
        yield stream[starts + time]
    if longer:
        yield stream[starts[:longer] + length]


def hold_out_speakers(
    speakers: Mapping[str, str], fraction: float, seed: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split utterances into training and held-out ones without a speaker in both.

    Speakers are taken at random until `fraction` of the utterances are held out. With fewer than
    three speakers single utterances are taken instead.

    Args:
        speakers: utterance id to speaker.
        fraction: share of the utterances to hold out, in (0, 1).
        seed: decides which.

    Returns:
        Training ids and held-out ids, each sorted, neither empty.

    Raises:
        InputError: fewer than two utterances, or a fraction outside (0, 1).
    """
    if not 0.0 < fraction < 1.0:
        raise InputError(f"held-out fraction is {fraction}, must be between 0 and 1")
    if len(speakers) < 2:
        raise InputError(f"{len(speakers)} utterances cannot be split into training and held-out")
    disjoint = len(set(speakers.values())) > 2
    groups: dict[str, list[str]] = {}
    for utterance in sorted(speakers):
        groups.setdefault(speakers[utterance] if disjoint else utterance, []).append(utterance)
    names = random_order(sorted(groups), seed, "held-out")
    wanted = fraction * len(speakers)
    held_out: list[str] = []
    # At least one group on each side.
    for name in names[:-1]:
        if len(held_out) >= wanted:
            break
        held_out += groups[name]
    chosen = set(held_out)
    training = tuple(utterance for utterance in sorted(speakers) if utterance not in chosen)
    return training, tuple(sorted(held_out))
