"""The DNN, its flat parameter vector and its acoustic scores."""
