"""Engine `local`: one process per worker, parameters in shared memory."""
