"""The transcript's side of a criterion."""

from dataclasses import dataclass

from outergrad.criteria.config import Sum
from outergrad.lattice.lattice import Lattice
from outergrad.lattice.occupancies import Occupancies
from outergrad.lattice.path import Path
from outergrad.lattice.paths import best_path, forward_backward
from outergrad.lattice.reference import contains_words
from outergrad.lattice.word_lattice import WordLattice

# log Z_den below log Z_num by more than this, nats, says that something of the reference is lost.
# The two sides take graph costs from differently pushed float32 graphs, which differ by some 1e-4.
LOST_MASS = 0.01

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


def reference_missing(numerator: Numerator, denominator: Denominator, log_z: float) -> bool:
    """Whether beam search lost the reference.

    It did when no path of the lattice says the reference's words: mostly they are worse than the
    best path by more than the lattice beam, and log Z_den >= log Z_num tells nothing. It also did
    when the lattice says them, but log Z_den < log Z_num - 0.01: then the alignments that carry
    the reference's mass are not among those it has, and the criterion is above 0.

    Args:
        numerator: the reference; the words of its alignment are word_ids of the denominator's
            graph.
        denominator: the lattice.
        log_z: log of the lattice's mass, nats, without boosting: a boosted denominator can
            outweigh a reference that is not in it.

    Source: docs/derivations/criteria.md.
    """
    if log_z < numerator.occupancies.log_z - LOST_MASS:
        return True
    return not contains_words(denominator, numerator.alignment.words)
