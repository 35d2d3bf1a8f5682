"""Spoken voice queries that the project makes itself, in English and Icelandic (espeak-ng)."""

from outergrad.corpus.synthesis.acoustics import AcousticsConfig
from outergrad.corpus.synthesis.demo import (
    DemoConfig,
    DemoCorpora,
    LanguageFiles,
    PartSummary,
    make_demo_corpora,
)
from outergrad.corpus.synthesis.voices import VoiceRanges

__all__ = [
    "AcousticsConfig",
    "DemoConfig",
    "DemoCorpora",
    "LanguageFiles",
    "PartSummary",
    "VoiceRanges",
    "make_demo_corpora",
]
