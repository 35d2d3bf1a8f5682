"""The paper's experiments: one module per figure or table, each a recipe and its claim."""
