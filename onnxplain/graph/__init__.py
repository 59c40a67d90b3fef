"""From a file to a model of one operator set version (opset), and the one place that imports onnxruntime.

A model is onnx's protocol buffer, a `ModelProto`, called a proto for short; its weights are its initialisers.
"""
