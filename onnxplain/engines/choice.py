"""The engines by name, as a model is loaded with one: `onnxplain.load(..., engine="numpy")`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.engines.cupy.device import cudnn_engine, cupy_engine
from onnxplain.engines.eager import numpy_engine
from onnxplain.engines.onnxruntime.compiled import CompiledEngine

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.engines.base import Engine
    from onnxplain.passes import Canonical

ENGINES: dict[str, Callable[[Canonical, str], Engine]] = {
    "onnxruntime": CompiledEngine,
    "cupy": cupy_engine,
    "cudnn": cudnn_engine,
    "numpy": numpy_engine,
}
"""For each engine, the function that makes it from a canonical graph and a precision, "float32" or "float64"."""


def engine_for(name: str, canonical: Canonical, precision: str) -> Engine:
    """Return the engine `name` for the graph `canonical`. Raises UsageError where this machine cannot run it."""
    return ENGINES[name](canonical, precision)
