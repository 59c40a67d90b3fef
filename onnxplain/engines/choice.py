"""The engines by name, as a model is loaded with one: `onnxplain.load(..., engine="numpy")`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.engines.cupy import EXTRAS, available, check
from onnxplain.engines.cupy.device import cudnn_engine, cupy_engine
from onnxplain.engines.eager import numpy_engine
from onnxplain.engines.onnxruntime.compiled import CompiledEngine
from onnxplain.errors import UsageError
from onnxplain.graph.runtime import onnxruntime

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.engines.base import Engine
    from onnxplain.graph.settings import Settings
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


def choose(engine: str | None, device: str | None, precision: str, settings: Settings) -> str:
    """Return the name of the engine that runs the walk. settings: of onnxruntime's sessions.

    Raises UsageError where there is none as asked, MissingExtraError where onnxruntime is missing or too old.
    """
    if precision not in ("float32", "float64"):
        raise UsageError(f'precision {precision!r}: expected "float32" or "float64"')
    if device not in ("cpu", "cuda", None):
        raise UsageError(f'device {device!r}: expected "cpu" or "cuda"')
    if engine is not None and engine not in ENGINES:
        raise UsageError(f"engine {engine!r}: this version has {', '.join(map(repr, ENGINES))}")
    onnxruntime()  # every engine runs models forward by it
    chosen = engine or _default(device, precision, settings)
    if chosen != "numpy" and precision == "float64":
        raise UsageError(f'precision="float64": the engine "{chosen}" computes in float32; use engine="numpy"')
    if device is not None and (device == "cuda") != (chosen in EXTRAS):
        raise UsageError(f'engine "{chosen}" does not run on device="{device}"; leave one of the two out')
    if settings.providers and (chosen in EXTRAS or precision == "float64"):
        raise UsageError(
            f'providers={settings.names}: the engine "{chosen}" in {precision} does not run forward on them; they are '
            'for engine="onnxruntime", and engine="numpy" in float32'
        )
    if chosen in EXTRAS:
        check(chosen)
    return chosen


def _default(device: str | None, precision: str, settings: Settings) -> str:
    """Return the engine for a device: that of the GPU where there is one, or the reference for double precision."""
    if device == "cuda":
        return "cupy"
    if precision == "float64":
        return "numpy"
    return "cupy" if device is None and not settings.providers and available() else "onnxruntime"
