"""Flat start, monophone and triphone GMM-HMM training, decision-tree state tying."""
