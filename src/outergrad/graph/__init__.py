"""n-gram language models and decoding graphs H C L G."""
