"""Corpora as people have them: found out by looking, read into the same utterances."""

from outergrad.corpus.layouts.detect import Layout, read_corpus

__all__ = ["Layout", "read_corpus"]
