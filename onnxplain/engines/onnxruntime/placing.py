"""Messages put among zeros, where they belong: the adjoints of slicing, of gathering and of taking a maximum.

Where two elements may go to one place, ScatterElements adds them. ScatterND will not do: onnxruntime runs it in several
threads at once, and of two elements that are added to one place, one may be lost.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.engines.onnxruntime.shapes import Rows, Shape, elements, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.engines.onnxruntime.traced import Traced


def unpick(g: Traced, like: Traced, keys: Sequence[slice]) -> Traced:
    """See `Namespace.unpick`. It is done one axis after another."""
    for axis, key in enumerate(keys):
        if key != slice(None):
            size = number(like.shape[axis])
            g = _place(g, axis, range(size)[key], size) if range(size)[key] != range(size) else g
    return g


def untake(g: Traced, like: Traced, indices: Any, axis: int) -> Traced:
    """See `Namespace.untake`."""
    emitter, size = g.emitter, like.shape[axis]
    if isinstance(indices, type(g)):
        return _add_slices(_flat_axis(g, axis, like, elements(indices.shape)), axis, size, indices)
    places = np.asarray(indices).ravel() % number(size)
    g = _flat_axis(g, axis, like, len(places))
    if len(places) == 1:
        return _place(g, axis, range(places[0], places[0] + 1), number(size))
    put = _put_slices if len(set(places.tolist())) == len(places) else _add_slices
    return put(g, axis, size, emitter.integers(places.tolist()))


def _flat_axis(g: Traced, axis: int, like: Traced, count: Any) -> Traced:
    """Return `g` with the axes that the indices have made of `axis` joined to one of length `count`."""
    return _reshape(g, (*like.shape[:axis], count, *like.shape[axis + 1 :]))


def _place(g: Traced, axis: int, places: range, size: int) -> Traced:
    """Return zeros that have the length `size` along `axis`, with `g` at the positions `places`."""
    if len(places) > 1 and places.step != 1:
        return _put_slices(g, axis, size, g.emitter.integers(places))
    emitter, shape = g.emitter, (*g.shape[:axis], size, *g.shape[axis + 1 :])
    if not places:
        return emitter.filled(0.0, shape)
    # for all axes: where a Transpose stands before it, onnxruntime mistakes the widths of a Pad that names its axes
    pads = [0] * (2 * g.ndim)
    pads[axis], pads[g.ndim + axis] = places[0], size - 1 - places[-1]
    return emitter.emit("Pad", g, emitter.integers(pads), shape=shape)


def _put_slices(g: Traced, axis: int, size: Any, indices: Traced) -> Traced:
    """Put the slices of `g` along `axis` at `indices`, which differ from each other, among zeros of length `size`."""
    order = [axis, *(i for i in range(g.ndim) if i != axis)]
    back = [order.index(i) for i in range(g.ndim)]
    front = _transpose(g, order)
    zeros = g.emitter.filled(0.0, (size, *front.shape[1:]))
    return _transpose(_emit_add("ScatterND", zeros, _reshape(indices, (front.shape[0], 1)), front), back)


def _add_slices(g: Traced, axis: int, size: Any, indices: Traced) -> Traced:
    """Add the slices of `g` along `axis` at `indices` into zeros, of length `size` there; equal indices add up."""
    standing = _reshape(indices, (*(1,) * axis, g.shape[axis], *(1,) * (g.ndim - axis - 1)))
    standing.whole = True
    repeated = g.emitter.emit("Expand", standing, g.emitter.extents(g.shape), shape=g.shape)
    zeros = g.emitter.filled(0.0, (*g.shape[:axis], size, *g.shape[axis + 1 :]))
    return _emit_add("ScatterElements", zeros, repeated, g, axis=axis)


def scatter(g: Traced, like: Traced, winners: Traced) -> Traced:
    """See `Namespace.scatter`. Where no windows overlap, no sums are needed, and a MaxUnpool does it."""
    if winners.op == "MaxPool.1" and _disjoint(winners) and g.shape == winners.shape:
        size = g.emitter.extents(like.shape)
        sides = {name: winners.attrs[name] for name in ("kernel_shape", "strides")}
        return g.emitter.emit("MaxUnpool", g, winners, size, shape=like.shape, **sides)
    total = elements(like.shape)
    zeros = g.emitter.filled(0.0, (total,))
    flat = elements(winners.shape)
    added = _emit_add("ScatterElements", zeros, _reshape(winners, (flat,)), _reshape(g, (flat,)))
    return _reshape(added, like.shape)


def _disjoint(winners: Traced) -> bool:
    """Return whether no element lies in two windows of the pool that has found the winners."""
    reach = [winners.attrs[name] for name in ("kernel_shape", "dilations", "strides")]
    return all((k - 1) * d < s for k, d, s in zip(*reach, strict=True))


def scatter_elements(g: Traced, like: Traced, indices: Traced, axis: int) -> Traced:
    """See `Namespace.scatter_elements`."""
    return _emit_add("ScatterElements", g.emitter.filled(0.0, like.shape), indices, g, axis=axis)


def scatter_nd(g: Traced, like: Traced, indices: Traced) -> Traced:
    """See `Namespace.scatter_nd`. An index tuple becomes a flat position among the slices; -1 is the last one."""
    emit, emitter = g.emitter.emit, g.emitter
    depth, count = number(indices.shape[-1]), elements(indices.shape[:-1])
    steps = [math.prod(map(number, like.shape[i + 1 : depth])) for i in range(depth)]
    tuples = _reshape(indices, (count, depth))
    inside = emit("Mod", tuples, emitter.extents(like.shape[:depth]), shape=tuples.shape)
    offsets = emit("Mul", inside, emitter.integers(steps), shape=tuples.shape)
    positions = emit("ReduceSum", offsets, emitter.integers([1]), shape=(count,), keepdims=0)
    slices = _reshape(g, (count, *like.shape[depth:]))
    return _reshape(_add_slices(slices, 0, elements(like.shape[:depth]), positions), like.shape)


def reduce_winners(x: Traced, axes: Sequence[int]) -> Traced:
    """See `Namespace.reduce_winners`.

    ArgMax gives a position within the reduced axes. A table turns it into the offset in the whole tensor, to which the
    offsets along the kept axes are added.
    """
    emit, emitter = x.emitter.emit, x.emitter
    axes = sorted(axis % x.ndim for axis in axes)
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    rows = _transpose(x, [*kept, *axes])
    rows = _reshape(rows, (*(x.shape[axis] for axis in kept), math.prod(x.shape[axis] for axis in axes)))
    best = emit("ArgMax", rows, shape=(*rows.shape[:-1], 1), axis=-1, keepdims=1)
    best = _reshape(best, tuple(1 if axis in axes else size for axis, size in enumerate(x.shape)))
    inner = [number(x.shape[axis]) for axis in axes]
    steps = [math.prod(x.shape[axis + 1 :]) for axis in range(x.ndim)]
    table = np.tensordot(np.indices(inner).reshape(len(inner), -1), [steps[axis] for axis in axes], (0, 0))
    position = emit("Gather", emitter.constant(table.astype(np.int64)), best, shape=best.shape, axis=0)
    for axis in kept:
        column = tuple(x.shape[axis] if i == axis else 1 for i in range(x.ndim))
        stop = _reshape(emitter.extents((x.shape[axis],)), ())
        counted = emit(
            "Range", emitter.constant(np.array(0)), stop, emitter.constant(np.array(1)), shape=(x.shape[axis],)
        )
        offset = emit("Mul", _reshape(counted, column), emitter.constant(np.array(steps[axis])), shape=column)
        position = emit("Add", position, offset, shape=best.shape)
    return position


def _emit_add(op: str, zeros: Traced, indices: Traced, g: Traced, **attrs: Any) -> Traced:
    """Emit a scatter operator that adds `g` to `zeros` at `indices`."""
    return g.emitter.emit(op, zeros, indices, g, shape=zeros.shape, reduction="add", **attrs)


def _transpose(x: Traced, perm: list[int]) -> Traced:
    if perm == sorted(perm):
        return x
    return x.emitter.emit("Transpose", x, shape=tuple(x.shape[axis] for axis in perm), perm=perm)


def _reshape(x: Traced, shape: Shape) -> Traced:
    if shape == x.shape:
        return x
    sizes = [-1 if isinstance(size, Rows) else size for size in shape]
    return x.emitter.emit("Reshape", x, x.emitter.integers(sizes), shape=shape)
