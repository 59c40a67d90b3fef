"""Engines: the same walk on NumPy, in a graph that onnxruntime runs, and on a GPU.

`namespace` is what rules are written against, `base` what methods ask of an engine.
"""
