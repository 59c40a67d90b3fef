"""Convolution and its transpose, float32 and deterministic, by the way that fits the shape.

pointwise   one GEMM                                     1x1, stride 1, no pads
direct      one thread an output                         depthwise, few channels
tiled       an implicit GEMM, nothing is written between many channels on both sides
columns     im2col and a GEMM, or a GEMM and col2im      the rest, in chunks of rows that fit a budget
"""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cupy
import numpy as np

from onnxplain.engines.cupy.arrays import placed
from onnxplain.engines.cupy.gemm import matmul
from onnxplain.engines.cupy.kernels import Memory, each, launch, multiprocessors
from onnxplain.engines.cupy.reduce import sum_over
from onnxplain.engines.cupy.structs import window_struct

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.engines.window import Window

COLUMNS = 256 * 2**20
"""Bytes of columns that exist at once."""
FEW, MANY = 8, 16
"""Channels a group: at most FEW on both sides is direct, at least MANY on both is tiled."""
TILE, DEEP = 2**14, 16
"""Outputs of a tile; packed weights have a multiple of so many channels."""
TERMS, MOST_PARTS, PASS = 64, 16, 0.02
"""Terms that a part of a split sum has at the least; parts at the most; adding one, in waves."""
_PERMUTED = {"conv_tiled": (0, 3, 2, 1), "conv_adjoint_tiled": (0, 3, 1, 2)}
_packed: dict[tuple[int, str, int], Memory] = {}


@dataclass(frozen=True)
class _Shape:
    """A convolution from [n, groups * cg, *size] to [n, groups * mg, *window.out] by w, the weight without gaps."""

    w: Memory
    n: int
    groups: int
    cg: int
    mg: int
    size: tuple[int, ...]
    window: Window

    @classmethod
    def of(cls, w: Memory, like: Any, window: Window, group: int) -> _Shape:
        w = cupy.ascontiguousarray(w) if not w.flags.c_contiguous else w
        return cls(w, like.shape[0], group, w.shape[1], w.shape[0] // group, tuple(like.shape[2:]), window)

    @property
    def taps(self) -> int:
        return math.prod(self.window.kernel)

    @property
    def x(self) -> tuple[int, ...]:
        return (self.n, self.groups * self.cg, *self.size)

    @property
    def y(self) -> tuple[int, ...]:
        return (self.n, self.groups * self.mg, *self.window.out)

    @property
    def struct(self) -> Any:
        return window_struct(self.window, self.size)

    @property
    def matrix(self) -> Memory:
        """The weight [groups, mg, cg * taps]."""
        return self.w.reshape(self.groups, self.mg, self.cg * self.taps)

    @property
    def way(self) -> str:
        """How to compute it."""
        if self.window.pointwise:
            return "pointwise"
        if max(self.cg, self.mg) <= FEW:
            return "direct"
        return "tiled" if min(self.cg, self.mg) >= MANY else "columns"

    def chunks(self) -> Iterator[slice]:
        """Rows whose columns fit the budget."""
        row = self.groups * self.cg * self.taps * math.prod(self.window.out) * self.w.itemsize
        rows = max(1, COLUMNS // max(row, 1))
        return (slice(start, min(start + rows, self.n)) for start in range(0, self.n, rows))


def conv(x: Memory, w: Memory, window: Window, group: int) -> Memory:
    """Convolution of x [N, C, *in] with w [M, C/group, *kernel] -> [N, M, *out]."""
    s, x = _Shape.of(w, x, window, group), cupy.ascontiguousarray(x)
    way = s.way
    if way == "pointwise":
        return matmul(s.matrix, x.reshape(s.n, group, s.cg, -1)).reshape(s.y)
    if way == "direct":
        return _direct("conv_direct", x, s, s.y)
    if way == "tiled":
        return _tiled("conv_tiled", x, s, s.y, s.mg, math.prod(window.out), 1)
    y = cupy.empty((s.n, group, s.mg, math.prod(window.out)), x.dtype)
    for rows in s.chunks():
        part = x[rows]
        columns = cupy.empty((len(part), group, s.cg * s.taps, y.shape[-1]), x.dtype)
        planes = np.int64(len(part) * group * s.cg)
        each("im2col", columns.size, (part, columns, planes, s.struct), x.dtype)
        y[rows] = matmul(s.matrix, columns)
    return y.reshape(s.y)


def conv_adjoint(g: Memory, w: Memory, like: Any, window: Window, group: int) -> Memory:
    """Transpose of `conv` in x: g [N, M, *out] -> [N, C, *in] of `like`."""
    s, g = _Shape.of(w, like, window, group), cupy.ascontiguousarray(g)
    way, turned = s.way, s.matrix.transpose(0, 2, 1)
    if way == "pointwise":
        return matmul(turned, g.reshape(s.n, group, s.mg, -1)).reshape(s.x)
    if way == "direct":
        return _direct("conv_adjoint_direct", g, s, s.x)
    if way == "tiled":
        phases = [-(-size // stride) for size, stride in zip(s.size, window.strides, strict=True)]
        return _tiled("conv_adjoint_tiled", g, s, s.x, s.cg, math.prod(phases), math.prod(window.strides))
    x, g = cupy.empty(s.x, g.dtype), g.reshape(s.n, group, s.mg, -1)
    for rows in s.chunks():
        columns, part = matmul(turned, g[rows]), x[rows]
        each("col2im", part.size, (columns, part, np.int64(len(part) * s.x[1]), s.struct), g.dtype)
    return x


def _direct(name: str, source: Memory, s: _Shape, shape: tuple[int, ...]) -> Memory:
    out = cupy.empty(shape, source.dtype)
    counts = (np.int64(s.n), *map(np.int32, (s.groups, s.cg, s.mg)))
    each(name, out.size, (source, s.w, out, *counts, s.struct), source.dtype)
    return out


def _tiled(
    name: str, source: Memory, s: _Shape, shape: tuple[int, ...], channels: int, places: int, residues: int
) -> Memory:
    """Tiles of `channels` by n * `places`, once per residue of the strides; a long sum is split where tiles are few."""
    rows = 64 if channels <= 64 else 128
    across, down, deep = -(-s.n * places // (TILE // rows)), -(-channels // rows), s.groups * residues
    if not across * down * deep:
        return cupy.zeros(shape, source.dtype)
    parts = _parts(across * down * deep, s.taps * (s.cg + s.mg - channels))
    out = cupy.empty((parts, *shape), source.dtype)
    counts = tuple(map(np.int32, (s.n, s.groups, s.cg, s.mg, parts)))
    args = (source, _pack(name, s, rows), out, *counts, s.struct)
    launch(name, (across, down, deep * parts), args, source.dtype, BM=rows)
    return out[0] if parts == 1 else sum_over(placed(out, out.dtype), [0])[0]


def _parts(blocks: int, terms: int) -> int:
    """Into how many parts a sum is split: fewest waves of two blocks a multiprocessor, and passes to add them up."""

    def cost(parts: int) -> float:
        return -(-blocks * parts // (2 * multiprocessors())) / parts + parts * PASS

    return min(range(1, max(1, min(terms // TERMS, MOST_PARTS)) + 1), key=cost)


def _pack(name: str, s: _Shape, rows: int) -> Memory:
    """The weight permuted for tiles of so many rows, followed by 0; kept as long as the weight itself lives."""
    key = (id(s.w), name, s.groups)
    if key not in _packed:
        whole = s.w.reshape(s.groups, s.mg, s.cg, s.taps).transpose(_PERMUTED[name])
        groups, taps, depth, down = whole.shape
        # a copy even where it lies right already: a view would keep the weight, and so itself, alive
        packed = cupy.zeros((groups, taps, -(-depth // DEEP) * DEEP, -(-down // rows) * rows), s.w.dtype)
        packed[:, :, :depth, :down] = whole
        _packed[key] = packed
        weakref.finalize(s.w, _packed.pop, key, None).atexit = False
    return _packed[key]
