"""The one place that imports onnxruntime, so that the message for a missing extra is written once."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from onnxplain.errors import BadInputError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    import onnx


def onnxruntime() -> ModuleType:
    """Import onnxruntime; raise `MissingExtraError` with the two ways to install it."""
    try:
        return import_module("onnxruntime")
    except ImportError as error:
        raise MissingExtraError(
            "onnxruntime is not installed, and every model runs on it: "
            "install `onnxplain[cpu]` or, for an NVIDIA GPU, `onnxplain[gpu]`"
        ) from error


def open_session(model: onnx.ModelProto, providers: Sequence[Any] = ("CPUExecutionProvider",)) -> Any:
    """A session, on the CPU by default. Raises BadInputError where onnxruntime does not take the model."""
    ort = onnxruntime()
    options = ort.SessionOptions()
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(model.SerializeToString(), options, providers=list(providers))
    except Exception as problem:  # the errors of onnxruntime share no base of their own
        raise BadInputError(f"onnxruntime cannot run this model: {problem}") from problem
