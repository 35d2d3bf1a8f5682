"""Public corpora: fetched, verified, unpacked, laid out."""

from outergrad.public.catalogue import CORPORA, PublicCorpus
from outergrad.public.fetch import get_corpus

__all__ = ["CORPORA", "PublicCorpus", "get_corpus"]
