import math

import numpy as np
import pytest

from outergrad.corpus.lexicon import Lexicon, Pronunciation, read_lexicon
from outergrad.errors import InputError
from outergrad.graph.compile import GraphConfig, compile_graph
from outergrad.graph.estimation import estimate
from outergrad.graph.ngram import NgramModel
from outergrad.graph.utterance import UtteranceGraphs
from restrict import restrict

# Costs are float32 and rounded to a grid of 2^-16 when states are merged.
TOLERANCE = 1e-4

TEXT = [["a", "ab", "c"], ["ab", "a"], ["bb"], ["a", "ab"], ["eh", "aba", "c"], ["c", "c"], []]


def expected(path_oracle, lm, lexicon, hmm, max_frames, max_words=None, **config):
    words = [word for word in lm.vocabulary if word in lexicon]
    sentences = path_oracle.sentences_of(
        lm.log_probs, lm.backoffs, lm.order, max_words or max_frames, words
    )
    return path_oracle.expected_paths(sentences, lexicon, hmm, max_frames, **config)


@pytest.mark.parametrize("triphone", [False, True])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_paths_are_those_of_the_definition(
    path_oracle, tricky_lexicon, random_hmm, triphone, order
):
    frames = 4 if order == 1 else 3
    for seed in range(2):
        hmm = random_hmm(tricky_lexicon, seed, triphone=triphone)
        lm = estimate(TEXT[seed:], order, vocabulary=tricky_lexicon)
        graph = compile_graph(lm, tricky_lexicon, hmm)
        wanted = expected(path_oracle, lm, tricky_lexicon, hmm, frames)
        assert sum(map(len, wanted.values())) > 1000
        path_oracle.assert_same(path_oracle.paths_of(graph, frames), wanted, TOLERANCE)
        pdf_of = path_oracle.pdfs_of(graph)
        assert all(hmm.transitions.pdf_of[t] == pdf for t, pdf in pdf_of.items())


def test_longer_hmms_scales_and_silence(path_oracle, tricky_lexicon, random_hmm):
    config = GraphConfig(silence_probability=0.2, transition_scale=0.5, self_loop_scale=0.7)
    hmm = random_hmm(tricky_lexicon, 5, triphone=True, speech_states=2)
    lm = estimate(TEXT, 2, "kneser-ney", vocabulary=tricky_lexicon)
    graph = compile_graph(lm, tricky_lexicon, hmm, config)
    weights = {"silence": 0.2, "transition_scale": 0.5, "loop_scale": 0.7}
    wanted = expected(path_oracle, lm, tricky_lexicon, hmm, 5, max_words=2, **weights)
    found = path_oracle.paths_of(graph, 5)
    found = {path: costs for path, costs in found.items() if len(path[1]) <= 2}
    path_oracle.assert_same(found, wanted, TOLERANCE)


def test_the_oracle_notices_a_wrong_graph(path_oracle, tricky_lexicon, random_hmm):
    hmm = random_hmm(tricky_lexicon, 0, triphone=True)
    lm = estimate(TEXT, 2, vocabulary=tricky_lexicon)
    wanted = expected(path_oracle, lm, tricky_lexicon, hmm, 3)
    wrong_silence = compile_graph(lm, tricky_lexicon, hmm, GraphConfig(silence_probability=0.4))
    with pytest.raises(AssertionError):
        path_oracle.assert_same(path_oracle.paths_of(wrong_silence, 3), wanted, TOLERANCE)
    other_trees = random_hmm(tricky_lexicon, 1, triphone=True)
    found = path_oracle.paths_of(compile_graph(lm, tricky_lexicon, other_trees), 3)
    with pytest.raises(AssertionError):
        path_oracle.assert_same(found, wanted, TOLERANCE)


@pytest.mark.parametrize(("probability", "silent"), [(0.0, False), (1.0, True)])
def test_silence_can_be_impossible_or_certain(tricky_lexicon, random_hmm, probability, silent):
    hmm = random_hmm(tricky_lexicon, 0, triphone=True)
    config = GraphConfig(silence_probability=probability)
    lm = estimate(TEXT, 1, vocabulary=tricky_lexicon)
    for graph in (
        compile_graph(lm, tricky_lexicon, hmm, config),
        UtteranceGraphs(tricky_lexicon, hmm, config).compile(["a", "ab"]),
    ):
        phones = hmm.transitions.phone_of[graph.arcs().transition]
        assert (hmm.phones.silence in phones) == silent
        entering = graph.arcs().source == graph.start
        first = set(phones[entering].tolist()) - {0}
        assert not silent or first <= {hmm.phones.silence}


def test_words_without_pronunciation_are_left_out_with_a_notice(
    path_oracle, tricky_lexicon, random_hmm
):
    hmm = random_hmm(tricky_lexicon, 3, triphone=True)
    text = [*TEXT, ["a", "zebra", "c"], ["zebra"], ["gnu", "a"]]
    lm = estimate(text, 3)
    notices = []
    graph = compile_graph(lm, tricky_lexicon, hmm, notice=notices.append)
    (notice,) = notices
    assert "cannot be recognized" in notice
    assert "2 of 8" in notice
    assert "gnu zebra" in notice
    wanted = expected(path_oracle, lm, tricky_lexicon, hmm, 3)
    path_oracle.assert_same(path_oracle.paths_of(graph, 3), wanted, TOLERANCE)


def test_back_off_weights_of_histories_that_nothing_extends(
    path_oracle, tricky_lexicon, random_hmm
):
    half = math.log(0.5)
    ngrams = {("<s>",): -math.inf, ("</s>",): half, ("a",): half, ("c",): half, ("a", "c"): half}
    backoffs = {("<s>",): -1.0, ("a",): -2.0, ("c",): -3.0, ("a", "c"): -4.0}
    ngrams[("<s>", "a", "c")] = half
    ngrams[("<s>", "a")] = half
    backoffs[("<s>", "a")] = -5.0
    lm = NgramModel(3, ngrams, backoffs)
    hmm = random_hmm(tricky_lexicon, 3, triphone=False)
    wanted = expected(path_oracle, lm, tricky_lexicon, hmm, 4)
    found = path_oracle.paths_of(compile_graph(lm, tricky_lexicon, hmm), 4)
    path_oracle.assert_same(found, wanted, TOLERANCE)


@pytest.mark.parametrize("order", [1, 2])
def test_a_begin_that_could_be_predicted_makes_no_difference(tricky_lexicon, random_hmm, order):
    """KenLM writes log10 probability 0 for <s>, SRILM -99; other tools list n-grams with it."""
    hmm = random_hmm(tricky_lexicon, 3, triphone=True)
    lm = estimate(TEXT, order, vocabulary=tricky_lexicon)
    log_probs = dict(lm.log_probs) | {("<s>",): 0.0}
    if order == 2:
        log_probs |= {("<s>", "<s>"): -0.5, ("a", "<s>"): -0.5}
    odd = compile_graph(NgramModel(order, log_probs, lm.backoffs), tricky_lexicon, hmm)
    plain = compile_graph(lm, tricky_lexicon, hmm)
    assert odd.start == plain.start
    for mine, other in zip(odd.arcs(), plain.arcs(), strict=True):
        np.testing.assert_array_equal(mine, other)
    np.testing.assert_array_equal(odd.final_cost, plain.final_cost)


def test_impossible_inputs_are_refused(tricky_lexicon, random_hmm):
    hmm = random_hmm(tricky_lexicon, 0, triphone=False)
    with pytest.raises(InputError, match="none of the words"):
        compile_graph(estimate([["A"]], 1), tricky_lexicon, hmm, notice=[].append)
    never_ends = NgramModel(1, {("a",): 0.0}, {})
    with pytest.raises(InputError, match="accepts nothing"):
        compile_graph(never_ends, tricky_lexicon, hmm)
    other = Lexicon({"a": (Pronunciation(("Q",)),)})
    with pytest.raises(InputError, match="'Q'"):
        compile_graph(estimate([["a"]], 1), other, hmm)
    with pytest.raises(InputError, match="silence_probability"):
        GraphConfig(silence_probability=1.5)


def test_an4(shared, random_hmm):
    lexicon, _ = read_lexicon(shared / "data/an4/lexicon.txt")
    lines = (shared / "data/an4/train/text").read_text(encoding="utf-8").splitlines()
    text = [line.split()[1:] for line in lines]
    hmm = random_hmm(lexicon, 1, triphone=True, speech_states=3, leaves=4)
    unigram = estimate(text, 1, vocabulary=lexicon)
    graph = compile_graph(unigram, lexicon, hmm)
    # Kaldi's graph with as many pdfs has 1207 states and 3670 arcs.
    assert graph.num_states < 2500
    trigram = compile_graph(estimate(text, 3, vocabulary=lexicon), lexicon, hmm)
    utterances = UtteranceGraphs(lexicon, hmm, word_costs=unigram)
    generator = np.random.default_rng(0)
    for words in text[:40:8]:
        ids = [graph.words.index(word) for word in words]
        numerator, same = restrict(graph, ids), utterances.compile(words)
        scores = generator.normal(0.0, 3.0, size=(60 + 20 * len(words), hmm.num_pdfs))
        # All alignments at once: 1e-4 per path bounds the difference of the log sums.
        assert log_sum(numerator, scores) == pytest.approx(log_sum(same, scores), abs=TOLERANCE)
        assert math.isfinite(log_sum(restrict(trigram, ids), scores))


def log_sum(graph, scores):
    """log of the sum over all paths of exp(scores - costs), epsilon arcs by repeated relaxation."""
    arcs = graph.arcs()
    alpha = np.full(graph.num_states, -np.inf)
    alpha[graph.start] = 0.0
    silent = arcs.pdf < 0

    def step(alpha, which, gain):
        reached = np.full_like(alpha, -np.inf)
        values = alpha[arcs.source[which]] - arcs.cost[which].astype(float) + gain
        np.logaddexp.at(reached, arcs.destination[which], values)
        return reached

    def with_epsilons(alpha):
        total, new = alpha, alpha
        while np.any(new > -np.inf):
            new = step(new, silent, 0.0)
            total = np.logaddexp(total, new)
        return total

    alpha = with_epsilons(alpha)
    for frame in scores:
        alpha = with_epsilons(step(alpha, ~silent, frame[arcs.pdf[~silent]]))
    return float(np.logaddexp.reduce(alpha - graph.final_cost))
