"""Resize: a linear map that is separable, so one interpolation matrix per resized axis is all there is to it.

A row of a matrix holds the weights of one output position: k(t - x) over the taps t around its coordinate x in the
input, with k the triangle (linear) or Keys' cubic; taps outside count for the border. Coordinates are computed in
float32, as runtimes do: where one lies half way between two pixels, `nearest` must round as they do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.ops.affine import affine
from onnxplain.ops.axes import along

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.arrays import AnyArray
    from onnxplain.engines.namespace import Namespace

Values = Any


@dataclass(frozen=True)
class Line:
    """One resized axis: `n` pixels become `m`, by a factor `scale`; the crop is that of tf_crop_and_resize."""

    n: int
    m: int
    scale: float
    crop: tuple[float, float]
    mode: str
    coordinates: str
    nearest: str
    cubic: float
    antialias: bool
    exclude_outside: bool

    def origin(self) -> Values:
        """Coordinate in the input of each output pixel, float32."""
        n, m, scale, half = map(np.float32, (self.n, self.m, self.scale, 0.5))
        x = np.arange(self.m, dtype=np.float32)
        if self.m == 1 and self.coordinates in ("align_corners", "pytorch_half_pixel"):
            return 0 * x
        if self.coordinates == "align_corners":
            return x * (n - 1) / (m - 1)
        if self.coordinates == "asymmetric":
            return x / scale
        if self.coordinates == "half_pixel_symmetric":
            return n / 2 * (1 - m / (scale * n)) + (x + half) / scale - half
        if self.coordinates == "tf_crop_and_resize":
            return self._cropped(x, n, m)
        return (x + half) / scale - half

    def _cropped(self, x: Values, n: Any, m: Any) -> Values:
        start, stop = map(np.float32, self.crop)
        if self.m == 1:
            return np.float32(0.5) * (start + stop) * (n - 1) + x
        return start * (n - 1) + x * (stop - start) * (n - 1) / (m - 1)

    def matrix(self) -> Values:
        """Weights [m, n]."""
        x = self.origin()
        taps, weights = self._nearest(x) if self.mode == "nearest" else self._kernel(x.astype(np.float64))
        outside = (taps < 0) | (taps >= self.n)
        if self.exclude_outside:
            weights = np.where(outside, 0, weights)
        total = weights.sum(1, keepdims=True)
        matrix = np.zeros((self.m, self.n))
        rows = np.broadcast_to(np.arange(self.m)[:, None], taps.shape)
        np.add.at(matrix, (rows, taps.clip(0, self.n - 1)), weights / np.where(total == 0, 1, total))
        if self.coordinates == "tf_crop_and_resize":
            matrix[(x < 0) | (x > self.n - 1)] = 0
        return matrix

    def _nearest(self, x: Values) -> tuple[Values, Values]:
        half = np.float32(0.5)
        rounded = {
            "round_prefer_floor": np.ceil(x - half),
            "round_prefer_ceil": np.floor(x + half),
            "floor": np.floor(x),
            "ceil": np.ceil(x),
        }[self.nearest]
        taps = rounded.astype(np.int64)[:, None]
        return taps, np.ones(taps.shape)

    def _kernel(self, x: Values) -> tuple[Values, Values]:
        """Taps and weights; with antialias the kernel is as much wider as the image gets smaller."""
        squeeze = min(self.scale, 1.0) if self.antialias else 1.0
        reach = int(np.ceil((1 if self.mode == "linear" else 2) / squeeze))
        taps = np.floor(x).astype(np.int64)[:, None] + np.arange(1 - reach, reach + 1)
        t, a = np.abs(taps - x[:, None]) * squeeze, self.cubic
        if self.mode == "linear":
            return taps, np.maximum(1 - t, 0)
        inner = (a + 2) * t**3 - (a + 3) * t**2 + 1
        outer = a * (t**3 - 5 * t**2 + 8 * t - 4)
        return taps, np.where(t <= 1, inner, np.where(t < 2, outer, 0))


@lru_cache(maxsize=64)
def _matrix(line: Line) -> Values:
    return line.matrix()


def _maps(like: AnyArray, like_y: AnyArray, attrs: Mapping[str, Any]) -> list[tuple[Values, int]]:
    """Matrix and axis of each axis that is resized."""
    axes = [axis % like.ndim for axis in attrs.get("axes") or range(like.ndim)]
    crops = attrs["coordinate_transformation_mode"] == "tf_crop_and_resize"
    roi = np.reshape(attrs["roi"], (2, -1)) if crops else np.tile([[0.0], [1.0]], len(axes))
    scales = _scales(like, like_y, attrs, axes)
    maps = []
    for axis, scale, crop in zip(axes, scales, roi.T.tolist(), strict=True):
        if scale == 1 and like.shape[axis] == like_y.shape[axis]:
            continue  # onnxruntime does not crop such an axis either
        line = Line(
            n=like.shape[axis],
            m=like_y.shape[axis],
            scale=scale,
            crop=tuple(crop),
            mode=attrs["mode"],
            coordinates=attrs["coordinate_transformation_mode"],
            nearest=attrs["nearest_mode"],
            cubic=attrs["cubic_coeff_a"],
            antialias=bool(attrs.get("antialias")),
            exclude_outside=bool(attrs["exclude_outside"]),
        )
        maps.append((_matrix(line), axis))
    return maps


def _scales(like: AnyArray, like_y: AnyArray, attrs: Mapping[str, Any], axes: list[int]) -> list[float]:
    """The factors given; else those that the output's size or, to keep the aspect ratio, the wanted size implies."""
    given = attrs.get("scales")
    if given is not None and len(given):
        return [float(scale) for scale in given]
    policy = attrs.get("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        pairs = [(like_y.shape[axis], like.shape[axis]) for axis in axes]
        return [1.0 if m == n else m / n for m, n in pairs]
    choose = min if policy == "not_larger" else max
    wanted = zip(attrs["sizes"], axes, strict=True)
    return [choose(m / like.shape[axis] for m, axis in wanted)] * len(axes)


def resize(xp: Namespace, a: AnyArray, like_y: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Interpolate, one axis after another."""
    for matrix, axis in _maps(a, like_y, attrs):
        a = along(xp, a, matrix, axis)
    return a


def resize_adjoint(xp: Namespace, g: AnyArray, like: AnyArray, like_y: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Each pixel receives what it gave, by the same weights."""
    for matrix, axis in reversed(_maps(like, like_y, attrs)):
        g = along(xp, g, matrix.T, axis)
    return g


# sizes may be computed: what it says is read from the output
affine("Resize", resize, resize_adjoint, runtime=(3,))
