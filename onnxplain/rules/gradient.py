"""The gradient: one rule per family, the chain rule and nothing else. Every other table starts from this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxplain.engines.namespace import Array
    from onnxplain.walk.site import Site


def transpose(s: Site, g: Array) -> Array:
    """AFFINE: A(w)ᵀ g."""
    return s.adjoint(g, s.w)


def unshape(s: Site, g: Array) -> Array:
    """SHAPE: each element returns to where it came from; repeated elements add up."""
    return s.adjoint(g)


def copy(s: Site, g: Array) -> tuple[Array, ...]:
    """SUM: both terms receive the message."""
    return s.adjoints(g)


def times_slope(s: Site, g: Array) -> Array:
    """ELEMENTWISE: g f'(x)."""
    return g * s.slope


def route(s: Site, g: Array) -> tuple[Array, ...]:
    """SELECT: the first winner takes all."""
    return s.place(g, s.winners)


def product(s: Site, g: Array) -> tuple[Array, ...]:
    """BILINEAR: the transpose in each operand, the other held at its value."""
    return s.adjoints(g, *s.xs)


def vjp(s: Site, g: Array) -> Array:
    """NORMALISE: Jᵀ g."""
    return s.vjp(g)
