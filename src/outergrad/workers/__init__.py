"""The roles of asynchronous training, written once for all engines."""
