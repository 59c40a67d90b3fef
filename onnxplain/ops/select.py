"""SELECT: y is one of the elements of x. `winners` says which, `place` puts a message there.

On a tie the first winner takes all, as onnxruntime's MaxPool index does. The passes turn every minimum into a maximum.
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
    """Register by `winners(xs, y)`, one per operand, and `place(g, winner, like)`."""
    register(Op(name, Family.SELECT, facts={"winners": winners, "place": place}, **roles))


def _scatter(xp: Namespace, g: AnyArray, winner: AnyArray, like: AnyArray) -> AnyArray:
    return xp.scatter(g, like, winner)


def _max_pool(xp: Namespace, xs: tuple[AnyArray, ...], attrs: Mapping[str, Any]) -> tuple[AnyArray]:
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
    first = xp.where(xs[0] >= xs[1], 1.0, 0.0)
    return first, 1 - first


select("MaxPool", _max_pool, _scatter, limits=uncovered)
select("GlobalMaxPool", _global_max_pool, _scatter)
select("ReduceMax", _reduce_max, _scatter)
select("Max", _larger, lambda g, winner: g * winner, operands=(0, 1))
