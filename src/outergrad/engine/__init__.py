"""Where roles live and when they run."""
