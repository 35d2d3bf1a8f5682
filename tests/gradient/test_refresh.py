"""How long lattices are kept, and that kept ones get the scores of now."""

import numpy as np
import pytest

from outergrad.errors import InputError
from outergrad.gradient.refresh import LatticeCache, LatticeRefresh
from outergrad.lattice.building import LatticeArc, lattice_from_arcs

SCORES = np.zeros((1, 2), dtype=np.float32)


def lattice(scores):
    arcs = [LatticeArc(0, 1, pdf, 1, pdf + 1, 0.5, float(scores[0, pdf])) for pdf in (0, 1)]
    return lattice_from_arcs(2, 0, arcs, {1: 0.0}, 0.1)


def made_at(policy, visits):
    """At which of the visits (numbers of updates) the lattice of one utterance is made."""
    cache = LatticeCache(LatticeRefresh.of(policy))
    times = []
    for updates in visits:
        cache.updates = updates
        cache.lattice("u", SCORES, lambda at=updates: times.append(at) or lattice(SCORES))
    assert cache.made + cache.rescored == len(visits)
    return times


def test_policies():
    visits = [0, 0, 3, 10, 12, 13, 20, 99]
    assert made_at("every utterance", visits) == visits
    assert made_at("every 10 updates", visits) == [0, 10, 20, 99]
    assert made_at("every 1 update", visits) == [0, 3, 10, 12, 13, 20, 99]
    assert made_at("never", visits) == [0]


@pytest.mark.parametrize(
    "text", ["", "always", "every", "every 0 updates", "every -1 updates", "every 1.5 updates"]
)
def test_policies_that_make_no_sense(text):
    with pytest.raises(InputError, match="lattice_refresh"):
        LatticeRefresh.of(text)


def test_kept_lattices_get_the_scores_of_now():
    cache = LatticeCache(LatticeRefresh.of("never"))
    cache.lattice("u", SCORES, lambda: lattice(SCORES))
    now = np.array([[-1.0, -2.0]], dtype=np.float32)
    served = cache.lattice("u", now, lambda: pytest.fail("searched again"))
    assert sorted(served.acoustic_score.tolist()) == [-2.0, -1.0]
    # Where a score is impossible the kept paths may be gone, so search looks again.
    now[0, 0] = -np.inf
    cache.lattice("u", now, lambda: lattice(SCORES))
    assert (cache.made, cache.rescored) == (2, 1)


def test_memory_is_bounded_and_the_oldest_goes_first():
    size = sum(
        value.nbytes for value in vars(lattice(SCORES)).values() if isinstance(value, np.ndarray)
    )
    cache = LatticeCache(LatticeRefresh.of("never"), max_bytes=2 * size)
    for utterance in ("a", "b", "a", "c"):
        cache.lattice(utterance, SCORES, lambda: lattice(SCORES))
    assert cache.made == 3
    cache.lattice("a", SCORES, lambda: pytest.fail("a was used after b"))
    cache.lattice("b", SCORES, lambda: lattice(SCORES))
    assert cache.made == 4
