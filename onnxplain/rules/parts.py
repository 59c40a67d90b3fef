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
    from onnxplain.plan.bound import Bound
    from onnxplain.walk.site import Site

EPS = 1e-6
"""Default stabiliser, in the unit of the pre-activation z."""


class Stabilised(Rule):
    """A rule with a stabiliser: `eps`, in the unit of z, is added to a denominator z so that it keeps away from 0.

    Raises UsageError where eps is no finite number, 0 or more.
    """

    eps: float

    def __post_init__(self) -> None:
        checks.real(eps=self.eps)

    def takers(self, node: Bound) -> frozenset[str]:  # noqa: ARG002
        """See `Rule`: the stabiliser or, without one, denominators of 0."""
        return frozenset({"eps" if self.eps else "lost"})


class Biased(Stabilised):
    """A stabilised rule that leaves the node's bias its share."""

    def takers(self, node: Bound) -> frozenset[str]:
        """See `Rule`: the bias, where the node has one, besides."""
        return super().takers(node) | ({"bias"} if node.bias is not None else frozenset())


def pos(s: Site, v: AnyArray) -> AnyArray:
    """v⁺ = max(v, 0)."""
    return s.xp.maximum(v, 0)


def neg(s: Site, v: AnyArray) -> AnyArray:
    """v⁻ = min(v, 0)."""
    return s.xp.minimum(v, 0)


def filled(s: Site, v: Array) -> AnyArray:
    """Return v repeated to the shape of the node's operand. Raises UsageError where it does not broadcast."""
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
    """Return Σₖ xₖ A(wₖ)ᵀ (R / stab(z)) with z = Σₖ A(wₖ) xₖ + bias: what every LRP rule does at an AFFINE node.

    Each operand receives relevance in proportion to what it contributes to z. terms: pairs (xₖ, wₖ), whose
    contributions are added up. z: passed where it is known, to save the computation. The book is told what the bias,
    the stabiliser and denominators of 0 take.
    """
    if z is None:
        z = total(s.apply(x, w) for x, w in terms)
        z = z if bias is None else z + bias
    share = _share(s, R, z, eps)
    if bias is not None:
        s.absorb("bias", lambda: s.xp.where(s.xp.isfinite(bias), bias, 0.0) * share)
    return total(x * s.adjoint(share, w) for x, w in terms)


def share_out(s: Site, R: AnyArray, eps: float) -> AnyArray:
    """Return R / stab(y) for a node whose output y is the sum of what its operands contribute."""
    return _share(s, R, s.y, eps)


def total(arrays: Iterable[AnyArray]) -> AnyArray:
    """Return the sum of a few arrays. (`sum` would begin with 0, and trace an addition of it.)"""
    return reduce(add, arrays)


def _share(s: Site, R: AnyArray, z: AnyArray, eps: float) -> AnyArray:
    share = s.xp.ratio(R, z, eps)

    def passing(v: AnyArray) -> AnyArray:
        """Return v where relevance passes: not at a masked z of -∞ nor, without a stabiliser, at a z of 0."""
        finite = s.xp.isfinite(z)
        return s.xp.where(finite if eps else finite & (z != 0), v, 0.0)

    s.absorb("lost", lambda: R - passing(R))
    s.absorb("eps", lambda: passing(R) - passing(z) * share)
    return share
