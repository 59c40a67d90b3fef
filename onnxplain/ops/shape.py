"""SHAPE operators: y rearranges, repeats or drops elements of x.

`adjoint(g, like, i, ...)` returns each element of the message to where the element of y came from: it is the transpose
for the operand at input position i, whose shape is that of `like`. Messages of several copies of an element add up. The
matrix of such an operator holds zeros and ones only, so the transpose is exact. An operator that only puts the elements
into another order states `apply`, the function itself, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.ops import Family, Op, register
from onnxplain.ops.axes import keys, uncopied

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from onnxplain.arrays import AnyArray, Array
    from onnxplain.engines.namespace import Namespace


def shape(
    name: str, adjoint: Callable[..., AnyArray], apply: Callable[..., AnyArray] | None = None, **roles: Any
) -> None:
    """Register an operator by `adjoint` and, for a rearrangement, `apply`. `roles` are further fields of `Op`."""
    facts = {"adjoint": adjoint} | ({"apply": apply} if apply else {})
    register(Op(name, Family.SHAPE, facts=facts, **roles))


# --- the same elements in another order -------------------------------------------------------------------------


def _restore(xp: Namespace, g: AnyArray, like: AnyArray) -> AnyArray:
    return xp.reshape_like(g, like)


def _transpose(xp: Namespace, g: AnyArray, perm: Sequence[int] | None = None) -> AnyArray:
    rank = g.ndim
    return xp.transpose(g, [list(perm).index(i) for i in range(rank)] if perm else list(range(rank))[::-1])


def _depth_to_space(xp: Namespace, g: AnyArray, like: AnyArray, blocksize: int, mode: str) -> AnyArray:
    b, (_, channels, height, width) = blocksize, like.shape
    blocks = xp.reshape(g, (-1, channels // (b * b), height, b, width, b))
    return xp.reshape_like(xp.transpose(blocks, (0, 3, 5, 1, 2, 4) if mode == "DCR" else (0, 1, 3, 5, 2, 4)), like)


def _space_to_depth(xp: Namespace, g: AnyArray, like: AnyArray, blocksize: int, mode: str = "DCR") -> AnyArray:
    b, (_, channels, height, width) = blocksize, like.shape
    split, perm = ((b, b, channels), (0, 3, 4, 1, 5, 2)) if mode == "DCR" else ((channels, b, b), (0, 1, 4, 2, 5, 3))
    blocks = xp.reshape(g, (-1, *split, height // b, width // b))
    return xp.reshape_like(xp.transpose(blocks, perm), like)


def _reverse(
    xp: Namespace, g: AnyArray, like: AnyArray, sequence_lens: Sequence[int], time_axis: int, batch_axis: int
) -> AnyArray:
    """Reverse the first `length` steps of each row again: reversing is its own transpose."""
    positions = np.moveaxis(_positions(like.shape), (batch_axis, time_axis), (0, 1)).copy()
    for row, length in zip(positions, sequence_lens, strict=True):
        row[:length] = row[:length][::-1].copy()
    return _take_flat(xp, g, np.moveaxis(positions, (0, 1), (batch_axis, time_axis)))


for _name in ("Reshape", "Flatten", "Squeeze", "Unsqueeze"):
    shape(_name, _restore, lambda xp, a, like_y: xp.reshape_like(a, like_y), runtime=(1,))
for _name in ("Identity", "Cast", "CastLike"):
    shape(_name, lambda g: g, lambda a: a, held=(1,))  # a CastLike reads the type of its second input
shape("Transpose", _transpose, lambda xp, a, perm=None: xp.transpose(a, perm or range(a.ndim)[::-1]))
shape("DepthToSpace", _depth_to_space)
shape("SpaceToDepth", _space_to_depth)
shape("ReverseSequence", _reverse)

# --- a part of the elements --------------------------------------------------------------------------------------


def _concat(xp: Namespace, g: AnyArray, likes: tuple[AnyArray, ...], i: int, axis: int) -> AnyArray:
    axis %= g.ndim
    start = sum(like.shape[axis] for like in likes[:i])
    return xp.pick(g, keys(g.ndim, {axis: slice(start, start + likes[i].shape[axis])}))


ALL = 2**31 - 1
"""The least end of a Slice by which exporters mean all elements."""


def _slice(
    xp: Namespace,
    g: AnyArray,
    like: AnyArray,
    starts: Sequence[int],
    ends: Sequence[int],
    axes: Sequence[int] | None = None,
    steps: Sequence[int] | None = None,
) -> AnyArray:
    chosen = {}
    for axis, start, end, step in zip(
        axes or range(len(starts)), starts, ends, steps or (1,) * len(starts), strict=True
    ):
        if (start, step) == (0, 1) and end >= ALL:
            continue  # the whole axis, whose length may be open
        start, end, step = slice(start, end, step).indices(like.shape[axis])  # noqa: PLW2901
        # `indices` gives an end of -1 where a negative step reaches the first element; in a slice that is None
        chosen[axis % like.ndim] = slice(start, end if end >= 0 else None, step)
    return xp.unpick(g, like, keys(like.ndim, chosen))


def _compress(xp: Namespace, g: AnyArray, like: AnyArray, condition: Any, axis: int | None = None) -> AnyArray:
    kept = np.flatnonzero(condition)
    return xp.scatter(g, like, xp.const(kept)) if axis is None else xp.untake(g, like, kept, axis % like.ndim)


def _trilu(xp: Namespace, g: AnyArray, upper: int, k: Any = 0) -> AnyArray:
    ones = np.ones(g.shape[-2:])
    return g * xp.const((np.triu if upper else np.tril)(ones, int(np.asarray(k).item())))


def _where(xp: Namespace, g: AnyArray, i: int, condition: Any) -> AnyArray:
    chosen = xp.const(condition)
    return xp.where(chosen, g, 0.0) if i == 1 else xp.where(chosen, 0.0, g)


shape("Concat", _concat, operands=None)
shape("Slice", _slice)
shape("Compress", _compress)
shape("Trilu", _trilu)
shape("Where", _where, operands=(1, 2), runtime=(0,))

# --- the elements and a border -----------------------------------------------------------------------------------


def _pad(
    xp: Namespace, g: AnyArray, like: AnyArray, pads: Sequence[int], mode: str, axes: Sequence[int] | None = None
) -> AnyArray:
    """Return the transpose of padding: it drops padded constants, and adds padded copies of elements to these."""
    axes = [axis % like.ndim for axis in axes or range(like.ndim)]
    ends = dict(zip(axes, zip(pads[: len(axes)], pads[len(axes) :], strict=True), strict=True))
    if mode == "constant":
        return _unpad(xp, g, like, ends)
    for axis, (before, after) in ends.items():
        if before or after:
            size = like.shape[axis]
            g = uncopied(xp, g, _padded(size, before, after, mode), axis, size)
    return g


def _unpad(xp: Namespace, g: AnyArray, like: AnyArray, ends: dict[int, tuple[int, int]]) -> AnyArray:
    """Return the transpose of padding with zeros, or of cropping where a width is negative.

    ends: for each axis, how many elements were added before and behind.
    """
    inside = {a: slice(max(low, 0), g.shape[a] - max(high, 0)) for a, (low, high) in ends.items() if low or high}
    left = {a: slice(max(-low, 0), like.shape[a] - max(-high, 0)) for a, (low, high) in ends.items() if low or high}
    if any(low > 0 or high > 0 for low, high in ends.values()):
        g = xp.pick(g, keys(g.ndim, inside))
    if any(low < 0 or high < 0 for low, high in ends.values()):
        g = xp.unpick(g, like, keys(g.ndim, left))
    return g


def _padded(size: int, before: int, after: int, mode: str) -> Array:
    """Return, for each element of a padded axis, the index of the input element that it copies."""
    kept = np.arange(max(-before, 0), size - max(-after, 0))
    how: Any = mode
    return np.pad(kept, (max(before, 0), max(after, 0)), how)


def _centre(
    xp: Namespace, g: AnyArray, like: AnyArray, like_y: AnyArray, axes: Sequence[int] | None = None
) -> AnyArray:
    """Return the transpose of CenterCropPad, which crops or pads each axis evenly on both sides.

    Where the difference is odd, one element more is added or taken away behind.
    """
    ends = {}
    for axis in axes or range(like.ndim):
        grown = like_y.shape[axis] - like.shape[axis]
        before = grown // 2 if grown >= 0 else -(-grown // 2)
        ends[axis % like.ndim] = (before, grown - before)
    return _unpad(xp, g, like, ends)


shape("Pad", _pad, runtime=(2,))
shape("CenterCropPad", _centre, runtime=(1,))

# --- repeated elements -------------------------------------------------------------------------------------------


def _expand(xp: Namespace, g: AnyArray, like: AnyArray) -> AnyArray:
    return xp.unbroadcast(g, like)


def _tile(xp: Namespace, g: AnyArray, like: AnyArray, repeats: Sequence[int]) -> AnyArray:
    """Split each axis into (copy, position) and sum over the copies. A size of -1 stands for the rows of the batch."""
    split = [n for axis, r in enumerate(repeats) for n in (r, like.shape[axis] if axis else -1)]
    return xp.reshape_like(xp.sum(xp.reshape(g, split), range(0, 2 * like.ndim, 2)), like)


def _gather(xp: Namespace, g: AnyArray, like: AnyArray, indices: Any, axis: int) -> AnyArray:
    return xp.untake(g, like, indices, axis % like.ndim)


def _gather_elements(xp: Namespace, g: AnyArray, like: AnyArray, indices: Any, axis: int) -> AnyArray:
    return xp.scatter_elements(g, like, xp.const(indices), axis % like.ndim)


def _gather_nd(xp: Namespace, g: AnyArray, like: AnyArray, indices: Any, batch_dims: int) -> AnyArray:
    if batch_dims:  # make the indices of the batch axes explicit, so that they count from the first axis
        batch = np.indices(np.shape(indices)[:-1])[:batch_dims]
        indices = np.concatenate([np.moveaxis(batch, 0, -1), indices], -1)
    return xp.scatter_nd(g, like, xp.const(indices))


def _gather_nd_limits(attrs: Mapping[str, Any]) -> str:
    """Return what the transpose does not cover, or "". Batch axes need the indices as a constant."""
    return "batch_dims with computed indices" if attrs["batch_dims"] and "indices" not in attrs else ""


shape("Expand", _expand, runtime=(1,))
shape("Tile", _tile)
shape("Gather", _gather, runtime=(1,))
shape("GatherElements", _gather_elements, runtime=(1,))
shape("GatherND", _gather_nd, runtime=(1,), limits=_gather_nd_limits)

# --- elements put among others -----------------------------------------------------------------------------------


def _scatter(xp: Namespace, g: AnyArray, i: int, positions: Array, reduction: str) -> AnyArray:
    """Return the message of the data (input 0) or of the updates (input 2), which stand at the flat `positions` of y.

    The updates receive the message at their positions. The data receive the whole message where updates are added to
    them, and 0 at these positions where updates replace them (reduction "none").
    """
    if i == 2:
        return _take_flat(xp, g, positions)
    if reduction == "add":
        return g
    kept = np.ones(g.shape)
    kept.flat[positions.ravel()] = 0
    return g * xp.const(kept)


def _scatter_elements(xp: Namespace, g: AnyArray, i: int, indices: Any, axis: int, reduction: str) -> AnyArray:
    where: list[Any] = list(np.ogrid[tuple(map(slice, np.shape(indices)))])
    where[axis] = np.asarray(indices)
    return _scatter(xp, g, i, _positions(g.shape)[tuple(where)], reduction)


def _scatter_nd(xp: Namespace, g: AnyArray, i: int, indices: Any, reduction: str) -> AnyArray:
    where = np.moveaxis(np.asarray(indices), -1, 0)
    return _scatter(xp, g, i, _positions(g.shape)[tuple(where)], reduction)


def _unpool(xp: Namespace, g: AnyArray, I: Any) -> AnyArray:
    """Return the elements of g at the flat positions `I` at which MaxUnpool has put those of x."""
    return xp.take(xp.reshape(g, (-1,)), xp.const(I), 0)


def _unpool_limits(attrs: Mapping[str, Any]) -> str:
    return "output_shape, with which runtimes take the indices for different places," if "output_shape" in attrs else ""


shape("ScatterElements", _scatter_elements, operands=(0, 2))
shape("ScatterND", _scatter_nd, operands=(0, 2))
shape("MaxUnpool", _unpool, runtime=(1,), limits=_unpool_limits)


def _positions(size: Sequence[int]) -> Array:
    """Return an array of this shape in which each element is its own flat position."""
    return np.arange(np.prod(size)).reshape(size)


def _take_flat(xp: Namespace, g: AnyArray, positions: Array) -> AnyArray:
    """Return the elements of g at flat positions, in the shape of `positions`."""
    return xp.take(xp.reshape(g, (-1,)), xp.const(positions), 0)
