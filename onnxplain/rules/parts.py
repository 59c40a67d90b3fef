"""What several rules share: the sign parts of an array, and the redistribution of relevance."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnxplain.engines import Array
    from onnxplain.rules.site import Site

EPS = 1e-6
"""Default stabiliser, in the unit of the pre-activation z."""


def pos(s: Site, v: Array) -> Array:
    """v⁺ = max(v, 0)."""
    return s.xp.maximum(v, 0)


def neg(s: Site, v: Array) -> Array:
    """v⁻ = min(v, 0)."""
    return s.xp.minimum(v, 0)


def redistribute(
    s: Site,
    R: Array,
    *terms: tuple[Array, Array | None],
    bias: Array | None = None,
    eps: float = EPS,
    z: Array | None = None,
) -> Array:
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


def share_out(s: Site, R: Array, eps: float) -> Array:
    """R / stab(y) for a node whose output is the sum of what its operands contribute."""
    return _share(s, R, s.y, eps)


def total(arrays: Iterable[Array]) -> Array:
    """Sum of a few arrays, without a leading 0."""
    return reduce(add, arrays)


def _share(s: Site, R: Array, z: Array, eps: float) -> Array:
    share = s.xp.ratio(R, z, eps)

    def passing(v: Array) -> Array:
        """`v` but for a masked z of -∞ and, without a stabiliser, a z of 0."""
        finite = s.xp.isfinite(z)
        return s.xp.where(finite if eps else finite & (z != 0), v, 0.0)

    s.absorb("lost", lambda: R - passing(R))
    s.absorb("eps", lambda: passing(R) - passing(z) * share)
    return share
