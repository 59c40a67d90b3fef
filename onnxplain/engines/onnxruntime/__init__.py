"""onnxruntime engine: a walk over traced values emits ONNX nodes, and one session runs it together with the forward.

`traced` holds the values and the emitter, `namespace` the array functions over them; `algebra` knows what is zero, `gates`
turns comparisons into factors, and `convolution`, `placing` and `relevance` hold what is worth saying in few nodes.
"""
