"""Convolution and its adjoint on the GPU, in exact float32 and with the same bits in every run.

The shape decides how a convolution is computed. A GEMM is a matrix product; the columns of im2col are the matrix from
which a convolution is one.

    way        what it does                                               for which shapes
    pointwise  one GEMM                                                   1x1, stride 1, no pads
    direct     one thread per output element                              depthwise, or few channels per group
    tiled      an implicit GEMM, whose columns are never in main memory   many channels per group on both sides
    columns    im2col and a GEMM; for the adjoint a GEMM and col2im       all others, in chunks of rows

`kernels/README.md` describes the kernels.
"""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cupy
import numpy as np

from onnxplain.engines.cupy.arrays import from_memory
from onnxplain.engines.cupy.gemm import matmul
from onnxplain.engines.cupy.kernels import Memory, each, launch, multiprocessors
from onnxplain.engines.cupy.reduce import sum_over
from onnxplain.engines.cupy.structs import Struct, window_struct

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.engines.window import Window

COLUMNS = 256 * 2**20
"""The bytes that the columns of a chunk of rows may take."""

FEW = 8
"""The largest number of channels per group, on both sides, with which a convolution is direct."""

MANY = 16
"""The smallest number of channels per group, on both sides, with which a convolution is tiled."""

TILE = 2**14
"""The number of outputs that a block of a tiled kernel computes: 64 or 128 channels by 256 or 128 positions."""

DEEP = 16
"""The channels that a tiled kernel sums over are filled up with zeros to a multiple of this number."""

TERMS = 64
"""The smallest number of terms in a part, where a tiled kernel splits its sums among several blocks."""

MOST_PARTS = 16
"""The largest number of parts that a sum is split into."""

PASS = 0.02
"""What it costs to add up one part, as a fraction of the time that a wave of blocks takes; see `_parts`."""

_PERMUTED = {"conv_tiled": (0, 3, 2, 1), "conv_adjoint_tiled": (0, 3, 1, 2)}
"""For each tiled kernel, how the axes of a weight [groups, mg, cg, taps] are permuted for it."""

_packed: dict[tuple[int, str, int], Memory] = {}
"""Weights in the layout of a tiled kernel, by id of the weight, name of the kernel, and groups."""


@dataclass(frozen=True)
class _Shape:
    """The shapes of a convolution from x [n, groups * cg, *size] to y [n, groups * mg, *window.out].

    w: the weight [groups * mg, cg, *kernel], C-contiguous. cg, mg: channels per group of x and of y.
    """

    w: Memory
    n: int
    groups: int
    cg: int
    mg: int
    size: tuple[int, ...]
    window: Window

    @classmethod
    def of(cls, w: Memory, like: Any, window: Window, group: int) -> _Shape:
        """Return the shapes for an x that has the shape of `like`."""
        w = cupy.ascontiguousarray(w) if not w.flags.c_contiguous else w
        return cls(w, like.shape[0], group, w.shape[1], w.shape[0] // group, tuple(like.shape[2:]), window)

    @property
    def taps(self) -> int:
        """The number of elements of the kernel."""
        return math.prod(self.window.kernel)

    @property
    def x(self) -> tuple[int, ...]:
        """The shape of x."""
        return (self.n, self.groups * self.cg, *self.size)

    @property
    def y(self) -> tuple[int, ...]:
        """The shape of y."""
        return (self.n, self.groups * self.mg, *self.window.out)

    @property
    def struct(self) -> Struct:
        """The window as the kernels take it."""
        return window_struct(self.window, self.size)

    @property
    def matrix(self) -> Memory:
        """The weight as a matrix for each group, [groups, mg, cg * taps]."""
        return self.w.reshape(self.groups, self.mg, self.cg * self.taps)

    @property
    def way(self) -> str:
        """How to compute the convolution: one of the ways that the module's docstring lists."""
        if self.window.pointwise:
            return "pointwise"
        if max(self.cg, self.mg) <= FEW:
            return "direct"
        return "tiled" if min(self.cg, self.mg) >= MANY else "columns"

    def chunks(self) -> Iterator[slice]:
        """Yield slices of rows whose columns fit into COLUMNS bytes."""
        row = self.groups * self.cg * self.taps * math.prod(self.window.out) * self.w.itemsize
        rows = max(1, COLUMNS // max(row, 1))
        return (slice(start, min(start + rows, self.n)) for start in range(0, self.n, rows))


def conv(x: Memory, w: Memory, window: Window, group: int) -> Memory:
    """Convolve x [N, C, *in] with w [M, C/group, *kernel] to [N, M, *out]."""
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
    """Return the adjoint of `conv` in x: from g [N, M, *out] to [N, C, *in], the shape of `like`."""
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
    """Run a direct kernel, which reads `source` and writes an array of this shape."""
    out = cupy.empty(shape, source.dtype)
    counts = (np.int64(s.n), *map(np.int32, (s.groups, s.cg, s.mg)))
    each(name, out.size, (source, s.w, out, *counts, s.struct), source.dtype)
    return out


def _tiled(
    name: str, source: Memory, s: _Shape, shape: tuple[int, ...], channels: int, places: int, residues: int
) -> Memory:
    """Run a tiled kernel, which reads `source` and writes an array of this shape.

    A block computes some of the `channels` of a group at some of the n * `places` positions. In the adjoint, it does so
    for one of the `residues` that a position can leave when it is divided by the strides. Where there are too few
    blocks to keep the GPU busy, several blocks share a long sum, and their parts are added up afterwards.
    """
    rows = 64 if channels <= 64 else 128
    across, down, deep = -(-s.n * places // (TILE // rows)), -(-channels // rows), s.groups * residues
    if not across * down * deep:
        return cupy.zeros(shape, source.dtype)
    parts = _parts(across * down * deep, s.taps * (s.cg + s.mg - channels))
    out = cupy.empty((parts, *shape), source.dtype)
    counts = tuple(map(np.int32, (s.n, s.groups, s.cg, s.mg, parts)))
    args = (source, _pack(name, s, rows), out, *counts, s.struct)
    launch(name, (across, down, deep * parts), args, source.dtype, BM=rows)
    return out[0] if parts == 1 else sum_over(from_memory(out, out.dtype), [0])[0]


def _parts(blocks: int, terms: int) -> int:
    """Return the number of parts to split the sums of `terms` terms into, so that they take the least time.

    The GPU runs two blocks per multiprocessor at once, a wave. The time is that of the waves, each of which is shorter
    the more parts there are, and PASS for each part that has to be added up.
    """

    def cost(parts: int) -> float:
        return -(-blocks * parts // (2 * multiprocessors())) / parts + parts * PASS

    return min(range(1, max(1, min(terms // TERMS, MOST_PARTS)) + 1), key=cost)


def _pack(name: str, s: _Shape, rows: int) -> Memory:
    """Return the weight in the layout of a tiled kernel whose blocks compute `rows` channels, filled up with zeros.

    It is kept for as long as the weight itself is alive.
    """
    key = (id(s.w), name, s.groups)
    if key not in _packed:
        whole = s.w.reshape(s.groups, s.mg, s.cg, s.taps).transpose(_PERMUTED[name])
        groups, taps, depth, down = whole.shape
        # always a copy: a view would keep the weight alive, and so would never be dropped itself
        packed = cupy.zeros((groups, taps, -(-depth // DEEP) * DEEP, -(-down // rows) * rows), s.w.dtype)
        packed[:, :, :depth, :down] = whole
        _packed[key] = packed
        weakref.finalize(s.w, _packed.pop, key, None).atexit = False
    return _packed[key]
