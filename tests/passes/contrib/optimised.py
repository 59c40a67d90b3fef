"""Files as onnxruntime writes them when it optimises a model."""

from __future__ import annotations

import onnx
import onnxruntime
from onnxruntime import GraphOptimizationLevel as Level

LEVELS = {"basic": Level.ORT_ENABLE_BASIC, "extended": Level.ORT_ENABLE_EXTENDED, "all": Level.ORT_ENABLE_ALL}


def optimised(model, folder, level="all"):
    """The file that onnxruntime writes of a model at a level, read again."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = LEVELS[level]
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return onnx.load(folder / "optimised.onnx")
