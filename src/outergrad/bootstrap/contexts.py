"""Which phone in which context each frame of an aligned corpus belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from outergrad.arrays import Float32Array, Float64Array, Int32Array
from outergrad.bootstrap.frames import GmmFrames
from outergrad.hmm.alignment import phone_segments
from outergrad.hmm.model import HmmModel


def frame_windows(transition_ids: Int32Array, hmm: HmmModel) -> Int32Array:
    """Triphone window of each frame of an aligned utterance.

    Silence has no context: its window is (0, silence, 0).

    Args:
        transition_ids: int32 [T], alignment made with `hmm`.
        hmm: model of any context width.

    Returns:
        int32 [T, 3], phone_ids before, at and after the frame's phone; 0 beyond the ends.
    """
    segments = phone_segments(transition_ids, hmm.transitions)
    padded = np.zeros(len(segments.phones) + 2, dtype=np.int32)
    padded[1:-1] = segments.phones
    windows = np.stack([padded[:-2], padded[1:-1], padded[2:]], axis=1)
    silent = segments.phones == hmm.phones.silence
    windows[silent, 0] = 0
    windows[silent, 2] = 0
    return np.repeat(windows, np.diff(segments.offsets), axis=0)


@dataclass(frozen=True, eq=False)
class ContextStatistics:
    """Single-Gaussian statistics of each hmm_state of each phone in each context that was seen.

    Attributes:
        windows: int32 [N, 3], (phone before, phone, phone after); 0 = utterance boundary.
        hmm_states: int32 [N].
        counts: float64 [N], frames.
        first: float64 [N, D], sum of the features.
        second: float64 [N, D], sum of their squares.
    """

    windows: Int32Array
    hmm_states: Int32Array
    counts: Float64Array
    first: Float64Array
    second: Float64Array

    @property
    def moments(self) -> Float64Array:
        """float64 [N, 1 + 2 D], counts, first and second side by side; they add up."""
        return np.concatenate([self.counts[:, None], self.first, self.second], axis=1)


def collect_context_statistics(
    frames: GmmFrames, alignments: Mapping[str, Int32Array], hmm: HmmModel
) -> ContextStatistics:
    """Statistics of all (window, hmm_state) in the alignments.

    Args:
        frames: features.
        alignments: utterance id → transition_ids of `hmm`; utterances may be missing.
        hmm: model that aligned.
    """
    keys, rows = [], []
    for i, utterance in enumerate(frames.ids):
        if utterance in alignments:
            transition_ids = alignments[utterance]
            states = hmm.transitions.hmm_state_of[transition_ids]
            keys.append(np.column_stack([frame_windows(transition_ids, hmm), states]))
            rows.append(np.arange(frames.offsets[i], frames.offsets[i + 1]))
    distinct, number = np.unique(np.concatenate(keys), axis=0, return_inverse=True)
    number = number.reshape(-1)
    x = frames.x[np.concatenate(rows)]
    first, second = _sums(x, number, len(distinct)), _sums(x * x, number, len(distinct))
    return ContextStatistics(
        np.ascontiguousarray(distinct[:, :3]),
        np.ascontiguousarray(distinct[:, 3]),
        np.bincount(number, minlength=len(distinct)).astype(np.float64),
        first,
        second,
    )


def _sums(x: Float32Array, number: np.ndarray, groups: int) -> Float64Array:
    columns = [np.bincount(number, weights=column, minlength=groups) for column in x.T]
    return np.stack(columns, axis=1)


def convert_alignment(transition_ids: Int32Array, old: HmmModel, new: HmmModel) -> Int32Array:
    """The same path in terms of another state tying (Kaldi's ``convert-ali``).

    Args:
        transition_ids: int32 [T], of `old`.
        old: model that aligned.
        new: model with the same phones and topology.

    Returns:
        int32 [T], transition_ids of `new`.
    """
    windows = frame_windows(transition_ids, old)
    keys = np.column_stack([windows, transition_ids])
    distinct, number = np.unique(keys, axis=0, return_inverse=True)
    return _converted(distinct, old, new)[number.reshape(-1)]


def _converted(keys: Int32Array, old: HmmModel, new: HmmModel) -> Int32Array:
    converted = np.zeros(len(keys), dtype=np.int32)
    width = new.tying.context_width
    for i, (before, phone, after, transition) in enumerate(keys.tolist()):
        state = int(old.transitions.hmm_state_of[transition])
        target = int(old.transitions.next_hmm_state_of[transition])
        window = (before, phone, after) if width == 3 else (phone,)
        pdf = new.tying.pdf(window, state)
        arcs = new.transitions.transition_ids(phone, state, pdf)
        converted[i] = next(t for t, next_state in arcs if next_state == target)
    return converted
