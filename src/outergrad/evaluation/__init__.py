"""Word errors, significance, frame error."""
