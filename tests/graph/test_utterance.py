import math

import pytest

from outergrad.errors import InputError
from outergrad.graph.compile import GraphConfig, compile_graph
from outergrad.graph.estimation import estimate
from outergrad.graph.utterance import UtteranceGraphs
from restrict import restrict

# Direct construction: only float32 arcs.
TOLERANCE = 1e-5
TEXT = [["a", "ab", "c"], ["ab", "a"], ["bb"], ["eh", "aba", "c"], ["c", "c"]]
SENTENCES = [("a",), ("ab", "bb"), ("bb", "a", "bb"), ("aba", "eh"), ("c", "c", "ab"), ()]


@pytest.mark.parametrize("triphone", [False, True])
@pytest.mark.parametrize("speech_states", [1, 2])
def test_paths_are_those_of_the_definition(
    path_oracle, tricky_lexicon, random_hmm, triphone, speech_states
):
    hmm = random_hmm(tricky_lexicon, 7, triphone=triphone, speech_states=speech_states)
    config = GraphConfig(silence_probability=0.3)
    utterances = UtteranceGraphs(tricky_lexicon, hmm, config)
    for words in SENTENCES:
        frames = 8 if speech_states == 1 else 10
        wanted = path_oracle.expected_paths(
            [(words, 0.0)], tricky_lexicon, hmm, frames, silence=0.3
        )
        assert wanted
        graph = utterances.compile(words)
        path_oracle.assert_same(path_oracle.paths_of(graph, frames), wanted, TOLERANCE)
        pdf_of = path_oracle.pdfs_of(graph)
        assert all(hmm.transitions.pdf_of[t] == pdf for t, pdf in pdf_of.items())


@pytest.mark.parametrize("triphone", [False, True])
def test_same_paths_as_the_restricted_decoding_graph(
    path_oracle, tricky_lexicon, random_hmm, triphone
):
    hmm = random_hmm(tricky_lexicon, 8, triphone=triphone)
    unigram = estimate(TEXT, 1, vocabulary=tricky_lexicon)
    graph = compile_graph(unigram, tricky_lexicon, hmm)
    costs = {word: -unigram.log_prob(word) for word in (*tricky_lexicon, "</s>")}
    by_model = UtteranceGraphs(tricky_lexicon, hmm, word_costs=unigram)
    by_cost = UtteranceGraphs(tricky_lexicon, hmm, word_costs=costs)
    assert by_model.words == graph.words
    for words in SENTENCES:
        frames = 7
        restricted = restrict(graph, [graph.words.index(word) for word in words])
        wanted = path_oracle.paths_of(restricted, frames)
        assert wanted
        for utterances in (by_model, by_cost):
            found = path_oracle.paths_of(utterances.compile(words), frames)
            # The compiled graph's costs are rounded to a grid.
            path_oracle.assert_same(found, wanted, 1e-4)


def test_costs_of_longer_histories(path_oracle, tricky_lexicon, random_hmm):
    hmm = random_hmm(tricky_lexicon, 8, triphone=False)
    trigram = estimate(TEXT, 3, vocabulary=tricky_lexicon)
    words = ("a", "ab", "c")
    graph = UtteranceGraphs(tricky_lexicon, hmm, word_costs=trigram).compile(words)
    sentence = (words, -math.fsum(trigram.sentence_log_probs(words)))
    wanted = path_oracle.expected_paths([sentence], tricky_lexicon, hmm, 5)
    path_oracle.assert_same(path_oracle.paths_of(graph, 5), wanted, TOLERANCE)


def test_trigram_numerator_keeps_all_ways_to_back_off(path_oracle, tricky_lexicon, random_hmm):
    hmm = random_hmm(tricky_lexicon, 9, triphone=True)
    trigram = estimate(TEXT, 3, vocabulary=tricky_lexicon)
    graph = compile_graph(trigram, tricky_lexicon, hmm)
    sentences = [
        (words, cost)
        for words, cost in path_oracle.sentences_of(
            trigram.log_probs, trigram.backoffs, 3, 3, tricky_lexicon.entries
        )
        if words == ("a", "ab", "c")
    ]
    assert len(sentences) > 5
    wanted = path_oracle.expected_paths(sentences, tricky_lexicon, hmm, 5)
    found = restrict(graph, [graph.words.index(word) for word in ("a", "ab", "c")])
    path_oracle.assert_same(path_oracle.paths_of(found, 5), wanted, 1e-4)


def test_graphs_are_small(tricky_lexicon, random_hmm):
    hmm = random_hmm(tricky_lexicon, 1, triphone=False, speech_states=3)
    graph = UtteranceGraphs(tricky_lexicon, hmm).compile(["aba"] * 5)
    # 15 phones of three hmm_states; six silences of five nodes; a state before each of the 12
    # choices between silence and none, the start, the end.
    assert graph.num_states <= 15 * 3 + 6 * 5 + 12 + 2
    assert graph.num_levels == 1


def test_a_string_is_not_taken_for_its_letters(tricky_lexicon, random_hmm):
    """`a` and `c` are words, too, so "ac" would be a transcript of two."""
    hmm = random_hmm(tricky_lexicon, 0, triphone=False)
    with pytest.raises(InputError, match="not one string: 'ac'"):
        UtteranceGraphs(tricky_lexicon, hmm).compile("ac")


def test_unknown_words_are_refused(tricky_lexicon, random_hmm):
    hmm = random_hmm(tricky_lexicon, 1, triphone=False)
    with pytest.raises(InputError, match="zebra"):
        UtteranceGraphs(tricky_lexicon, hmm).compile(["a", "zebra"])
    for costs in (
        estimate([["a"]], 1),
        {"a": 1.0},
        {"a": 1.0, "ab": math.inf},
    ):
        with pytest.raises(InputError, match="no probability to: ab"):
            UtteranceGraphs(tricky_lexicon, hmm, word_costs=costs).compile(["a", "ab"])
