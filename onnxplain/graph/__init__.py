"""From files to protos of one opset, and the one place that imports onnxruntime."""
