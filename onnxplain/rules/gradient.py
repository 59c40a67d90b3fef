"""The gradient: one rule per family, the chain rule and nothing else. Every other table starts from this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.ops import Family
from onnxplain.rules.rule import rule

if TYPE_CHECKING:
    from onnxplain.arrays import AnyArray
    from onnxplain.walk.site import Site


@rule(Family.AFFINE)
def transpose(s: Site, g: AnyArray) -> AnyArray:
    """AFFINE: A(w)ᵀ g."""
    return s.adjoint(g, s.w)


@rule(Family.SHAPE)
def unshape(s: Site, g: AnyArray) -> AnyArray:
    """SHAPE: each element returns to where it came from; repeated elements add up."""
    return s.adjoint(g)


@rule(Family.SUM)
def copy(s: Site, g: AnyArray) -> tuple[AnyArray, ...]:
    """SUM: both terms receive the message."""
    return s.adjoints(g)


@rule(Family.ELEMENTWISE)
def times_slope(s: Site, g: AnyArray) -> AnyArray:
    """ELEMENTWISE: g f'(x)."""
    return g * s.slope


@rule(Family.SELECT)
def route(s: Site, g: AnyArray) -> tuple[AnyArray, ...]:
    """SELECT: the first winner takes all."""
    return s.place(g, s.winners)


@rule(Family.BILINEAR)
def product(s: Site, g: AnyArray) -> tuple[AnyArray, ...]:
    """BILINEAR: the transpose in each operand, the other held at its value."""
    return s.adjoints(g, *s.xs)


@rule(Family.NORMALISE)
def vjp(s: Site, g: AnyArray) -> AnyArray:
    """NORMALISE: Jᵀ g."""
    return s.vjp(g)
