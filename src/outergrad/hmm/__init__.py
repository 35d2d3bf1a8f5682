"""Phones, HMM topology, transition model, state tying, diagonal GMMs, alignments, priors."""
