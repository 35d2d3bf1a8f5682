"""Beam search against enumeration of all paths of small random graphs."""

import dataclasses
import pickle
import threading

import numpy as np
import pytest

from outergrad.decoder.alignment import AlignConfig, align
from outergrad.decoder.decoding import DecoderConfig, decode, decode_words
from outergrad.decoder.errors import AlignmentError, DecodingError
from outergrad.decoder.records import Workspace
from outergrad.errors import InputError
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.lattice.paths import best_path, forward_backward, log_z

SCALE = 0.3
WIDE = DecoderConfig(beam=np.inf, lattice_beam=np.inf, max_active=1 << 30, acoustic_scale=SCALE)
# Sums in float64 over costs that are exactly those of the graph: only the order of summing differs.
EXACT = 1e-9


def problems(oracle, seed, count):
    """Random problems with their graph and all paths; graphs that cannot be built are left out."""
    generator = np.random.default_rng(seed)
    found = 0
    while found < count:
        problem = oracle.random_problem(generator)
        paths = oracle.all_paths(problem, SCALE)
        try:
            graph = DecodingGraph.from_arcs(**problem.columns())
        except InputError:
            assert not paths
            continue
        found += 1
        yield problem, graph, paths


def chain(num_states, pdfs=1, words=("<eps>",)):
    """A left-to-right graph: state i to i + 1 by pdf i % pdfs, no self-loops."""
    final = np.full(num_states, np.inf, dtype=np.float32)
    final[-1] = 0.0
    steps = np.arange(num_states - 1)
    return DecodingGraph.from_arcs(
        start=0,
        source=steps,
        destination=steps + 1,
        pdf=steps % pdfs,
        transition=steps + 1,
        word=np.zeros_like(steps),
        cost=np.zeros(len(steps)),
        final_cost=final,
        num_pdfs=pdfs,
        words=words,
    )


def test_infinite_beams_equal_enumeration(oracle):
    workspace = Workspace()
    failures = 0
    for problem, graph, paths in problems(oracle, 0, 2000):
        if not paths:
            with pytest.raises(DecodingError) as caught:
                decode(graph, problem.scores, WIDE, workspace=workspace)
            assert caught.value.reason in ("no-path", "no-final-state")
            failures += 1
            continue
        lattice = decode(graph, problem.scores, WIDE, workspace=workspace)
        occupancies = forward_backward(lattice)
        total = oracle.log_sum([path.score for path in paths])
        expected = oracle.occupancies(paths, len(problem.scores), problem.num_pdfs)
        assert abs(occupancies.log_z - total) < EXACT
        np.testing.assert_allclose(occupancies.dense(problem.num_pdfs), expected, atol=EXACT)
    assert failures > 100


def test_lattices_have_exactly_the_paths_within_the_beam(oracle):
    for problem, graph, paths in problems(oracle, 1, 600):
        if not paths:
            continue
        config = dataclasses.replace(WIDE, lattice_beam=2.0, prune_interval=1)
        kept = oracle.lattice_paths(decode(graph, problem.scores, config), SCALE)
        best = max(path.score for path in paths)

        def key(path):
            return path.words, path.pdfs, path.transitions, round(path.score, 6)

        known = {key(path) for path in paths}
        found = {key(path) for path in kept}
        assert found <= known
        # Costs are float32 while searching, so paths at the very edge may fall on either side.
        assert {key(path) for path in paths if path.score > best - 2.0 + 1e-4} <= found


def test_best_path_and_alignment_are_the_best_of_all(oracle):
    for problem, graph, paths in problems(oracle, 2, 600):
        if not paths:
            with pytest.raises(AlignmentError):
                align(graph, problem.scores, AlignConfig(acoustic_scale=SCALE))
            continue
        best = max(path.score for path in paths)
        lattice = decode(graph, problem.scores, WIDE)
        for found in (
            best_path(lattice),
            align(graph, problem.scores, AlignConfig(1e6, 1e6, acoustic_scale=SCALE)),
        ):
            assert abs(found.log_score - best) < 1e-5
            frames = np.arange(len(problem.scores))
            taken = problem.scores[frames, found.pdfs].astype(np.float64).sum()
            assert found.acoustic_score == pytest.approx(taken, abs=1e-6)
            labels = {(path.words, path.pdfs, path.transitions) for path in paths}
            same = (found.words, tuple(found.pdfs.tolist()), tuple(found.transitions.tolist()))
            assert same in labels


def test_word_lattices_have_one_alignment_per_word_string(oracle):
    config = dataclasses.replace(WIDE, word_history=64)
    for problem, graph, paths in problems(oracle, 3, 1000):
        if not paths:
            continue
        best = oracle.best_per_word_string(paths)
        lattice = decode_words(graph, problem.scores, config)
        found = {path.words: path for path in oracle.word_lattice_paths(lattice, SCALE)}
        assert found.keys() == best.keys()
        for words, path in found.items():
            assert path.score == pytest.approx(best[words].score, abs=EXACT)
            assert len(path.pdfs) == len(path.transitions) == len(problem.scores)
        occupancies = forward_backward(lattice)
        expected = oracle.log_sum([path.score for path in best.values()])
        assert occupancies.log_z == pytest.approx(expected, abs=EXACT)
        np.testing.assert_allclose(occupancies.dense(problem.num_pdfs).sum(1), 1.0, atol=EXACT)


@pytest.mark.parametrize("history", [1, 2])
def test_short_word_histories_keep_a_string_once_at_most_and_the_best_exactly(oracle, history):
    config = dataclasses.replace(WIDE, word_history=history)
    for problem, graph, paths in problems(oracle, 4, 600):
        if not paths:
            continue
        best = oracle.best_per_word_string(paths)
        lattice = decode_words(graph, problem.scores, config)
        found = oracle.word_lattice_paths(lattice, SCALE)
        strings = [path.words for path in found]
        assert len(strings) == len(set(strings))
        assert set(strings) <= set(best)
        for path in found:
            assert path.score <= best[path.words].score + EXACT
        top = max(path.score for path in best.values())
        assert max(path.score for path in found) == pytest.approx(top, abs=EXACT)


@pytest.mark.parametrize(
    "limits",
    [
        {"beam": 1.0, "min_active": 0},
        {"max_active": 1, "min_active": 0},
        {"max_active": 2, "min_active": 1},
        {"beam": 0.5, "min_active": 2},
        {"beam": 2.0, "lattice_beam": 1.0, "prune_interval": 2, "min_active": 0},
    ],
)
def test_narrow_beams_give_some_of_the_paths(oracle, limits):
    config = dataclasses.replace(WIDE, **limits)
    narrower = 0
    for problem, graph, paths in problems(oracle, 5, 400):
        try:
            lattice = decode(graph, problem.scores, config)
        except DecodingError:
            continue
        known = {(path.words, path.pdfs, path.transitions) for path in paths}
        for path in oracle.lattice_paths(lattice, SCALE):
            assert (path.words, path.pdfs, path.transitions) in known
        total = oracle.log_sum([path.score for path in paths])
        assert log_z(lattice) <= total + EXACT
        narrower += log_z(lattice) < total - 1e-6
    assert narrower > 10


def test_epsilon_chain_of_any_depth():
    depth = 2000
    states = depth + 2
    final = np.full(states, np.inf, dtype=np.float32)
    final[-1] = 0.0
    graph = DecodingGraph.from_arcs(
        start=0,
        source=np.arange(states - 1),
        destination=np.arange(1, states),
        pdf=[-1] * depth + [0],
        transition=np.zeros(states - 1),
        word=[1] + [0] * depth,
        cost=np.full(states - 1, 0.001),
        final_cost=final,
        num_pdfs=1,
        words=["<eps>", "deep"],
    )
    assert graph.num_levels == depth
    path = best_path(decode(graph, np.zeros((1, 1), dtype=np.float32)))
    assert path.words == (1,)
    assert path.graph_cost == pytest.approx(0.001 * (depth + 1), rel=1e-5)


def test_adding_a_constant_to_a_frame_changes_nothing_but_log_z(oracle):
    generator = np.random.default_rng(6)
    for problem, graph, paths in problems(oracle, 6, 100):
        if not paths or np.isinf(problem.scores).any():
            continue
        shift = np.float32(64.0) * generator.integers(-3, 4, size=(len(problem.scores), 1))
        before = forward_backward(decode(graph, problem.scores, WIDE))
        after = forward_backward(decode(graph, (problem.scores + shift).astype(np.float32), WIDE))
        # Scores are rounded to float32 after the shift.
        assert after.log_z == pytest.approx(before.log_z + SCALE * shift.sum(), abs=1e-3)
        np.testing.assert_allclose(
            after.dense(problem.num_pdfs), before.dense(problem.num_pdfs), atol=1e-4
        )


def test_pruning_while_decoding_changes_nothing(oracle):
    graph = repeating_graph()
    scores = np.random.default_rng(8).normal(size=(200, 6)).astype(np.float32)
    config = DecoderConfig(beam=12.0, lattice_beam=6.0, acoustic_scale=1.0, min_active=5)
    late = decode(graph, scores, dataclasses.replace(config, prune_interval=10_000))
    for interval in (1, 3, 25):
        early = decode(graph, scores, dataclasses.replace(config, prune_interval=interval))
        for field in dataclasses.fields(early):
            np.testing.assert_array_equal(getattr(early, field.name), getattr(late, field.name))


def repeating_graph():
    """A loop over twelve words of one to three states, with epsilon arcs and self-loops."""
    generator = np.random.default_rng(9)
    arcs = []
    states = 1
    for word in range(1, 13):
        current = 0
        for position in range(1 + word % 3):
            pdf = int(generator.integers(6))
            label = word if position == 0 else 0
            arcs.append((current, states, pdf, 1, label, generator.random()))
            arcs.append((states, states, pdf, 2, 0, generator.random()))
            current = states
            states += 1
        arcs.append((current, 0, -1, 0, 0, generator.random()))
    columns = list(zip(*arcs, strict=True))
    names = ("source", "destination", "pdf", "transition", "word", "cost")
    return DecodingGraph.from_arcs(
        start=0,
        **dict(zip(names, columns, strict=True)),
        final_cost=np.where(np.arange(states) == 0, 0.0, np.inf),
        num_pdfs=6,
        words=["<eps>", *(f"w{word}" for word in range(1, 13))],
    )


def reserved(workspace):
    """Bytes; what an utterance did not reach is reserved, but not in use."""
    arrays = (workspace._slot, workspace._chain, workspace._reached, workspace._pending)
    return sum(array.nbytes for array in (*arrays, *workspace._trellis))


def test_memory_does_not_grow_with_the_utterance():
    graph = repeating_graph()
    scores = np.random.default_rng(10).normal(size=(3000, 6)).astype(np.float32)
    config = DecoderConfig(beam=12.0, lattice_beam=4.0, acoustic_scale=1.0)
    workspace = Workspace()
    decode(graph, scores[:300], config, workspace=workspace)
    short = reserved(workspace)
    lattice = decode(graph, scores, config, workspace=workspace)
    # What remains per frame is the lattice itself, not the search space.
    assert reserved(workspace) - short < 40 * 16 * lattice.num_arcs


def test_a_workspace_serves_graphs_of_different_sizes(oracle):
    workspace = Workspace()
    for problem, graph, paths in problems(oracle, 11, 100):
        if not paths:
            continue
        fresh = decode(graph, problem.scores, WIDE)
        reused = decode(graph, problem.scores, WIDE, workspace=workspace)
        for field in dataclasses.fields(fresh):
            np.testing.assert_array_equal(getattr(fresh, field.name), getattr(reused, field.name))


def test_threads_share_a_graph():
    graph = repeating_graph()
    utterances = [
        np.random.default_rng(seed).normal(size=(60, 6)).astype(np.float32) for seed in range(8)
    ]
    expected = [log_z(decode(graph, scores)) for scores in utterances]
    found = [0.0] * len(utterances)

    def work(first):
        workspace = Workspace()
        for index in range(first, len(utterances), 2):
            found[index] = log_z(decode(graph, utterances[index], workspace=workspace))

    threads = [threading.Thread(target=work, args=(first,)) for first in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


def test_arrays_of_any_layout_are_accepted():
    graph = repeating_graph()
    scores = np.random.default_rng(12).normal(size=(20, 6)).astype(np.float32)
    expected = log_z(decode(graph, scores))
    assert log_z(decode(graph, np.asfortranarray(scores))) == expected
    assert log_z(decode(graph, np.repeat(scores, 2, axis=0)[::2])) == expected
    assert scores.flags.writeable


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_invalid_scores_name_the_frame(value):
    scores = np.zeros((7, 1), dtype=np.float32)
    scores[4] = value
    with pytest.raises(DecodingError, match="frame 4") as caught:
        decode(chain(8), scores)
    assert caught.value.reason == "invalid-scores"
    with pytest.raises(DecodingError, match="frame 4") as caught:
        align(chain(8), scores)
    assert not isinstance(caught.value, AlignmentError)


def test_reasons():
    with pytest.raises(DecodingError) as caught:
        decode(chain(3), np.zeros((0, 1), dtype=np.float32))
    assert caught.value.reason == "no-frames"
    with pytest.raises(DecodingError, match="frame 2") as caught:
        decode(chain(3), np.zeros((4, 1), dtype=np.float32))
    assert caught.value.reason == "no-path"
    with pytest.raises(DecodingError) as caught:
        decode(chain(3), np.zeros((1, 1), dtype=np.float32))
    assert caught.value.reason == "no-final-state"
    with pytest.raises(DecodingError, match="frame 0") as caught:
        decode(chain(3), np.full((2, 1), -np.inf, dtype=np.float32))
    assert caught.value.reason == "no-path"
    with pytest.raises(AlignmentError, match="retry beam 40") as caught:
        align(chain(3), np.zeros((1, 1), dtype=np.float32))
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), again.reason, str(again)) == (
        AlignmentError,
        "no-final-state",
        str(caught.value),
    )


def test_more_frames_than_memory_allows(monkeypatch):
    """Simulated where the buffers grow: a machine without memory would end the test, too."""
    workspace = Workspace()
    decode(chain(4), np.zeros((3, 1), dtype=np.float32), workspace=workspace)

    def full(*arguments):
        raise MemoryError

    monkeypatch.setattr("outergrad.decoder.decoding.search", full)
    for act in (decode, decode_words, align):
        with pytest.raises(DecodingError, match="3 frames need more memory") as caught:
            act(chain(4), np.zeros((3, 1), dtype=np.float32), workspace=workspace)
        assert caught.value.reason == "no-memory"
    monkeypatch.undo()
    decode(chain(4), np.zeros((3, 1), dtype=np.float32), workspace=workspace)


def test_the_retry_beam_finds_what_the_first_beam_loses():
    # Two ways out of the start: the cheap one is a dead end for three frames.
    graph = DecodingGraph.from_arcs(
        start=0,
        source=[0, 0, 1, 2, 3, 4],
        destination=[1, 2, 5, 3, 4, 5],
        pdf=[0, 0, 0, 0, 0, 0],
        transition=[1, 2, 3, 4, 5, 6],
        word=[1, 2, 0, 0, 0, 0],
        cost=[0.0, 20.0, 0.0, 0.0, 0.0, 0.0],
        final_cost=[np.inf] * 5 + [0.0],
        num_pdfs=1,
        words=["<eps>", "short", "long"],
    )
    scores = np.zeros((4, 1), dtype=np.float32)
    path = align(graph, scores, AlignConfig(min_active=0))
    assert path.words == (2,)
    assert path.transitions.tolist() == [2, 4, 5, 6]
    with pytest.raises(AlignmentError):
        align(graph, scores, AlignConfig(beam=10.0, retry_beam=15.0, min_active=0))


@pytest.mark.parametrize(
    "scores",
    [
        np.zeros((3, 2), dtype=np.float32),
        np.zeros((3, 1), dtype=np.float64),
        np.zeros(3, dtype=np.float32),
    ],
)
def test_scores_that_do_not_fit(scores):
    with pytest.raises(InputError, match="float32"):
        decode(chain(4), scores)


@pytest.mark.parametrize(
    "options",
    [
        {"beam": 0.0},
        {"beam": np.nan},
        {"lattice_beam": -1.0},
        {"max_active": 0},
        {"max_active": 5, "min_active": 6},
        {"acoustic_scale": np.inf},
        {"prune_interval": 0},
        {"word_history": 0},
    ],
)
def test_options_that_make_no_sense(options):
    with pytest.raises(InputError):
        DecoderConfig(**options)
