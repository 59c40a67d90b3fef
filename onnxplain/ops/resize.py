"""Resize: a linear map that works on one axis at a time, so that one interpolation matrix per axis describes it.

Along a long axis the matrix is not made: the few elements of each row that are not 0 are taken by themselves.
A row of a matrix holds the weights of one output position. That position has a coordinate x in the input; the input
positions t around x, its taps, have the weights k(t - x), where k is a triangle (linear) or Keys' cubic kernel. The
weight of a tap outside the input goes to the nearest border pixel. Coordinates are computed in float32, as onnxruntime
does: where one lies half way between two pixels, the mode `nearest` has to round it to the same side. A walk in double
precision follows a forward run in double, and the weights of the other modes are then those of coordinates in double.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.ops.affine import affine
from onnxplain.ops.axes import along, tapped, tapped_adjoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.arrays import AnyArray, Array
    from onnxplain.engines.namespace import Namespace


@dataclass(frozen=True)
class Line:
    """One resized axis: `n` pixels become `m`, by the factor `scale`. The other fields are Resize's attributes.

    crop: start and end of the region of tf_crop_and_resize, as fractions of the axis. mode: "nearest", "linear" or
    "cubic". coordinates: ONNX's coordinate_transformation_mode. nearest: ONNX's nearest_mode, how a coordinate is
    rounded. cubic: the coefficient a of the cubic kernel. antialias: whether the kernel widens where the axis shrinks.
    exclude_outside: whether taps outside the input get the weight 0, rather than that of the border. precise: whether
    the walk computes in double precision.
    """

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
    precise: bool = False

    def origin(self) -> Array:
        """Return the coordinate in the input of each output pixel, in pixels: in float32, or in double if it weighs."""
        return np.asarray(self._origin(np.dtype("float64" if self.precise and self.mode != "nearest" else "float32")))

    def _origin(self, real: np.dtype[Any]) -> Any:
        """Return the coordinates, computed in a dtype."""
        n, m, scale, half = np.array([self.n, self.m, self.scale, 0.5], real)
        x = np.arange(self.m, dtype=real)
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
        centre = (x + half) / scale
        return centre if self.coordinates == "tf_half_pixel_for_nn" else centre - half

    def _cropped(self, x: Array, n: Any, m: Any) -> Any:
        """Return the coordinates for output pixels x of tf_crop_and_resize."""
        start, stop = np.array(self.crop, x.dtype)
        if self.m == 1:
            return (start + stop) / 2 * (n - 1) + x
        return start * (n - 1) + x * (stop - start) * (n - 1) / (m - 1)

    def spread(self) -> tuple[Array, Array]:
        """Return the taps of each output pixel and their weights, both [m, taps], with the taps within the input.

        The weights of a pixel sum to 1, or to 0 where all of its taps are left out.
        """
        x = self.origin()
        taps, weights = self._nearest(x) if self.mode == "nearest" else self._kernel(x.astype(np.float64))
        outside = (taps < 0) | (taps >= self.n)
        if self.exclude_outside:
            weights = np.where(outside, 0, weights)
        total = weights.sum(1, keepdims=True)
        weights = weights / np.where(total == 0, 1, total)
        if self.coordinates == "tf_crop_and_resize":
            weights[(x < 0) | (x > self.n - 1)] = 0
        return taps.clip(0, self.n - 1), weights

    def matrix(self) -> Array:
        """Return the interpolation matrix [m, n]: the weights of each output pixel at its taps."""
        taps, weights = self.spread()
        matrix = np.zeros((self.m, self.n))
        np.add.at(matrix, (np.broadcast_to(np.arange(self.m)[:, None], taps.shape), taps), weights)
        return matrix

    def _nearest(self, x: Array) -> tuple[Array, Array]:
        """Return the one tap of each output pixel and its weight 1, both [m, 1]."""
        half = np.float32(0.5)
        rounded = {
            "round_prefer_floor": np.ceil(x - half),
            "round_prefer_ceil": np.floor(x + half),
            "floor": np.floor(x),
            "ceil": np.ceil(x),
        }[self.nearest]
        taps = rounded.astype(np.int64)[:, None]
        return taps, np.ones(taps.shape)

    def _kernel(self, x: Array) -> tuple[Array, Array]:
        """Return taps and weights, both [m, taps]. With `antialias` the kernel widens as the image shrinks."""
        squeeze = min(self.scale, 1.0) if self.antialias else 1.0
        reach = int(np.ceil((1 if self.mode == "linear" else 2) / squeeze))
        taps = np.floor(x).astype(np.int64)[:, None] + np.arange(1 - reach, reach + 1)
        t, a = np.abs(taps - x[:, None]) * squeeze, self.cubic
        if self.mode == "linear":
            return taps, np.maximum(1 - t, 0)
        inner = (a + 2) * t**3 - (a + 3) * t**2 + 1
        outer = a * (t**3 - 5 * t**2 + 8 * t - 4)
        return taps, np.where(t <= 1, inner, np.where(t < 2, outer, 0))


_DENSE = 2**20
"""Elements of the largest matrix that is made; along longer axes, taps are taken one by one."""


@lru_cache(maxsize=64)
def _matrix(line: Line) -> Array:
    """Return `line.matrix()`, kept for the last lines that were asked for."""
    return line.matrix()


def _maps(xp: Namespace, like: AnyArray, like_y: AnyArray, attrs: Mapping[str, Any]) -> list[tuple[Line, int]]:
    """Return (line, axis) for each axis that is resized."""
    precise = getattr(xp, "dtype", np.float32) == np.float64  # a walk that is traced has no dtype: it is in float32
    axes = [axis % like.ndim for axis in attrs.get("axes") or range(like.ndim)]
    crops = attrs["coordinate_transformation_mode"] == "tf_crop_and_resize"
    roi = np.reshape(attrs["roi"], (2, -1)) if crops else np.tile([[0.0], [1.0]], len(axes))
    scales = _scales(like, like_y, attrs, axes)
    maps = []
    for axis, scale, crop in zip(axes, scales, roi.T.tolist(), strict=True):
        if scale == 1 and like.shape[axis] == like_y.shape[axis]:
            continue  # onnxruntime leaves an axis of unchanged length alone, even where a crop is given for it
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
            precise=bool(precise),
        )
        maps.append((line, axis))
    return maps


def _scales(like: AnyArray, like_y: AnyArray, attrs: Mapping[str, Any], axes: list[int]) -> list[float]:
    """Return the factor for each axis: as given, or as the sizes imply.

    With `sizes`, the factor is output over input, each axis by itself; a policy that keeps the aspect ratio takes one
    factor for all axes, the smallest or the largest that the wanted sizes imply.
    """
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
    """Interpolate along one axis after another."""
    for line, axis in _maps(xp, a, like_y, attrs):
        dense = line.n * line.m <= _DENSE
        a = along(xp, a, _matrix(line), axis) if dense else tapped(xp, a, *line.spread(), axis)
    return a


def resize_adjoint(xp: Namespace, g: AnyArray, like: AnyArray, like_y: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Go along the axes in the opposite order: each pixel receives by the weights with which it gave."""
    for line, axis in reversed(_maps(xp, like, like_y, attrs)):
        dense = line.n * line.m <= _DENSE
        g = along(xp, g, _matrix(line).T, axis) if dense else tapped_adjoint(xp, g, *line.spread(), axis, line.n)
    return g


def _limits(attrs: Mapping[str, Any]) -> str:
    """Return in words what the facts do not cover, or ""."""
    pixels = attrs["coordinate_transformation_mode"] == "tf_half_pixel_for_nn"
    return f"tf_half_pixel_for_nn with mode {attrs['mode']!r}" if pixels and attrs["mode"] != "nearest" else ""


# the input `sizes` may be computed by the graph, because the sizes are read from the shape of the output
affine("Resize", resize, resize_adjoint, runtime=(3,), limits=_limits)
