"""Bodies of operators that read an image between its pixels: GridSample, DeformConv, and the grids of AffineGrid.

A position is a coordinate on each spatial axis. What is read there is Σ w x over the pixels around it, its taps. The
weights w are polynomials of how far the position lies behind the last pixel, through which it has a derivative; which
pixels are read is a choice, and has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import product
from typing import TYPE_CHECKING

from onnx import TensorProto

from onnxplain.passes.body import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from onnxplain.passes.body import Given

CUBIC = -0.75
"""The coefficient a of Keys' cubic kernel."""


@dataclass(frozen=True)
class Tap:
    """One pixel of one axis for each position: its index, and its weight; None for a weight of 1."""

    index: str
    weight: str | None


class Sampling(Lines):
    """The lines of a body that samples an image `X` [N, C, *size] at positions of the same shape on each axis."""

    def __init__(self, rank: int, padding: str, *, aligned: bool) -> None:
        super().__init__("X")
        self.rank, self.padding, self.aligned = rank, padding, aligned

    def length(self, axis: int) -> str:
        """Add the length of an axis of X, as a float."""
        return self("CastLike", self("Shape", "X", start=axis, end=axis + 1), "X")

    def poly(self, t: str, *coefficients: float) -> str:
        """Add a polynomial of t by Horner's rule, the highest power first."""
        total = self.number(coefficients[0])
        for each in coefficients[1:]:
            total = self("Add", self("Mul", total, t), self.number(each))
        return total

    def taps(self, at: str, axis: int, mode: str) -> list[Tap]:
        """Add the taps of the positions `at` along an axis: one for "nearest", two for "linear", four for "cubic"."""
        if mode == "nearest":
            return [self._tap(self("Round", at), axis, None)]
        before = self("Floor", at)
        behind = self("Sub", at, before)
        left = self("Sub", self.number(1), behind)
        if mode == "linear":
            weights = {0: left, 1: behind}
        else:
            a, one = CUBIC, self.number(1)
            inner, outer = (a + 2, -(a + 3), 0, 1), (a, -5 * a, 8 * a, -4 * a)
            weights = {
                -1: self.poly(self("Add", behind, one), *outer),
                0: self.poly(behind, *inner),
                1: self.poly(left, *inner),
                2: self.poly(self("Add", left, one), *outer),
            }
        return [self._tap(self("Add", before, self.number(by)), axis, weight) for by, weight in weights.items()]

    def _tap(self, pixel: str, axis: int, weight: str | None) -> Tap:
        """Add a tap at whole positions, of which those outside the image get a pixel of it, or the weight 0."""
        zero, last = self.number(0), self("Sub", self.length(axis), self.number(1))
        if self.padding == "reflection":
            pixel = self._reflected(pixel, last)
        inside = self("Min", self("Max", pixel, zero), last)
        if self.padding == "zeros":
            within = self("CastLike", self("Equal", pixel, inside), "X")
            weight = within if weight is None else self("Mul", weight, within)
        return Tap(self("Cast", inside, to=TensorProto.INT64), weight)

    def _reflected(self, pixel: str, last: str) -> str:
        """Add the pixels that those outside are mirrored to, at the outermost pixels or at the edges behind them."""
        edge = self.number(0 if self.aligned else 0.5)
        span = self("Max", self("Add", last, self("Add", edge, edge)), self.number(1))
        round_trip = self("Add", span, span)
        way = self("Add", pixel, edge)
        trips = self("Floor", self("Div", way, round_trip))
        way = self("Sub", way, self("Mul", trips, round_trip))
        back = self("Sub", span, self("Abs", self("Sub", way, span)))
        return self("Round", self("Sub", back, edge))

    def read(self, image: str, channels: str, last: int, axes: Sequence[list[Tap]]) -> str:
        """Add what is read of an image [N, ..., C, pixels] at positions [N, ..., P]: [N, ..., C, P].

        channels: the shape of the image with 1 for all but the axis C. last: the axis of its pixels, the last one.
        axes: the taps along each spatial axis.
        """
        indices, weights = [], []
        for taps in product(*axes):
            flat = taps[0].index
            for i, tap in enumerate(taps[1:], 1):
                length = self("Shape", "X", start=self.rank - len(axes) + i, end=self.rank - len(axes) + i + 1)
                flat = self("Add", self("Mul", flat, length), tap.index)
            own = [tap.weight for tap in taps if tap.weight is not None]
            indices.append(self("Unsqueeze", flat, self.ints([-2])))
            weights.append(
                self("Unsqueeze", reduce(lambda a, b: self("Mul", a, b), own), self.ints([-2])) if own else ""
            )
        total = None
        for index, weight in zip(indices, weights, strict=True):
            taken = self("GatherElements", image, self("Expand", index, channels), axis=last)
            part = self("Mul", taken, weight) if weight else taken
            total = part if total is None else self("Add", total, part)
        return str(total)


def _grid_sample(n: Given) -> str:
    mode, aligned, spatial = n["mode"].removeprefix("bi"), bool(n["align_corners"]), n.rank - 2
    lines, axes = Sampling(n.rank, n["padding_mode"], aligned=aligned), []
    one, half = lines.number(1), lines.number(0.5)
    for axis in range(2, n.rank):
        place = spatial + 1 - axis  # the grid names the last axis first
        given = lines("Reshape", lines.cut("grid", -1, place, place + 1), lines.ints([0, -1]))
        length = lines.length(axis)
        span = lines("Sub", length, one) if aligned else length
        at = lines("Mul", lines("Mul", lines("Add", given, one), span), half)
        axes.append(lines.taps(at if aligned else lines("Sub", at, half), axis, mode))
    channels = lines("Concat", lines.ints([1]), lines("Shape", "X", start=1, end=2), lines.ints([1]), axis=0)
    found = lines.read(lines("Reshape", "X", lines.ints([0, 0, -1])), channels, 2, axes)
    shape = lines("Concat", lines.ints([0, 0]), lines("Shape", "grid", start=1, end=n.rank - 1), axis=0)
    return lines.text(Y=lines("Reshape", found, shape))


def _affine_grid(n: Given) -> str:
    """Positions of pixels, [..., 1] on their axes from -1 to 1, times the transpose of theta [N, k, k + 1]."""
    k = n.shape[1]
    if not isinstance(k, int):
        return ""
    lines, aligned = Lines("theta"), bool(n["align_corners"])
    sizes = [lines("Slice", "size", lines.ints([2 + i]), lines.ints([3 + i])) for i in range(k)]
    whole = lines("Concat", *sizes, lines.ints([1]), axis=0)
    one, two, columns = lines.number(1), lines.number(2), []
    for i in range(k)[::-1]:
        zero, step = lines("Constant", value_int=0), lines("Constant", value_int=1)
        counted = lines("Range", zero, lines("Squeeze", sizes[i], lines.ints([0])), step)
        pixel, length = lines("CastLike", counted, "theta"), lines("CastLike", sizes[i], "theta")
        if aligned:
            ends = lines("Max", lines("Sub", length, one), one)
            at = lines("Sub", lines("Div", lines("Mul", pixel, two), ends), one)
        else:
            odd = lines("Add", lines("Mul", pixel, two), one)
            at = lines("Sub", lines("Div", odd, length), one)
        laid = lines("Reshape", at, lines.ints([-1 if j == i else 1 for j in range(k + 1)]))
        columns.append(lines("Expand", laid, whole))
    columns.append(lines("Expand", one, whole))
    positions = lines("Reshape", lines("Concat", *columns, axis=k), lines.ints([-1, k + 1]))
    found = lines("MatMul", positions, lines("Transpose", "theta", perm=[0, 2, 1]))
    shape = lines("Concat", lines.ints([0]), *sizes, lines.ints([k]), axis=0)
    return lines.text(grid=lines("Reshape", found, shape))


def _deformed(n: Given) -> str:
    """A convolution whose taps are moved: the columns of image values under the kernel, times the kernel."""
    weights, channels = n.shapes["W"] or (), n.length(1)
    if n.rank != 4 or channels is None or len(weights) != 4 or not all(isinstance(each, int) for each in weights):
        return ""
    outputs, _, *kernel = (int(each or 0) for each in weights)
    groups, parts, count = n["offset_group"], n["group"], kernel[0] * kernel[1]
    lines = Sampling(n.rank, "zeros", aligned=False)
    moved = lines("Reshape", "offset", lines.ints([0, groups, count, 2, -1]))
    axes = []
    for i in range(2):
        own = lines("Squeeze", lines.cut(moved, 3, i, i + 1), lines.ints([3]))
        at = lines("Add", own, _under_the_kernel(lines, n, kernel, i))
        axes.append(lines.taps(lines("Reshape", at, lines.ints([0, groups, -1])), 2 + i, "linear"))
    image = lines("Reshape", "X", lines.ints([0, groups, channels // groups, -1]))
    found = lines.read(image, lines.ints([1, 1, channels // groups, 1]), 3, axes)
    if "mask" in n.inputs:
        found = lines("Mul", found, lines("Reshape", "mask", lines.ints([0, groups, 1, -1])))
    inside = channels // parts * count
    columns = lines("Reshape", found, lines.ints([0, parts, inside, -1]))
    kernels = lines("Reshape", "W", lines.ints([parts, outputs // parts, inside]))
    shape = lines("Concat", lines.ints([0, outputs]), lines("Shape", "offset", start=2), axis=0)
    y = lines("Reshape", lines("MatMul", kernels, columns), shape)
    if "B" in n.inputs:
        y = lines("Add", y, lines("Reshape", "B", lines.ints([1, -1, 1, 1])))
    return lines.text(Y=y)


def _under_the_kernel(lines: Lines, n: Given, kernel: Sequence[int], axis: int) -> str:
    """Add where the elements of the kernel lie along an axis without an offset: [1, 1, elements, positions]."""
    stride, dilation, before = (
        (n.attrs.get(name) or [default] * 4)[axis] for name, default in (("strides", 1), ("dilations", 1), ("pads", 0))
    )
    places = [element // kernel[1] if axis == 0 else element % kernel[1] for element in range(kernel[0] * kernel[1])]
    element = lines("Reshape", lines.ints([place * dilation - before for place in places]), lines.ints([1, -1, 1, 1]))
    length = lines("Squeeze", lines("Shape", "offset", start=2 + axis, end=3 + axis), lines.ints([0]))
    counted = lines("Range", lines("Constant", value_int=0), length, lines("Constant", value_int=1))
    start = lines("Mul", counted, lines.ints([stride]))
    laid = lines("Reshape", start, lines.ints([1, 1, -1, 1] if axis == 0 else [1, 1, 1, -1]))
    whole = lines("Concat", lines.ints([1, 1]), lines("Shape", "offset", start=2), axis=0)
    at = lines("Add", element, lines("Expand", laid, whole))
    return lines("CastLike", lines("Reshape", at, lines.ints([1, 1, kernel[0] * kernel[1], -1])), "X")


SAMPLED: Mapping[str, Callable[[Given], str]] = {
    "AffineGrid": _affine_grid,
    "DeformConv": _deformed,
    "GridSample": _grid_sample,
}
"""By operator, the function that returns the lines of its body."""
