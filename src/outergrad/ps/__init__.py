"""Parameter server: shards, update rules, staleness policy, snapshots."""
