"""Alignments: which transition each frame of each utterance takes; state priors from them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from outergrad.arrays import Float64Array, Int32Array, Int64Array
from outergrad.errors import InputError
from outergrad.hmm.transitions import TransitionModel

FORMAT = "outergrad-alignments"
VERSION = 1
INDEX_FILE = "index.json"
DATA_FILE = "transition_ids.npy"


class Alignments(Mapping[str, Int32Array]):
    """Utterance id → int32 [T] transition_ids, all in one array that can be memory-mapped."""

    def __init__(self, ids: tuple[str, ...], offsets: Int64Array, flat: Int32Array) -> None:
        """Alignment of ids[i] is flat[offsets[i] : offsets[i + 1]].

        Args:
            ids: utterance ids.
            offsets: int64 [number of utterances + 1].
            flat: int32 [frames of all utterances], transition_ids.

        Raises:
            InputError: an id occurs twice, or the offsets do not cover `flat`.
        """
        self._positions = {name: i for i, name in enumerate(ids)}
        if len(self._positions) != len(ids):
            raise InputError("an utterance is aligned twice")
        if (
            len(offsets) != len(ids) + 1
            or offsets[0] != 0
            or offsets[-1] != len(flat)
            or np.any(np.diff(offsets) < 0)
        ):
            raise InputError(f"{len(ids)} alignments do not cover {len(flat)} frames")
        self.offsets = offsets
        self.flat = flat

    @classmethod
    def from_mapping(cls, alignments: Mapping[str, Int32Array]) -> Alignments:
        """Pack `alignments` in one array."""
        offsets = np.zeros(len(alignments) + 1, dtype=np.int64)
        np.cumsum([len(a) for a in alignments.values()], out=offsets[1:])
        flat = np.zeros(int(offsets[-1]), dtype=np.int32)
        for begin, transitions in zip(offsets[:-1], alignments.values(), strict=True):
            flat[begin : begin + len(transitions)] = transitions
        return cls(tuple(alignments), offsets, flat)

    def __getitem__(self, utterance: str) -> Int32Array:
        position = self._positions[utterance]
        return self.flat[self.offsets[position] : self.offsets[position + 1]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._positions)

    def __len__(self) -> int:
        return len(self._positions)

    @property
    def num_frames(self) -> int:
        """Frames of all utterances together."""
        return len(self.flat)

    def save(self, directory: Path | str) -> None:
        """Write `transition_ids.npy` and `index.json` into `directory`, which is made."""
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / DATA_FILE, self.flat, allow_pickle=False)
        index = {
            "format": FORMAT,
            "version": VERSION,
            "ids": list(self),
            "offsets": self.offsets.tolist(),
        }
        (folder / INDEX_FILE).write_text(json.dumps(index) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: Path | str) -> Alignments:
        """Memory-map alignments that `save` wrote.

        Raises:
            InputError: the files cannot be read or do not fit together.
        """
        folder = Path(directory)
        try:
            index = json.loads((folder / INDEX_FILE).read_text(encoding="utf-8"))
            if index["format"] != FORMAT or index["version"] != VERSION:
                raise InputError(f"{folder}: not {FORMAT} of version {VERSION}")
            flat = _mapped(folder / DATA_FILE)
            if flat.dtype != np.int32 or flat.ndim != 1:
                raise InputError(f"{folder / DATA_FILE}: not a list of int32 transition_ids")
            ids = tuple(str(name) for name in index["ids"])
            return cls(ids, np.array(index["offsets"], dtype=np.int64), flat)
        except (OSError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise InputError(f"{folder}: not alignments: {error!r}") from error


def _mapped(path: Path) -> npt.NDArray[Any]:
    """The array in an ``.npy`` file, not copied.

    Raises:
        InputError: it cannot be read.
    """
    try:
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        # EOFError where the file is empty; what a damaged header raises is not documented.
        raise InputError(f"{path}: not alignments: {error}") from error
    return array


@dataclass(frozen=True, eq=False)
class PhoneSegments:
    """The phones of an aligned utterance, in order.

    Attributes:
        phones: int32 [N], phone_ids.
        offsets: int64 [N + 1], phone n takes the frames offsets[n] ... offsets[n + 1] - 1.
    """

    phones: Int32Array
    offsets: Int64Array


def phone_segments(transition_ids: Int32Array, transitions: TransitionModel) -> PhoneSegments:
    """Where phones begin and end in an alignment.

    A phone ends with the transition to its exit. Graphs may put self-loops behind the transition
    that leaves the hmm_state (Kaldi's ``--reorder``): those that follow the exit still belong to
    the phone.

    Args:
        transition_ids: int32 [T], 1-based.
        transitions: what they stand for.

    Raises:
        InputError: transition_ids out of range, or an alignment that ends inside a phone.
    """
    check_transition_ids(transition_ids, transitions)
    if not len(transition_ids):
        return PhoneSegments(np.zeros(0, np.int32), np.zeros(1, np.int64))
    leaves = transitions.is_exit[transition_ids]
    loops = transitions.is_self_loop[transition_ids]
    state = transitions.transition_state_of[transition_ids]
    stays = np.zeros(len(transition_ids), dtype=bool)
    stays[1:] = loops[1:] & (state[1:] == state[:-1])
    # A frame is the last of its phone if the last transition that was no trailing self-loop exits.
    moved = np.maximum.accumulate(np.where(stays, 0, np.arange(len(transition_ids))))
    ends = leaves[moved] & np.append(~stays[1:], True)
    if not ends[-1]:
        raise InputError("the alignment ends inside a phone")
    last = np.flatnonzero(ends)
    offsets = np.concatenate([np.zeros(1, np.int64), last.astype(np.int64) + 1])
    return PhoneSegments(transitions.phone_of[transition_ids[last]], offsets)


def check_transition_ids(transition_ids: Int32Array, transitions: TransitionModel) -> None:
    """Raise `InputError` unless all `transition_ids` are 1 ... number of transition_ids."""
    if len(transition_ids) and not (
        transition_ids.min() >= 1 and transition_ids.max() <= transitions.num_transition_ids
    ):
        raise InputError(
            f"transition_ids must be 1 ... {transitions.num_transition_ids}; "
            "were the alignments made with another model?"
        )


def transition_counts(
    alignments: Mapping[str, Int32Array], transitions: TransitionModel
) -> Float64Array:
    """How often each transition was taken.

    Returns:
        float64 [num_transition_ids + 1], frames; entry 0 is 0.

    Raises:
        InputError: transition_ids out of range.
    """
    counts = np.zeros(transitions.num_transition_ids + 1)
    for transition_ids in alignments.values():
        check_transition_ids(transition_ids, transitions)
        counts += np.bincount(transition_ids, minlength=len(counts))
    return counts


def log_priors(
    alignments: Mapping[str, Int32Array], transitions: TransitionModel, floor: float = 1e-5
) -> Float64Array:
    """Priors log p(s) of the tied states: their share of the aligned frames.

    The floor is there because a state hardly ever seen has a posterior that is mostly noise, and
    dividing noise by a tiny prior would let that state win.

    Args:
        alignments: utterance id → int32 [T] transition_ids.
        transitions: what they stand for.
        floor: smallest prior, in (0, 1).

    Returns:
        float64 [P], natural log.

    Raises:
        InputError: no frames, a floor outside (0, 1), or transition_ids out of range.
    """
    if not 0.0 < floor < 1.0:
        raise InputError(f"the smallest prior must be in (0, 1), not {floor}")
    counts = transition_counts(alignments, transitions)
    if not counts.sum():
        raise InputError("priors need at least one aligned frame")
    frames = np.bincount(transitions.pdf_of[1:], weights=counts[1:], minlength=transitions.num_pdfs)
    return np.asarray(np.log(np.maximum(frames / frames.sum(), floor)))
