"""From recordings to a sequence-trained recognizer: the stages, in order, each resumable."""
