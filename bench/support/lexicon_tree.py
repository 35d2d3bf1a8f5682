"""A random lexicon tree with a unigram loop, and scores that a good acoustic model could give."""

from dataclasses import dataclass

import numpy as np

from outergrad.arrays import Float32Array, Float64Array
from outergrad.graph.decoding_graph import DecodingGraph

STATES_PER_PHONE = 3
# -log probability of staying in and of leaving a state, at self-loop scale 0.3.
STATE_COST = 0.3 * np.log(2.0)


@dataclass(frozen=True)
class LexiconTree:
    """Pronunciations, unigram log probabilities and the pdf of each (left phone, phone, state)."""

    pronunciations: list[tuple[int, ...]]
    log_prob: Float64Array
    pdf_of: dict[tuple[int, int, int], int]
    num_pdfs: int
    graph: DecodingGraph


def _pronunciations(
    rng: np.random.Generator, num_words: int, num_phones: int
) -> list[tuple[int, ...]]:
    # A skewed phone bigram, so that words share prefixes as in a real lexicon.
    bigram = rng.gamma(0.35, 1, size=(num_phones, num_phones))
    bigram /= bigram.sum(1, keepdims=True)
    cumulative = bigram.cumsum(1)
    words: set[tuple[int, ...]] = set()
    while len(words) < num_words:
        length = max(2, int(rng.normal(7, 2.2)))
        phone = int(rng.integers(num_phones))
        word = [phone]
        for draw in rng.random(length - 1):
            phone = min(num_phones - 1, int(np.searchsorted(cumulative[phone], draw)))
            word.append(phone)
        words.add(tuple(word))
    return sorted(words)


def make_tree(
    num_words: int = 25_000, num_phones: int = 42, num_pdfs: int = 2000, seed: int = 0
) -> LexiconTree:
    """The 25k-word, 300k-state graph of the decoder budgets (same draws for the same seed)."""
    rng = np.random.default_rng(seed)
    words = _pronunciations(rng, num_words, num_phones)
    weight = 1 / (np.arange(num_words) + 10.0)
    weight /= weight.sum()
    log_prob = np.log(weight[rng.permutation(num_words)])
    # The best word below each node is looked ahead to, as weight pushing would do.
    lookahead: dict[tuple[int, ...], float] = {}
    for index, word in enumerate(words):
        for length in range(1, len(word) + 1):
            prefix = word[:length]
            lookahead[prefix] = max(lookahead.get(prefix, -1e9), log_prob[index])
    lookahead[()] = 0.0

    pdf_of: dict[tuple[int, int, int], int] = {}
    node: dict[tuple[int, ...], int] = {(): 0}
    source, destination, pdf, label, cost = [], [], [], [], []
    num_states = 1
    for index, word in enumerate(words):
        for length in range(1, len(word) + 1):
            prefix = word[:length]
            if prefix in node:
                continue
            current = node[word[: length - 1]]
            left = word[length - 2] if length > 1 else -1
            for position in range(STATES_PER_PHONE):
                key = (left, word[length - 1], position)
                if key not in pdf_of:
                    pdf_of[key] = int(rng.integers(num_pdfs))
                entry = lookahead[word[: length - 1]] - lookahead[prefix] if position == 0 else 0
                source += [current, num_states]
                destination += [num_states, num_states]
                pdf += [pdf_of[key]] * 2
                label += [0, 0]
                cost += [STATE_COST + entry, STATE_COST]
                current = num_states
                num_states += 1
            node[prefix] = current
        source.append(node[word])
        destination.append(0)
        pdf.append(-1)
        label.append(index + 1)
        cost.append(lookahead[word] - log_prob[index])
    final_cost = np.full(num_states, np.inf, dtype=np.float32)
    final_cost[0] = 0.0
    graph = DecodingGraph.from_arcs(
        start=0,
        source=source,
        destination=destination,
        pdf=pdf,
        transition=np.zeros(len(source), dtype=np.int32),
        word=label,
        cost=cost,
        final_cost=final_cost,
        num_pdfs=num_pdfs,
        words=["<eps>", *(f"w{index}" for index in range(num_words))],
    )
    return LexiconTree(words, log_prob, pdf_of, num_pdfs, graph)


def sample_scores(
    tree: LexiconTree, num_frames: int = 600, seed: int = 1, scale: float = 0.15
) -> Float32Array:
    """Scores of a random word string of at least `num_frames` frames, float32 [frame, pdf].

    Correlated Gaussian noise, plus 7 for the pdf of the path, normalised, times `scale`.
    """
    bonus, deviation, correlation, duration = 7.0, 2.0, 0.6, 2.7
    rng = np.random.default_rng(seed)
    prob = np.exp(tree.log_prob)
    prob /= prob.sum()
    path: list[int] = []
    while len(path) < num_frames:
        word = tree.pronunciations[int(rng.choice(len(prob), p=prob))]
        for index, phone in enumerate(word):
            left = word[index - 1] if index else -1
            for position in range(STATES_PER_PHONE):
                stay = 1 + rng.geometric(1 / (duration - 1))
                path += [tree.pdf_of[(left, phone, position)]] * stay
    frames = np.arange(len(path))
    scores = rng.normal(size=(len(path), tree.num_pdfs)).astype(np.float32)
    for frame in frames[1:]:
        scores[frame] = (
            correlation * scores[frame - 1] + np.sqrt(1 - correlation * correlation) * scores[frame]
        )
    scores *= deviation
    scores[frames, path] += bonus + rng.normal(size=len(path)).astype(np.float32) * deviation
    scores -= np.log(np.exp(scores).sum(1, keepdims=True))
    return scores * np.float32(scale)
