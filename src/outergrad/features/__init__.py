"""Acoustic features: log-mel filterbank, MFCC, splicing, normalisation, memory-mapped store."""
