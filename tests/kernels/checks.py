"""One check per kernel: a run on some geometry, held against float64. The planted bugs run them too."""

from __future__ import annotations

import numpy as np
from kernels.geometry import adjoint_loops, conv_loops
from kernels.launch import OUT, Chain, assert_close, axes, compute, i32, i64, normal, tiles

PIXELS = 2**14
"""Outputs of a block of a tiled convolution: BM rows by PIXELS / BM pixels."""


def pack(w, BM):
    """w [groups, taps, depth, rows], followed by channels and rows of 0 up to multiples of 16 and BM."""
    return np.pad(w, ((0, 0), (0, 0), (0, -w.shape[2] % 16), (0, -w.shape[3] % BM)))


def check_im2col(g, planes=3, dtype="float32"):
    size, out, taps = g.places()
    x = normal(planes, size, dtype=dtype)
    wanted = np.zeros((planes, taps, out), dtype)
    for o, t, i in g.meetings():
        wanted[:, t, o] = x[:, i]
    got = compute("im2col", (x, OUT, i64(planes), g.struct), wanted, dtype=dtype)
    np.testing.assert_array_equal(got, wanted)


def check_col2im(g, planes=3, dtype="float32"):
    size, out, taps = g.places()
    columns = normal(planes, taps, out, dtype=dtype)
    wanted = np.zeros((planes, size))
    for o, t, i in g.meetings():
        wanted[:, i] += columns[:, t, o]
    got = compute("col2im", (columns, OUT, i64(planes), g.struct), wanted.astype(dtype), dtype=dtype)
    assert_close(got, wanted)


def check_conv(g, batch=2, groups=2, cg=2, mg=3, dtype="float32", tile=None):
    """`conv_direct`, or `conv_tiled` by blocks of BM rows and a number of parts: `tile`."""
    places, out, taps = g.places()
    x = normal(batch, groups * cg, places, dtype=dtype)
    w = normal(groups * mg, cg, taps, seed=1, dtype=dtype)
    wanted, size = (conv_loops(a(x), a(w), groups, g) for a in (np.asarray, np.abs))
    if tile is None:
        args = (x, w, OUT, i64(batch), i32(groups), i32(cg), i32(mg), g.struct)
        assert_close(compute("conv_direct", args, wanted.astype(dtype), dtype=dtype), wanted, size)
        return
    BM, parts = tile
    packed = pack(w.reshape(groups, mg, cg, taps).transpose(0, 3, 2, 1), BM)
    args = (x, packed, OUT, i32(batch), i32(groups), i32(cg), i32(mg), i32(parts), g.struct)
    grid = (tiles(batch * out, PIXELS // BM), tiles(mg, BM), groups * parts)
    like = np.zeros((parts, *wanted.shape), dtype)
    assert_close(compute("conv_tiled", args, like, grid=grid, dtype=dtype, BM=BM).sum(0), wanted, size)


def check_conv_adjoint(g, batch=2, groups=2, cg=2, mg=3, dtype="float32", tile=None):
    """`conv_adjoint_direct`, or `conv_adjoint_tiled` by blocks of BM rows and a number of parts: `tile`."""
    _, out, taps = g.places()
    y = normal(batch, groups * mg, out, dtype=dtype)
    w = normal(groups * mg, cg, taps, seed=1, dtype=dtype)
    wanted, size = (adjoint_loops(a(y), a(w), groups, g) for a in (np.asarray, np.abs))
    if tile is None:
        args = (y, w, OUT, i64(batch), i32(groups), i32(cg), i32(mg), g.struct)
        assert_close(compute("conv_adjoint_direct", args, wanted.astype(dtype), dtype=dtype), wanted, size)
        return
    BM, parts = tile
    packed = pack(w.reshape(groups, mg, cg, taps).transpose(0, 3, 1, 2), BM)
    args = (y, packed, OUT, i32(batch), i32(groups), i32(cg), i32(mg), i32(parts), g.struct)
    pixels = np.prod([tiles(s, r) for s, r in zip(g.size, g.strides, strict=True)])
    grid = (tiles(batch * pixels, PIXELS // BM), tiles(cg, BM), groups * int(np.prod(g.strides)) * parts)
    like = np.zeros((parts, *wanted.shape), dtype)
    assert_close(compute("conv_adjoint_tiled", args, like, grid=grid, dtype=dtype, BM=BM).sum(0), wanted, size)


def check_pool_winners(g, x):
    """x [planes, size]; the first maximum in the order of taps, a NaN only where it comes first."""
    planes, size = x.shape
    wanted = np.full((planes, g.places()[1]), -1)
    for plane in range(planes):
        for o, _, i in g.meetings():
            best = wanted[plane, o]
            if best < 0 or x[plane, i] > x.flat[best]:
                wanted[plane, o] = plane * size + i
    got = compute("pool_winners", (x, OUT, i64(planes), g.struct), wanted, dtype=str(x.dtype))
    np.testing.assert_array_equal(got, wanted)
    return wanted


def check_scatter_windows(g, planes=2, dtype="float32"):
    size, out, _ = g.places()
    winners = check_pool_winners(g, np.random.default_rng(0).integers(0, 3, (planes, size)).astype(dtype))
    arriving = normal(planes, out, dtype=dtype)
    wanted = np.zeros(planes * size)
    np.add.at(wanted, winners[winners >= 0], arriving[winners >= 0])
    args = (arriving, winners, OUT, i64(planes), g.struct)
    wanted = wanted.reshape(planes, size)
    assert_close(compute("scatter_windows", args, wanted.astype(dtype), dtype=dtype), wanted)


def check_add_runs(indices, outer, rows, inner, dtype="float32"):
    indices = np.asarray(indices)
    g = normal(outer, indices.size, inner, dtype=dtype)
    wanted = np.zeros((outer, rows, inner))
    np.add.at(wanted, (slice(None), indices), g.astype("d"))
    order = np.argsort(indices, kind="stable")
    args = (g, indices[order], order, OUT, *map(i64, (outer, rows, indices.size, inner)))
    count = (min(tiles(g.size, 256), 3),)
    assert_close(compute("add_runs", args, wanted.astype(dtype), grid=count, zeroed=True, dtype=dtype), wanted)


def _reduction(x, gone, lanes):
    """Arguments and grid of a reduction of x over the axes `gone`."""
    steps = [step // x.itemsize for step in x.strides]
    each = [(n, step) for n, step in zip(x.shape, steps, strict=True)]
    kept, reduced = ([p for axis, p in enumerate(each) if (axis in gone) == want] for want in (False, True))
    across = int(not reduced or (bool(kept) and kept[-1][1] < reduced[-1][1]))
    outputs = int(np.prod([n for n, _ in kept]))
    return (axes(kept, reduced), i32(lanes), i32(across)), (min(tiles(outputs, 256 // lanes), 2),)


def check_reduce_sum(x, gone, lanes):
    """x may be strided: its memory is then handed over. One rounding of the result, beside those of a sum in double."""
    wanted = x.astype("d").sum(tuple(gone))
    args, grid = _reduction(x, gone, lanes)
    memory = x if x.base is None else x.base
    got = compute(
        "reduce_sum", (Chain("r.a0", memory), OUT, *args), wanted.astype(x.dtype), grid=grid, dtype=str(x.dtype)
    )
    terms = abs(x.astype("d")).sum(tuple(gone))
    assert (abs(got - wanted) <= np.finfo(x.dtype).eps / 2 * abs(wanted) + 1e-15 * terms).all()


def check_reduce_winners(x, gone, lanes):
    kept = [axis for axis in range(x.ndim) if axis not in gone]
    rows = np.arange(x.size).reshape(x.shape).transpose(*kept, *gone).reshape(*(x.shape[axis] for axis in kept), -1)
    first = np.argmax(x.ravel()[rows], -1)
    wanted = np.take_along_axis(rows, first[..., None], -1)[..., 0]
    args, grid = _reduction(x, gone, lanes)
    got = compute("reduce_winners", (x, OUT, *args), wanted, grid=grid, dtype=str(x.dtype))
    np.testing.assert_array_equal(got, wanted)


def check_chain(chain, wanted, dtype="float32", epsilons=1):
    """`elementwise`: bits where the result is one of truths, else the rounding of each element."""
    got = compute("elementwise", (chain, OUT, i64(wanted.size)), wanted.astype(dtype if chain.result == "T" else "?"),
                  dtype=dtype)  # fmt: skip
    if chain.result == "bool":
        np.testing.assert_array_equal(got, wanted)
        return
    limits = np.finfo(dtype)
    np.testing.assert_allclose(got, wanted, rtol=epsilons * limits.eps, atol=limits.tiny)


def check_ratio(r, z, eps):
    dtype = r.dtype
    # the denominator is that of the dtype; what is compared is the division
    d = (z + np.where(z >= 0, dtype.type(eps), dtype.type(-eps))).astype("d")
    wanted = np.where(d == 0, 0, r / np.where(d == 0, 1, d))
    check_chain(Chain("xp::ratio(r.a0, r.a1, e.n[0])", r, z, numbers=(eps,)), wanted, str(dtype))
