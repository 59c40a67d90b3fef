"""Engines: the same walk in NumPy, as an ONNX graph that onnxruntime runs, and on a GPU.

An engine runs a model forward and walks a plan backward. `base` says what methods ask of an engine, `namespace` lists
the array functions that rules are written with, and `choice` has all engines by name.
"""
