"""Brute force over small decoding problems: every path, one at a time, in plain Python."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass
class Problem:
    """A small random graph as plain arcs, and scores for it."""

    num_states: int
    arcs: list[tuple[int, int, int, int, int, float]]
    final: dict[int, float]
    scores: np.ndarray
    num_pdfs: int
    num_words: int

    def columns(self) -> dict[str, object]:
        """The arguments of DecodingGraph.from_arcs."""
        names = ("source", "destination", "pdf", "transition", "word", "cost")
        final = np.full(self.num_states, np.inf, dtype=np.float32)
        for state, cost in self.final.items():
            final[state] = cost
        return {
            "start": 0,
            **{name: [arc[place] for arc in self.arcs] for place, name in enumerate(names)},
            "final_cost": final,
            "num_pdfs": self.num_pdfs,
            "words": ["<eps>", *(f"w{index}" for index in range(self.num_words))],
        }


def random_problem(rng: np.random.Generator) -> Problem:
    """Epsilon chains, self-loops, several finals, dead ends, -inf scores, words anywhere."""
    num_states = int(rng.integers(2, 7))
    num_pdfs = int(rng.integers(1, 5))
    num_words = int(rng.integers(1, 4))
    rank = rng.permutation(num_states)
    arcs = []
    for _ in range(int(rng.integers(1, 2 * num_states + 2))):
        source, destination = (int(state) for state in rng.integers(0, num_states, size=2))
        cost = float(np.float32(rng.normal()))
        word = int(rng.integers(1, num_words + 1)) if rng.random() < 0.4 else 0
        if rng.random() < 0.35:
            if rank[source] < rank[destination]:
                arcs.append((source, destination, -1, 0, word, cost))
        else:
            pdf = int(rng.integers(num_pdfs))
            arcs.append((source, destination, pdf, int(rng.integers(1, 50)), word, cost))
    if rng.random() < 0.7:
        for state in range(num_states):
            if rng.random() < 0.5:
                pdf = int(rng.integers(num_pdfs))
                arcs.append((state, state, pdf, 50 + state, 0, float(np.float32(rng.random()))))
    final = {
        int(state): float(np.float32(rng.normal()))
        for state in rng.integers(0, num_states, size=int(rng.integers(1, 3)))
    }
    num_frames = int(rng.integers(1, 6))
    scores = (5 * rng.normal(size=(num_frames, num_pdfs))).astype(np.float32)
    if rng.random() < 0.3:
        scores[rng.random(scores.shape) < 0.2] = -np.inf
    return Problem(num_states, arcs, final, scores, num_pdfs, num_words)


@dataclass
class FullPath:
    """One complete path: labels and its log score."""

    words: tuple[int, ...]
    pdfs: tuple[int, ...]
    transitions: tuple[int, ...]
    score: float


def all_paths(problem: Problem, acoustic_scale: float) -> list[FullPath]:
    """Every path of exactly as many frames as there are scores, with a finite score."""
    outgoing: dict[int, list[tuple[int, int, int, int, int, float]]] = {}
    for arc in problem.arcs:
        outgoing.setdefault(arc[0], []).append(arc)
    num_frames = len(problem.scores)

    def extend(
        state: int,
        words: tuple[int, ...],
        pdfs: tuple[int, ...],
        ids: tuple[int, ...],
        score: float,
    ) -> Iterator[FullPath]:
        if len(pdfs) == num_frames and state in problem.final:
            yield FullPath(words, pdfs, ids, score - problem.final[state])
        for _, target, pdf, transition, word, cost in outgoing.get(state, []):
            longer = (*words, word) if word else words
            if pdf < 0:
                yield from extend(target, longer, pdfs, ids, score - cost)
            elif len(pdfs) < num_frames:
                acoustic = float(problem.scores[len(pdfs), pdf])
                if acoustic > -math.inf:
                    total = score - cost + acoustic_scale * acoustic
                    yield from extend(target, longer, (*pdfs, pdf), (*ids, transition), total)

    return list(extend(0, (), (), (), 0.0))


def log_sum(scores: list[float]) -> float:
    largest = max(scores)
    return largest + math.log(math.fsum(math.exp(score - largest) for score in scores))


def occupancies(paths: list[FullPath], num_frames: int, num_pdfs: int) -> np.ndarray:
    """Share of the probability mass that each pdf has in each frame."""
    total = log_sum([path.score for path in paths])
    out = np.zeros((num_frames, num_pdfs))
    for path in paths:
        for frame, pdf in enumerate(path.pdfs):
            out[frame, pdf] += math.exp(path.score - total)
    return out


def best_per_word_string(paths: list[FullPath]) -> dict[tuple[int, ...], FullPath]:
    best: dict[tuple[int, ...], FullPath] = {}
    for path in paths:
        if path.words not in best or path.score > best[path.words].score:
            best[path.words] = path
    return best


def lattice_paths(lattice: object, acoustic_scale: float) -> list[FullPath]:
    """Every path of a state-level lattice, walked backwards from its final nodes."""

    def walk(node: int, words, pdfs, ids, score) -> Iterator[FullPath]:
        if node == 0:
            yield FullPath(words, pdfs, ids, score)
        for arc in range(lattice.first_arc[node], lattice.first_arc[node + 1]):
            pdf, word = int(lattice.pdf[arc]), int(lattice.word[arc])
            step = acoustic_scale * float(lattice.acoustic_score[arc])
            step -= float(lattice.graph_cost[arc])
            yield from walk(
                int(lattice.source[arc]),
                (word, *words) if word else words,
                (pdf, *pdfs) if pdf >= 0 else pdfs,
                (int(lattice.transition[arc]), *ids) if pdf >= 0 else ids,
                score + step,
            )

    return [
        path
        for node in range(lattice.num_nodes)
        if lattice.final_cost[node] < np.inf
        for path in walk(node, (), (), (), -float(lattice.final_cost[node]))
    ]


def word_lattice_paths(lattice: object, acoustic_scale: float) -> list[FullPath]:
    """Every path of a word lattice, walked backwards from its end."""

    def walk(node: int, words, pdfs, ids, score) -> Iterator[FullPath]:
        if node == 0:
            yield FullPath(words, pdfs, ids, score)
        for arc in range(lattice.first_arc[node], lattice.first_arc[node + 1]):
            span = slice(lattice.first_entry[arc], lattice.first_entry[arc + 1])
            word = int(lattice.word[arc])
            step = acoustic_scale * lattice.acoustic_score[arc] - lattice.graph_cost[arc]
            yield from walk(
                int(lattice.source[arc]),
                (word, *words) if word else words,
                (*lattice.pdf[span].tolist(), *pdfs),
                (*lattice.transition[span].tolist(), *ids),
                score + step,
            )

    return list(walk(lattice.num_nodes - 1, (), (), (), 0.0))
