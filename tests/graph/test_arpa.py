import gzip
import math
import re

import pytest

from outergrad.errors import InputError
from outergrad.graph.arpa import read_arpa, write_arpa
from outergrad.graph.estimation import estimate

GOOD = """Made by hand.
\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-0.5\t</s>
-99\t<s>\t-0.25
-0.5 a -0.1
-0.6990 b\t

\\2-grams:
-0.3\t<s> a
-0.4 a b

\\end\\
"""


def write(tmp_path, text):
    path = tmp_path / "lm.arpa"
    path.write_text(text, encoding="utf-8")
    return path


def test_reads_plain_and_compressed(tmp_path):
    path = write(tmp_path, GOOD)
    packed = tmp_path / "packed.arpa.gz"
    packed.write_bytes(gzip.compress(GOOD.encode()))
    for model in (read_arpa(path), read_arpa(packed)):
        assert model.order == 2
        assert model.vocabulary == ("a", "b")
        assert sorted(map(len, model.log_probs)) == [1, 1, 1, 1, 2, 2]
        assert model.log_prob("<s>") == -math.inf
        assert model.log_prob("b", ["a"]) == pytest.approx(-0.4 * math.log(10))
        assert model.log_prob("b", ["<s>"]) == pytest.approx((-0.25 - 0.699) * math.log(10))
        assert math.fsum(model.sentence_log_probs(["a"])) == pytest.approx(
            (-0.3 - 0.1 - 0.5) * math.log(10)
        )


@pytest.mark.parametrize("name", ["lm.arpa", "lm.arpa.gz"])
def test_what_is_written_is_read_back(tmp_path, name):
    text = [["a", "b", "ä"], ["a", "b"], ["b"], []]
    model = estimate(text, 3, vocabulary=["a", "b", "ä", "c"])
    write_arpa(model, tmp_path / name)
    again = read_arpa(tmp_path / name)
    assert again.order == 3
    # Seven decimals of log10 are written.
    assert dict(again.log_probs) == pytest.approx(dict(model.log_probs), abs=2e-7)
    assert dict(again.backoffs) == pytest.approx(dict(model.backoffs), abs=2e-7)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_unknown_words_are_scored_as_the_unknown_word(tmp_path):
    text = GOOD.replace("ngram 1=4", "ngram 1=5").replace("-0.5 a", "-1 <unk>\n-0.5 a")
    model = read_arpa(write(tmp_path, text))
    assert model.unknown == "<unk>"
    assert model.sentence_log_probs(["zebra"]) == model.sentence_log_probs(["<unk>"])
    assert model.sentence_log_probs(["a", "zebra"])[1] == pytest.approx((-0.1 - 1.0) * math.log(10))


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("ngram 2=2", "ngram 2=3", 12, "holds 2 2-grams, but \\data\\ says 3"),
        ("ngram 2=2", "ngram 3=2", 4, "expected 'ngram 2"),
        ("\\2-grams:", "\\3-grams:", 12, "expected \\2-grams:, found"),
        ("\\2-grams:", "\\trigrams", 12, "expected a log"),
        ("\\end\\", "", 16, "the file ends without"),
        ("\\end\\", "\\3-grams:", 16, "expected \\end"),
        ("-0.5 a -0.1", "-0.5 a", 14, "its history 'a' is listed without a back-off"),
        ("-0.4 a b", "-0.4 a c", 14, "the word 'c' is not among"),
        ("-0.4 a b", "-0.4 a b -0.1", 14, "expected a log probability, 2 word"),
        ("-0.4 a b", "-0.4 <s> a", 14, "listed before, in line 13"),
        ("-0.4 a b", "x a b", 14, "'x' is not a log10"),
        ("-0.4 a b", "nan a b", 14, "'nan' is not a log10"),
        ("-0.4 a b", "0.4 a b", 14, "log10 probability 0.4 is above 0"),
        ("\\data\\", "\\date\\", 16, "no \\data"),
        ("ngram 1=4\nngram 2=2\n", "", 4, "lists no"),
    ],
)
def test_errors_name_the_line(tmp_path, old, new, line, message):
    assert old in GOOD
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read_arpa(write(tmp_path, GOOD.replace(old, new)))
    assert f"lm.arpa:{line}:" in str(caught.value)


def test_files_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "lm.arpa"
    with pytest.raises(InputError, match="cannot read"):
        read_arpa(path)
    path.write_bytes(GOOD.replace("a", "\xe4").encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        read_arpa(path)
    path.write_bytes(gzip.compress(GOOD.encode())[:-20])
    with pytest.raises(InputError, match="cannot read"):
        read_arpa(path)


def test_reads_the_model_that_an4_ships(shared):
    model = read_arpa(shared / "data/an4/an4_unigram.arpa")
    assert model.order == 2
    assert model.unknown == "<UNK>"
    assert math.exp(model.log_prob("ZERO")) == pytest.approx(1 / 106, rel=1e-4)
