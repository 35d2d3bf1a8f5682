"""The word table that all graphs of one lexicon share."""

from outergrad.corpus.lexicon import Lexicon

EPSILON = "<eps>"
"""Word of word_id 0: no word."""


def word_table(lexicon: Lexicon) -> tuple[str, ...]:
    """Word of each word_id: no word, then the words of `lexicon` in sorted order.

    It does not depend on a language model, so that word_ids of utterance graphs and of decoding
    graphs made with different language models agree.
    """
    return (EPSILON, *sorted(lexicon))
