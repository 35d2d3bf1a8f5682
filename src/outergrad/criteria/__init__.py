"""Training criteria, maximised: value, outer gradient, counts."""
