"""SELECT operators: each element of y is one of the elements of x, the winner of its window or group.

`winners` returns for each operand which of its elements won: their flat positions in the whole tensor, for TopK their
places along the axis or, for Max, a mask. `place(g, winner, like)` puts a message at these elements, among zeros in the
shape of `like`. Among equal elements the first one wins, as in onnxruntime's MaxPool. All operators here take a
maximum, because passes rewrite every minimum as one; TopK alone, which sorts, is told which end to take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.engines.window import Window, uncovered
from onnxplain.ops import Family, Op, register
from onnxplain.ops.axes import reduced_axes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from onnxplain.arrays import AnyArray
    from onnxplain.engines.namespace import Namespace


def select(name: str, winners: Callable[..., Any], place: Callable[..., AnyArray], **roles: Any) -> None:
    """Register an operator by its two facts, see the module's docstring. `roles` are further fields of `Op`."""
    register(Op(name, Family.SELECT, facts={"winners": winners, "place": place}, **roles))


def scatter(xp: Namespace, g: AnyArray, winner: AnyArray, like: AnyArray) -> AnyArray:
    """Return g at the flat positions `winner`, among zeros."""
    return xp.scatter(g, like, winner)


def max_pool_winners(xp: Namespace, xs: tuple[AnyArray, ...], attrs: Mapping[str, Any]) -> tuple[AnyArray]:
    """Return the flat positions of the winners of a MaxPool with attributes `attrs`."""
    (x,) = xs
    return (xp.pool_winners(x, Window.resolve(x.shape[2:], tuple(attrs["kernel_shape"]), attrs)),)


def _global_max_pool(xp: Namespace, xs: tuple[AnyArray, ...]) -> tuple[AnyArray]:
    (x,) = xs
    return (xp.reduce_winners(x, range(2, x.ndim)),)


def _reduce_max(xp: Namespace, xs: tuple[AnyArray, ...], like_y: AnyArray, attrs: Mapping[str, Any]) -> tuple[AnyArray]:
    (x,) = xs
    axes = reduced_axes(x.ndim, attrs)
    return (xp.reshape_like(xp.reduce_winners(x, axes), like_y),)


def _larger(xp: Namespace, xs: tuple[AnyArray, ...]) -> tuple[AnyArray, ...]:
    """Return a mask for each of two operands: 1 where it is the larger one, else 0."""
    first = xp.where(xs[0] >= xs[1], 1.0, 0.0)
    return first, 1 - first


select("MaxPool", max_pool_winners, scatter, limits=uncovered)
select("GlobalMaxPool", _global_max_pool, scatter)
select("ReduceMax", _reduce_max, scatter)


def _chosen(xp: Namespace, Indices: Any) -> tuple[AnyArray]:
    return (xp.const(Indices),)


def _at_places(xp: Namespace, g: AnyArray, winner: AnyArray, like: AnyArray, axis: int) -> AnyArray:
    return xp.scatter_elements(g, like, winner, axis % like.ndim)


select("TopK", _chosen, _at_places, runtime=(1,), beside=(1,))
select("Max", _larger, lambda g, winner: g * winner, operands=(0, 1))
