import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outergrad.errors import InputError
from outergrad.graph.arpa import read_arpa
from outergrad.graph.estimation import estimate

WORDS = ("a", "b", "c", "d")
sentences = st.lists(st.lists(st.sampled_from(WORDS), max_size=6), min_size=1, max_size=12)
methods = st.sampled_from(["witten-bell", "kneser-ney"])


def read_text(path):
    return [line.split()[1:] for line in path.read_text(encoding="utf-8").splitlines()]


def test_witten_bell_by_hand():
    model = estimate([["a", "b"], ["a"]], 2, vocabulary=["a", "b", "c"])
    # Unigrams: a 2, b 1, </s> 2; five events of three kinds, uniform over a, b, c, </s>.
    p = {w: (c + 3 / 4) / 8 for w, c in {"a": 2, "b": 1, "</s>": 2, "c": 0}.items()}
    assert {w: math.exp(model.log_prob(w)) for w in p} == pytest.approx(p)
    # After a: b once, </s> once.
    assert math.exp(model.log_prob("b", ["a"])) == pytest.approx((1 + 2 * p["b"]) / 4)
    assert math.exp(model.log_prob("c", ["a"])) == pytest.approx(2 * p["c"] / 4)
    # After <s>: a twice.
    assert math.exp(model.log_prob("a", ["<s>"])) == pytest.approx((2 + p["a"]) / 3)
    sentence = [(2 + p["a"]) / 3, (1 + 2 * p["</s>"]) / 4]
    assert math.fsum(model.sentence_log_probs(["a"])) == pytest.approx(sum(map(math.log, sentence)))


def test_kneser_ney_by_hand():
    model = estimate([["a", "b"], ["c", "b"], ["b", "b"]], 2, "kneser-ney")
    # Different words before: a 1, c 1, b {a, c, <s>, b} 4, </s> 1; discounts 0.5, 1, 1.5.
    p_b = (4 - 1.5) / 7 + (3 * 0.5 + 1.5) / 7 / 4
    assert math.exp(model.log_prob("b")) == pytest.approx(p_b)
    # After b: </s> three times, b once.
    p_b_b = (1 - 0.5) / 4 + (0.5 + 1.5) / 4 * p_b
    assert math.exp(model.log_prob("b", ["b"])) == pytest.approx(p_b_b)


@given(sentences, st.integers(1, 4), methods)
@settings(max_examples=60, deadline=None)
def test_probabilities_given_any_history_sum_to_one(text, order, method):
    model = estimate(text, order, method, vocabulary=[*WORDS, "unseen"])
    histories = {ngram[:-1] for ngram in model.log_probs} | set(model.backoffs)
    histories |= {("<s>",), ("unseen",), ("a", "unseen"), ("unseen", "a"), ("<s>", "d", "d")}
    for history in histories:
        total = math.fsum(
            math.exp(model.log_prob(word, history)) for word in (*model.vocabulary, "</s>")
        )
        assert total == pytest.approx(1.0, abs=1e-12), history


@given(sentences, st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_agrees_with_definition(ngram_oracle, text, order):
    words = (*WORDS, "</s>")
    witten_bell = estimate(text, order, vocabulary=WORDS)
    kneser_ney = estimate(text, order, "kneser-ney", vocabulary=WORDS)
    histories = [(), ("<s>",), ("a",), ("a", "b"), ("<s>", "a"), ("d", "c")]
    for history in (h for h in histories if len(h) < order):
        for word in ("a", "b", "</s>"):
            expected = ngram_oracle.witten_bell(text, word, history, words)
            assert math.exp(witten_bell.log_prob(word, history)) == pytest.approx(expected)
            expected = ngram_oracle.kneser_ney(text, word, history, words, order)
            assert math.exp(kneser_ney.log_prob(word, history)) == pytest.approx(expected)


def test_oracle_itself_sums_to_one(ngram_oracle):
    text = [["a", "b", "a"], ["a", "b"], ["c"]]
    words = ("a", "b", "c", "</s>")
    for history in [(), ("a",), ("a", "b")]:
        total = sum(ngram_oracle.kneser_ney(text, w, history, words, 3) for w in words)
        assert total == pytest.approx(1.0)


@pytest.mark.parametrize("method", ["witten-bell", "kneser-ney"])
def test_words_outside_the_vocabulary_are_not_counted(method):
    text = [["a", "x", "b"], ["x", "a"], ["y", "b", "a"], ["a", "b", "a"]]
    model = estimate(text, 3, method, vocabulary=["a", "b"])
    assert model.vocabulary == ("a", "b")
    for history in {ngram[:-1] for ngram in model.log_probs}:
        total = sum(math.exp(model.log_prob(word, history)) for word in ("a", "b", "</s>"))
        assert total == pytest.approx(1.0)
    assert model.unknown is None
    assert math.fsum(model.sentence_log_probs(["x"])) == -math.inf


def test_an_unknown_word_in_the_vocabulary_takes_the_place_of_others():
    text = [["a", "x", "b"], ["y", "b"], ["a"]]
    model = estimate(text, 2, vocabulary=["a", "b", "<unk>"])
    mapped = [["a", "<unk>", "b"], ["<unk>", "b"], ["a"]]
    assert model.log_probs == estimate(mapped, 2).log_probs
    assert model.unknown == "<unk>"
    assert model.sentence_log_probs(["x", "b"]) == model.sentence_log_probs(["<unk>", "b"])


def test_vocabulary_alone_gives_uniform_model():
    model = estimate([], 2, vocabulary=["a", "b", "c"])
    assert math.exp(model.log_prob("b", ["a"])) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("text", "order", "method", "vocabulary", "message"),
    [
        ([["a"]], 0, "witten-bell", None, "order"),
        ([["a"]], 2, "good-turing", None, "smoothing"),
        ([[]], 2, "witten-bell", None, "needs a text"),
        ([["<s>", "a"]], 2, "witten-bell", None, "<s>"),
        ([["a"]], 2, "witten-bell", ["a", "</s>"], "</s>"),
    ],
)
def test_bad_input_is_refused(text, order, method, vocabulary, message):
    with pytest.raises(InputError, match=message):
        estimate(text, order, method, vocabulary)


def test_an4_unigrams_are_those_of_the_kaldi_run(shared):
    text = read_text(shared / "data/an4/train/text")
    theirs = read_arpa(shared / "golden/graph/lm1.arpa")
    ours = estimate(text, 1, vocabulary=theirs.vocabulary)
    assert ours.log_probs.keys() == theirs.log_probs.keys()
    for ngram, value in theirs.log_probs.items():
        # The file gives six decimals of log10 p.
        assert ours.log_probs[ngram] == pytest.approx(value, abs=2e-6)


def perplexity(model, text):
    """Sentence ends are events, too (SRILM's ``ppl``)."""
    scores = [score for sentence in text for score in model.sentence_log_probs(sentence)]
    return math.exp(-math.fsum(scores) / len(scores))


def test_an4_longer_histories_help(shared):
    train = read_text(shared / "data/an4/train/text")
    test = read_text(shared / "data/an4/test/text")
    vocabulary = {word for sentence in train + test for word in sentence}
    unigram, trigram = (estimate(train, n, vocabulary=vocabulary) for n in (1, 3))
    smoothed = estimate(train, 3, "kneser-ney", vocabulary=vocabulary)
    # Spelling and numbers: about 36 words are equally likely, and neighbours tell a lot.
    assert 30 < perplexity(unigram, test) < 45
    assert 10 < perplexity(trigram, test) < 0.6 * perplexity(unigram, test)
    assert 10 < perplexity(smoothed, test) < 0.6 * perplexity(unigram, test)
