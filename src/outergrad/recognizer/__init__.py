"""Models that can be carried away, and what they are for: transcribing and aligning speech."""
