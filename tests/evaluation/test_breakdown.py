import pytest

from outergrad.errors import InputError
from outergrad.evaluation.breakdown import confusions, speaker_errors
from outergrad.evaluation.wer import WordErrors


def test_speakers_with_most_errors_come_first_and_wordless_ones_last():
    errors = {
        "u1": WordErrors(1, 0, 0, 10),
        "u2": WordErrors(0, 0, 0, 10),
        "u3": WordErrors(3, 0, 0, 4),
        "u4": WordErrors(0, 5, 0, 0),
    }
    speakers = {"u1": "anna", "u2": "anna", "u3": "jón", "u4": "silent", "unused": "nobody"}
    table = speaker_errors(errors, speakers)
    assert [(entry.speaker, entry.utterances) for entry in table] == [
        ("jón", 1),
        ("anna", 2),
        ("silent", 1),
    ]
    assert table[1].errors == WordErrors(1, 0, 0, 20)


def test_an_utterance_without_speaker_is_refused():
    with pytest.raises(InputError, match="'u1'"):
        speaker_errors({"u1": WordErrors(words=1)}, {})


def test_the_most_frequent_errors_are_found_with_their_counts():
    references = {"u1": ["a", "b", "c"], "u2": ["b", "c"], "u3": ["d", "e"], "u4": ["f"]}
    hypotheses = {"u1": ["a", "x", "c"], "u2": ["x", "c", "y"], "u3": ["d"]}
    found = confusions(references, hypotheses)
    assert found.substitutions == ((("b", "x"), 2),)
    assert found.insertions == (("y", 1),)
    assert found.deletions == (("e", 1), ("f", 1)), "an utterance without hypothesis is deleted"


def test_equally_frequent_errors_are_listed_alphabetically_up_to_the_limit():
    references = {"u1": ["c", "b", "a"]}
    assert confusions(references, {}, limit=2).deletions == (("a", 1), ("b", 1))
