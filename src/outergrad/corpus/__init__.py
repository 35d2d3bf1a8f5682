"""Utterances, Kaldi data directories, lexicons and audio."""

from outergrad.corpus.lexicon import (
    SILENCE_PHONE,
    Lexicon,
    Pronunciation,
    read_lexicon,
    write_lexicon,
)
from outergrad.corpus.problems import (
    Kind,
    Problem,
    bad_fraction,
    bad_utterances,
    render_problems,
    require_mostly_good,
    write_problems,
)
from outergrad.corpus.utterance import Corpus, Origin, Utterance, file_name_for

__all__ = [
    "SILENCE_PHONE",
    "Corpus",
    "Kind",
    "Lexicon",
    "Origin",
    "Problem",
    "Pronunciation",
    "Utterance",
    "bad_fraction",
    "bad_utterances",
    "file_name_for",
    "read_lexicon",
    "render_problems",
    "require_mostly_good",
    "write_lexicon",
    "write_problems",
]
