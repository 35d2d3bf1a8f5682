"""Engine `simulated`: the workers' own code on a virtual clock with given costs."""
