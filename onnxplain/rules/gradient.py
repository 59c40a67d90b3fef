"""The gradient: for each family, the chain rule and nothing else. The tables of all methods start from these rules."""

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
    """SHAPE: each element of g goes to where its value came from; what came from one place adds up there."""
    return s.adjoint(g)


@rule(Family.SUM)
def copy(s: Site, g: AnyArray) -> tuple[AnyArray, ...]:
    """SUM: g to both terms."""
    return s.adjoints(g)


@rule(Family.ELEMENTWISE)
def times_slope(s: Site, g: AnyArray) -> AnyArray:
    """ELEMENTWISE: g f'(x)."""
    return g * s.slope


@rule(Family.SELECT)
def route(s: Site, g: AnyArray) -> tuple[AnyArray, ...]:
    """SELECT: g to the element that was selected; of several that are equal, to the first."""
    return s.place(g, s.winners)


@rule(Family.BILINEAR)
def product(s: Site, g: AnyArray) -> tuple[AnyArray, ...]:
    """BILINEAR: the transpose in each operand, with the other one held at its value."""
    return s.adjoints(g, *s.xs)


@rule(Family.NORMALISE)
def vjp(s: Site, g: AnyArray) -> AnyArray:
    """NORMALISE: Jᵀ g, J being the Jacobian."""
    return s.vjp(g)
