"""The network in formats of other programs: ONNX, Kaldi."""
