"""The engineer's ONNX model: its input, a decoder per output layout, inference."""
