"""Utterances, Kaldi data directories, lexicons and audio."""
