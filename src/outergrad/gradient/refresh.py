"""How long a denominator lattice serves: lattices are kept and rescored instead of searched again.

A lattice holds the word strings that compete; they change more slowly than their scores. Rescoring
a kept lattice with the parameters of now costs a fraction of a search, but what search would newly
find is missing, so the denominator is too small by that.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.errors import InputError
from outergrad.lattice.lattice import Lattice
from outergrad.lattice.word_lattice import WordLattice

EVERY_UTTERANCE = "every utterance"


@dataclass(frozen=True, slots=True)
class LatticeRefresh:
    """When the lattice of an utterance is made anew."""

    updates: float
    """After so many updates of the parameters; 0: at every visit, inf: never again."""

    @classmethod
    def of(cls, text: str) -> "LatticeRefresh":
        """Read "every utterance", "every N updates" or "never".

        Raises:
            InputError: any other text.
        """
        if text == EVERY_UTTERANCE:
            return cls(0.0)
        if text == "never":
            return cls(np.inf)
        match = re.fullmatch(r"every (\d{1,12}) updates?", text, re.ASCII)
        if match is None or not int(match[1]):
            raise InputError(
                f'lattice_refresh {text!r}: choose "{EVERY_UTTERANCE}", "every N updates"'
                ' (N from 1) or "never"'
            )
        return cls(float(match[1]))

    def due(self, made: int, now: int) -> bool:
        """Whether a lattice made when the parameters had `made` updates is too old at `now`."""
        return now - made >= self.updates


class LatticeCache:
    """Lattices by utterance, the least recently used ones dropped when memory runs out.

    One per decoder: an utterance always comes back to the same replica's decoders, but not to the
    same one of them, so several decoders of a replica each keep their own.
    """

    def __init__(self, refresh: LatticeRefresh, max_bytes: int = 256 << 20) -> None:
        """Keep nothing yet.

        Args:
            refresh: how old lattices may become.
            max_bytes: memory for lattices; the latest one is kept whatever its size.
        """
        self.updates = 0
        """Updates that the parameters of now have seen; whoever loads parameters sets it."""
        self.made = 0
        """Lattices made by search so far."""
        self.rescored = 0
        """Visits served by a kept lattice so far."""
        self._refresh = refresh
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, tuple[int, Lattice | WordLattice]] = OrderedDict()

    def lattice(
        self,
        utterance: str,
        scores: Float32Array,
        make: Callable[[], Lattice | WordLattice],
    ) -> Lattice | WordLattice:
        """The lattice of an utterance with these scores: kept and rescored, or made.

        Args:
            utterance: its id.
            scores: float32 [frame, pdf], acoustic scores, unscaled, of the parameters of now.
            make: searches with the same scores; what it raises is passed on.
        """
        kept = self._kept.get(utterance)
        # With impossible scores no path of a kept lattice may be left; search finds others.
        if (
            kept is not None
            and not self._refresh.due(kept[0], self.updates)
            and not np.isneginf(scores).any()
        ):
            self._kept.move_to_end(utterance)
            self.rescored += 1
            return kept[1].rescore(scores)
        made = make()
        self.made += 1
        if self._refresh.updates > 0:
            self._keep(utterance, made)
        return made

    def _keep(self, utterance: str, lattice: Lattice | WordLattice) -> None:
        replaced = self._kept.pop(utterance, None)
        if replaced is not None:
            self._bytes -= _num_bytes(replaced[1])
        self._kept[utterance] = (self.updates, lattice)
        self._bytes += _num_bytes(lattice)
        while self._bytes > self._max_bytes and len(self._kept) > 1:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._bytes -= _num_bytes(oldest)


def _num_bytes(lattice: Lattice | WordLattice) -> int:
    values = (getattr(lattice, field.name) for field in fields(lattice))
    return sum(value.nbytes for value in values if isinstance(value, np.ndarray))
