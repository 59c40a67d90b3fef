"""The one place that imports onnxruntime, so that the message for a missing extra is written once."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from onnxplain.errors import MissingExtraError

if TYPE_CHECKING:
    from types import ModuleType


def onnxruntime() -> ModuleType:
    """Import onnxruntime; raise `MissingExtraError` with the two ways to install it."""
    try:
        return import_module("onnxruntime")
    except ImportError as error:
        raise MissingExtraError(
            "onnxruntime is not installed, and every model runs on it: "
            "install `onnxplain[cpu]` or, for an NVIDIA GPU, `onnxplain[gpu]`"
        ) from error
