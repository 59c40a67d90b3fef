"""Operators that onnx's reference evaluator computes wrongly or in float32 only, put right for a float64 run.

Erf, Gelu      round to float32
GlobalMaxPool  takes two axes for the spatial ones, however many there are
HardSwish      is a function whose 1/6 is a float32
LRN            normalises as many channels as there are rows, and takes 4-D only
MaxPool        with stride 1, padding and ceil_mode pads too much; with stride 1 ceil_mode changes nothing
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx.reference.op_run import OpRun
from onnx.reference.ops.op_max_pool import MaxPool as PlainMaxPool

if TYPE_CHECKING:
    from onnxplain.arrays import Array


class Erf(OpRun):  # type: ignore[misc]
    """The error function in the precision of x."""

    def _run(self, x: Array) -> tuple[Array]:
        return (_erf(x),)


class Gelu(OpRun):  # type: ignore[misc]
    """x Φ(x), or its approximation by tanh."""

    def _run(self, x: Array, approximate: str = "none") -> tuple[Array]:
        if approximate == "tanh":
            return (0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),)
        return (0.5 * x * (1 + _erf(x / math.sqrt(2))),)


class GlobalMaxPool(OpRun):  # type: ignore[misc]
    """The largest value of each channel, in 1-D, 2-D and 3-D."""

    def _run(self, x: Array) -> tuple[Array]:
        return (x.max(tuple(range(2, x.ndim)), keepdims=True),)


class HardSwish(OpRun):  # type: ignore[misc]
    """x clip(x/6 + 1/2, 0, 1)."""

    def _run(self, x: Array) -> tuple[Array]:
        return (x * np.clip(x / 6 + 0.5, 0, 1),)


class LRN(OpRun):  # type: ignore[misc]
    """x / (bias + alpha/size Σ x²)^beta, the sum over the `size` nearest channels."""

    def _run(self, x: Array, alpha: float, beta: float, bias: float, size: int) -> tuple[Array]:
        pads = [(0, 0), ((size - 1) // 2, size // 2), *[(0, 0)] * (x.ndim - 2)]
        nearest = np.lib.stride_tricks.sliding_window_view(np.pad(x * x, pads), size, axis=1).sum(-1)
        return (x / (bias + alpha / size * nearest) ** beta,)


class MaxPool(PlainMaxPool):  # type: ignore[misc]
    """ceil_mode counts where windows are further than 1 apart."""

    def _run(self, x: Array, ceil_mode: int | None = None, **attributes: Any) -> Any:
        steps = attributes.get("strides") or (1,)
        return super()._run(x, ceil_mode=ceil_mode if max(steps) > 1 else 0, **attributes)


def _erf(x: Array) -> Array:
    return np.asarray(np.vectorize(math.erf, otypes=[x.dtype])(x))


CORRECTED = [Erf, Gelu, GlobalMaxPool, HardSwish, LRN, MaxPool]
