"""Lattices: forward-backward, pruning, best path, rescoring."""
