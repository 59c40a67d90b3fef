"""What several rules share: the stabiliser, the sign parts of an array, and the redistribution of relevance."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from onnxplain import checks
from onnxplain.errors import UsageError
from onnxplain.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnxplain.arrays import AnyArray, Array
    from onnxplain.walk.site import Site

EPS = 1e-6
"""Default stabiliser, in the unit of the pre-activation z."""


class Stabilised(Rule):
    """A rule whose denominators `eps` keeps from 0; a UsageError for one that is no finite number, 0 or more."""

    eps: float

    def __post_init__(self) -> None:
        checks.real(eps=self.eps)


def pos(s: Site, v: AnyArray) -> AnyArray:
    """v⁺ = max(v, 0)."""
    return s.xp.maximum(v, 0)


def neg(s: Site, v: AnyArray) -> AnyArray:
    """v⁻ = min(v, 0)."""
    return s.xp.minimum(v, 0)


def filled(s: Site, v: Array) -> AnyArray:
    """v repeated to the shape of the operand, as NumPy broadcasts; a UsageError where it does not fit."""
    like = s.like(s.node.operands[0])
    sides = zip(v.shape[::-1], like.shape[::-1], strict=False)
    if v.ndim > like.ndim or any(own not in (1, size) for own, size in sides):
        raise UsageError(
            f"bounds of shape {v.shape} at node {s.node.name!r}, which takes rows of shape {tuple(like.shape[1:])}: "
            "expected a number, or one per channel"
        )
    return s.xp.const(v) * s.xp.ones_like(like)


def redistribute(
    s: Site,
    R: AnyArray,
    *terms: tuple[AnyArray, AnyArray | None],
    bias: AnyArray | None = None,
    eps: float = EPS,
    z: AnyArray | None = None,
) -> AnyArray:
    """Σₖ xₖ A(wₖ)ᵀ (R / stab(z)) with z = Σₖ A(wₖ) xₖ + bias, over `terms` (xₖ, wₖ): the core of LRP at an AFFINE node.

    Pass `z` where it is known. What the bias, the stabiliser and zero denominators take is booked.
    """
    if z is None:
        z = total(s.apply(x, w) for x, w in terms)
        z = z if bias is None else z + bias
    share = _share(s, R, z, eps)
    if bias is not None:
        s.absorb("bias", lambda: s.xp.where(s.xp.isfinite(bias), bias, 0.0) * share)
    return total(x * s.adjoint(share, w) for x, w in terms)


def share_out(s: Site, R: AnyArray, eps: float) -> AnyArray:
    """R / stab(y) for a node whose output is the sum of what its operands contribute."""
    return _share(s, R, s.y, eps)


def total(arrays: Iterable[AnyArray]) -> AnyArray:
    """Sum of a few arrays, without a leading 0."""
    return reduce(add, arrays)


def _share(s: Site, R: AnyArray, z: AnyArray, eps: float) -> AnyArray:
    share = s.xp.ratio(R, z, eps)

    def passing(v: AnyArray) -> AnyArray:
        """`v` but for a masked z of -∞ and, without a stabiliser, a z of 0."""
        finite = s.xp.isfinite(z)
        return s.xp.where(finite if eps else finite & (z != 0), v, 0.0)

    s.absorb("lost", lambda: R - passing(R))
    s.absorb("eps", lambda: passing(R) - passing(z) * share)
    return share
