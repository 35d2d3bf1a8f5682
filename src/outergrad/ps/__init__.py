"""Parameter server: shards, update rules, staleness policies. No speech, no torch, no transport."""
