"""The transcript's side of a criterion."""

from dataclasses import dataclass

from outergrad.criteria.config import Sum
from outergrad.lattice.lattice import Lattice
from outergrad.lattice.occupancies import Occupancies
from outergrad.lattice.path import Path
from outergrad.lattice.paths import best_path, forward_backward
from outergrad.lattice.word_lattice import WordLattice

Denominator = Lattice | WordLattice
"""The lattice of the weak language model: all alignments, or one per word string."""


@dataclass(frozen=True, slots=True, eq=False)
class Numerator:
    """What an utterance's transcript allows, under the current parameters."""

    alignment: Path
    """Its best alignment: the reference that errors are counted against."""
    occupancies: Occupancies
    """gamma_num, and log Z_num in `log_z`."""
    sum: Sum
    """What they sum over."""

    @classmethod
    def of(cls, side: Path | Lattice) -> "Numerator":
        """The numerator of the best alignment alone, or of a lattice with all of them.

        Raises:
            InputError: the lattice has no path with a finite score.
        """
        if isinstance(side, Path):
            return cls(side, side.occupancies(), Sum.BEST_ALIGNMENT)
        return cls(best_path(side), forward_backward(side), Sum.ALL_ALIGNMENTS)


def sum_of(denominator: Denominator) -> Sum:
    """What a lattice sums over."""
    if isinstance(denominator, WordLattice):
        return Sum.BEST_ALIGNMENT
    return Sum.ALL_ALIGNMENTS
