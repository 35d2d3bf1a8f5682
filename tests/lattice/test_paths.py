"""Sums, best paths and rescoring of lattices against all of their paths."""

import dataclasses

import numpy as np
import pytest

from outergrad.errors import InputError
from outergrad.lattice.building import LatticeArc, lattice_from_arcs
from outergrad.lattice.n_best import n_best
from outergrad.lattice.one_alignment import one_alignment_per_word_string
from outergrad.lattice.paths import (
    arc_occupancies,
    best_path,
    forward_backward,
    log_z,
)

SCALE = 0.3
EXACT = 1e-9


def test_forward_backward_equals_enumeration_at_any_scale(lattices, oracle):
    for lattice, scores in lattices:
        for scale in (SCALE, 1.0):
            paths = oracle.lattice_paths(lattice, scale)
            found = forward_backward(lattice, scale)
            assert found.log_z == pytest.approx(
                oracle.log_sum([path.score for path in paths]), abs=EXACT
            )
            assert log_z(lattice, scale) == found.log_z
            expected = oracle.occupancies(paths, len(scores), scores.shape[1])
            dense = found.dense(scores.shape[1])
            np.testing.assert_allclose(dense, expected, atol=EXACT)
            np.testing.assert_allclose(dense.sum(axis=1), 1.0, atol=EXACT)
            for frame in range(len(scores)):
                entries = found.pdf[found.offsets[frame] : found.offsets[frame + 1]]
                assert (np.diff(entries) > 0).all()


def test_occupancies_are_the_gradient_of_log_z(lattices):
    lattice, scores = max(lattices, key=lambda pair: pair[0].num_arcs)
    scores = np.where(np.isinf(scores), np.float32(-3.0), scores)
    found = forward_backward(lattice.rescore(scores)).dense(scores.shape[1])
    step = np.float32(0.25)
    for frame, pdf in np.ndindex(scores.shape):
        sums = []
        for sign in (1, -1):
            moved = scores.copy()
            moved[frame, pdf] += sign * step
            sums.append(log_z(lattice.rescore(moved)))
        # Central differences of third order in κ·step.
        assert (sums[0] - sums[1]) / (2 * step * SCALE) == pytest.approx(
            found[frame, pdf], abs=2e-3
        )


def test_arc_occupancies_flow_from_start_to_end(lattices):
    for lattice, _ in lattices:
        _, value = arc_occupancies(lattice)
        inflow = np.bincount(lattice.destination, value, minlength=lattice.num_nodes)
        outflow = np.bincount(lattice.source, value, minlength=lattice.num_nodes)
        inner = ~np.isfinite(lattice.final_cost)
        inner[0] = False
        np.testing.assert_allclose(inflow[inner], outflow[inner], atol=EXACT)


def test_n_best_are_the_best_in_order(lattices, oracle):
    for lattice, _ in lattices[:60]:
        words = one_alignment_per_word_string(lattice, np.inf, 64)
        for kind, paths in (
            (lattice, oracle.lattice_paths(lattice, SCALE)),
            (words, oracle.word_lattice_paths(words, SCALE)),
        ):
            found = [path.log_score for path in n_best(kind, 10)]
            expected = sorted((path.score for path in paths), reverse=True)[:10]
            np.testing.assert_allclose(found, expected, atol=EXACT)
            assert best_path(kind).log_score == pytest.approx(expected[0], abs=EXACT)
        strings = [path.words for path in n_best(words, 10)]
        assert len(strings) == len(set(strings))
    with pytest.raises(InputError, match="positive"):
        n_best(lattices[0][0], 0)


def test_word_insertion_penalty(lattices, oracle):
    for lattice, _ in lattices:
        paths = oracle.lattice_paths(lattice, 1.0)
        found = best_path(lattice, 1.0, word_insertion_penalty=2.0)
        expected = max(path.score - 2.0 * len(path.words) for path in paths)
        assert found.log_score - 2.0 * len(found.words) == pytest.approx(expected, abs=EXACT)


def test_rescoring_equals_lattices_made_with_the_new_scores(lattices, oracle):
    generator = np.random.default_rng(3)
    for lattice, scores in lattices:
        if np.isinf(scores).any():
            continue
        new = generator.normal(size=scores.shape).astype(np.float32)
        words = one_alignment_per_word_string(lattice, np.inf, 64)
        for kind, walk in ((lattice, oracle.lattice_paths), (words, oracle.word_lattice_paths)):
            before = walk(kind, SCALE)
            after = walk(kind.rescore(new), SCALE)
            change = [
                SCALE * sum(float(new[t, s]) - float(scores[t, s]) for t, s in enumerate(path.pdfs))
                for path in before
            ]
            expected = [path.score + extra for path, extra in zip(before, change, strict=True)]
            np.testing.assert_allclose([path.score for path in after], expected, atol=1e-8)


def test_pruning_keeps_exactly_the_paths_within_the_beam(lattices, oracle):
    for lattice, _ in lattices:
        paths = sorted(path.score for path in oracle.lattice_paths(lattice, SCALE))
        for beam in (0.0, 1.0, 3.0):
            pruned = oracle.lattice_paths(lattice.prune(beam), SCALE)
            kept = sorted(path.score for path in pruned)
            assert kept[-1] == pytest.approx(paths[-1], abs=EXACT)
            inside = [score for score in paths if score >= paths[-1] - beam]
            assert len(kept) >= len(inside)
            np.testing.assert_allclose(kept[len(kept) - len(inside) :], inside, atol=EXACT)


def test_a_path_as_occupancies(lattices):
    lattice, scores = lattices[0]
    path = best_path(lattice)
    found = path.occupancies()
    dense = found.dense(scores.shape[1])
    np.testing.assert_array_equal(dense.argmax(axis=1), path.pdfs)
    assert dense.sum() == path.num_frames == len(scores)
    assert found.log_z == path.log_score
    with pytest.raises(InputError, match="does not exist"):
        found.dense(int(path.pdfs.max()))


def word_chain():
    """Silence, a two-frame word, silence, a one-frame word, by state-level arcs."""
    steps = [(0, 0), (1, 1), (1, 0), (0, 0), (2, 2)]
    return [
        LatticeArc(frame, frame + 1, pdf, frame + 1, word, 0.5, -2.0)
        for frame, (pdf, word) in enumerate(steps)
    ]


def test_word_frames():
    lattice = lattice_from_arcs(6, 0, word_chain(), {5: 0.25}, 0.1)
    path = best_path(lattice)
    assert path.words == (1, 2)
    assert path.word_frames == ((1, 4), (4, 5))
    assert path.graph_cost == pytest.approx(2.75)
    assert path.acoustic_score == pytest.approx(-10.0)
    same = best_path(one_alignment_per_word_string(lattice, 8.0))
    assert (same.words, same.word_frames) == (path.words, path.word_frames)
    assert same.log_score == pytest.approx(path.log_score)
    np.testing.assert_array_equal(same.transitions, path.transitions)


def test_lattices_without_a_possible_path():
    lattice = lattice_from_arcs(6, 0, word_chain(), {5: 0.0}, 0.1)
    hopeless = lattice.rescore(np.full((5, 3), -np.inf, dtype=np.float32))
    for act in (
        forward_backward,
        log_z,
        best_path,
        lambda chosen: one_alignment_per_word_string(chosen, 8.0),
        lambda chosen: chosen.prune(8.0),
    ):
        with pytest.raises(InputError, match="no path"):
            act(hopeless)
    assert n_best(hopeless, 3) == []


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_scales_that_make_no_sense(scale):
    lattice = lattice_from_arcs(6, 0, word_chain(), {5: 0.0}, 0.1)
    with pytest.raises(InputError, match="acoustic_scale"):
        forward_backward(lattice, scale)


def test_scores_that_do_not_fit():
    lattice = lattice_from_arcs(6, 0, word_chain(), {5: 0.0}, 0.1)
    for shape in ((4, 3), (5, 2), (15,)):
        with pytest.raises(InputError, match="do not fit"):
            lattice.rescore(np.zeros(shape, dtype=np.float32))
    scores = np.zeros((5, 3), dtype=np.float32)
    scores[3, 0] = np.nan
    with pytest.raises(InputError, match="frame 3"):
        lattice.rescore(scores)


def test_density_counts_arcs_per_frame():
    lattice = lattice_from_arcs(6, 0, word_chain(), {5: 0.0}, 0.1)
    assert lattice.density == 1.0
    twice = [*word_chain(), word_chain()[0]._replace(pdf=1)]
    assert lattice_from_arcs(6, 0, twice, {5: 0.0}, 0.1).density == pytest.approx(6 / 5)
    assert one_alignment_per_word_string(lattice, 8.0).density == 1.0


def test_word_history_must_be_positive():
    lattice = lattice_from_arcs(6, 0, word_chain(), {5: 0.0}, 0.1)
    with pytest.raises(InputError, match="word_history"):
        one_alignment_per_word_string(lattice, 8.0, 0)


def test_many_histories_grow_the_tables():
    """Every string of three out of 30 words over three slots: 27 000 histories."""
    arcs = [
        LatticeArc(slot, slot + 1, word % 4, 1, word, word / 100, -1.0)
        for slot in range(3)
        for word in range(1, 31)
    ]
    lattice = lattice_from_arcs(4, 0, arcs, {3: 0.0}, 1.0)
    words = one_alignment_per_word_string(lattice, np.inf, 5)
    # Nothing merges, and every string has one alignment in both, so the sums are the same.
    assert words.num_arcs == 30 + 30**2 + 2 * 30**3
    assert log_z(words) == pytest.approx(log_z(lattice), abs=EXACT)
    by_two = one_alignment_per_word_string(lattice, np.inf, 2)
    assert log_z(by_two) == pytest.approx(log_z(lattice), abs=EXACT)
    assert by_two.num_arcs < words.num_arcs


def test_fields_of_a_lattice_fit_together(lattices):
    for lattice, _ in lattices:
        assert (lattice.source < lattice.destination).all()
        steps = lattice.frame[lattice.destination] - lattice.frame[lattice.source]
        np.testing.assert_array_equal(steps, (lattice.pdf >= 0).astype(np.int32))
        names = {field.name for field in dataclasses.fields(lattice)}
        assert names >= {"frame", "source", "pdf", "transition", "word"}
