"""An existing Kaldi system as the start of a run: tree, transition model, alignments, features."""
