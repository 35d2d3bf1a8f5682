"""Asynchronous sequence training of hybrid DNN/HMM acoustic models with on-the-fly lattices."""

__version__ = "0.1.0"
