"""Operators that onnx's reference evaluator computes wrongly or in float32 only, corrected for the float64 run.

What the evaluator does wrong:

    AveragePool    pads on both sides what ceil_mode adds behind, counts it, and visits each tap in a loop
    Erf, Gelu      round to float32
    GatherElements fails for a matrix of more than 32 rows to gather from
    GlobalMaxPool  reduces two axes, however many spatial axes there are
    HardSwish      is a function body whose constant 1/6 is rounded to float32
    LRN            normalises as many channels as there are rows, and accepts 4-D inputs only
    MaxPool        pads too much with ceil_mode and stride 1, where ceil_mode ought to change nothing
    Resize         rounds cubic weights to float32, and does not know the coordinates tf_half_pixel_for_nn
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx.reference.op_run import OpRun
from onnx.reference.ops.op_max_pool import MaxPool as PlainMaxPool
from onnx.reference.ops.op_resize import Resize as PlainResize

from onnxplain.engines.numpy import NumpyNamespace
from onnxplain.ops.affine import average_pool

if TYPE_CHECKING:
    from onnxplain.arrays import Array


class AveragePool(OpRun):  # type: ignore[misc]
    """The mean of each window over the elements that count."""

    def _run(self, x: Array, **attributes: Any) -> tuple[Array]:
        given = {name: value for name, value in attributes.items() if value is not None}
        return (average_pool(NumpyNamespace("float64"), x, {"auto_pad": "NOTSET", "count_include_pad": 0} | given),)


class Erf(OpRun):  # type: ignore[misc]
    """The error function in the precision of x."""

    def _run(self, x: Array) -> tuple[Array]:
        return (_erf(x),)


class GatherElements(OpRun):  # type: ignore[misc]
    """x[i][index[i, j]] along any axis; an index below 0 counts from the end."""

    def _run(self, x: Array, index: Array, axis: int = 0) -> tuple[Array]:
        window = tuple(slice(None) if k == axis % x.ndim else slice(n) for k, n in enumerate(index.shape))
        return (np.take_along_axis(x[window], index, axis),)


class Gelu(OpRun):  # type: ignore[misc]
    """x Φ(x), or its approximation by tanh."""

    def _run(self, x: Array, approximate: str = "none") -> tuple[Array]:
        if approximate == "tanh":
            return (0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),)
        return (0.5 * x * (1 + _erf(x / math.sqrt(2))),)


class GlobalMaxPool(OpRun):  # type: ignore[misc]
    """The largest value of each channel, over any number of spatial axes."""

    def _run(self, x: Array) -> tuple[Array]:
        return (x.max(tuple(range(2, x.ndim)), keepdims=True),)


class HardSwish(OpRun):  # type: ignore[misc]
    """x clip(x/6 + 1/2, 0, 1)."""

    def _run(self, x: Array) -> tuple[Array]:
        return (x * np.clip(x / 6 + 0.5, 0, 1),)


class LRN(OpRun):  # type: ignore[misc]
    """x / (bias + alpha/size Σ x²)^beta, where the sum runs over the `size` nearest channels."""

    def _run(self, x: Array, alpha: float, beta: float, bias: float, size: int) -> tuple[Array]:
        pads = [(0, 0), ((size - 1) // 2, size // 2), *[(0, 0)] * (x.ndim - 2)]
        nearest = np.lib.stride_tricks.sliding_window_view(np.pad(x * x, pads), size, axis=1).sum(-1)
        return (x / (bias + alpha / size * nearest) ** beta,)


class MaxPool(PlainMaxPool):  # type: ignore[misc]
    """The evaluator's MaxPool with ceil_mode ignored where all strides are 1."""

    def _run(self, x: Array, ceil_mode: int | None = None, **attributes: Any) -> Any:
        steps = attributes.get("strides") or (1,)
        return super()._run(x, ceil_mode=ceil_mode if max(steps) > 1 else 0, **attributes)


class Resize(PlainResize):  # type: ignore[misc]
    """The evaluator's Resize in double; by tf_half_pixel_for_nn, the pixel at round((i + 1/2) / scale) on each axis."""

    def _run(self, x: Array, roi: Any = None, scales: Any = None, sizes: Any = None, **attributes: Any) -> Any:
        attributes["cubic_coeff_a"] = float(attributes["cubic_coeff_a"])
        if attributes["coordinate_transformation_mode"] != "tf_half_pixel_for_nn":
            return super()._run(x, roi, scales, sizes, **attributes)
        axes = attributes.get("axes") or range(x.ndim)
        lengths = np.array([x.shape[axis] for axis in axes])
        given = scales is not None and len(scales)
        scale = np.asarray(scales, np.float64) if given else np.asarray(sizes) / lengths
        for axis, n, m, each in zip(axes, lengths, (lengths * scale + 1e-9).astype(int), scale, strict=True):
            if each == 1:
                continue
            place = (np.arange(m) + 0.5) / each
            taps = {
                "floor": np.floor(place),
                "ceil": np.ceil(place),
                "round_prefer_floor": np.ceil(place - 0.5),
                "round_prefer_ceil": np.floor(place + 0.5),
            }[attributes["nearest_mode"]]
            x = x.take(taps.astype(int).clip(0, n - 1), axis)
        return (x,)


def _erf(x: Array) -> Array:
    return np.asarray(np.vectorize(math.erf, otypes=[x.dtype])(x))


CORRECTED = [AveragePool, Erf, GatherElements, Gelu, GlobalMaxPool, HardSwish, LRN, MaxPool, Resize]
"""The operators to give to the evaluator in the place of its own."""
