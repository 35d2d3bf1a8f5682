"""Engine `ray`: shards and workers are actors on a Ray cluster; the coordinator is the caller."""
