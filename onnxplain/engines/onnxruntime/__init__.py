"""onnxruntime engine: a walk over traced values emits ONNX nodes, which run with the forward in one session.

`traced` holds the values and the emitter, `namespace` the array functions over them; `algebra` knows what is zero,
`gates` turns comparisons into factors, and `convolution`, `placing` and `relevance` hold what few nodes can say.
"""
