"""Beam search, lattice generation, forced alignment."""
