"""Where roles live and when they run: a plain serial loop, or processes and shared memory."""
