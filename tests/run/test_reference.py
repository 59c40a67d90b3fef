"""The corrected operators of the reference evaluator: against onnxruntime, and in float64 against torch's definitions."""
