"""Utterances, Kaldi data directories, lexicons and audio."""

from outergrad.corpus.audio import SAMPLE_RATE, Audio, AudioError, read_audio
from outergrad.corpus.check import CheckConfig, check_corpus
from outergrad.corpus.kaldi import read_kaldi_directory, write_kaldi_directory
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
    "SAMPLE_RATE",
    "SILENCE_PHONE",
    "Audio",
    "AudioError",
    "CheckConfig",
    "Corpus",
    "Kind",
    "Lexicon",
    "Origin",
    "Problem",
    "Pronunciation",
    "Utterance",
    "bad_fraction",
    "bad_utterances",
    "check_corpus",
    "file_name_for",
    "read_audio",
    "read_kaldi_directory",
    "read_lexicon",
    "render_problems",
    "require_mostly_good",
    "write_kaldi_directory",
    "write_lexicon",
    "write_problems",
]
