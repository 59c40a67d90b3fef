"""BILINEAR and SUM operators: functions of two operands a and b. A node is AFFINE where one of them is a constant.

`adjoint0(g, w)` applies the transpose of the map from a to y, where b is held at the value w; `adjoint1(g, w)` does the
same for b, where a is held at w. A message that they return may be larger than its operand where that was broadcast:
the walk sums it over the broadcast axes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.ops import Family, Op, register

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from onnxplain.arrays import AnyArray
    from onnxplain.engines.namespace import Namespace


def bilinear(
    name: str,
    apply: Callable[..., AnyArray],
    adjoint0: Callable[..., AnyArray],
    adjoint1: Callable[..., AnyArray],
    **roles: Any,
) -> None:
    """Register y = B(a, b) by the function and its two transposes. `roles` are further fields of `Op`."""
    facts = {"apply": apply, "adjoint0": adjoint0, "adjoint1": adjoint1}
    register(Op(name, Family.BILINEAR, operands=(0, 1), facts=facts, **roles))


def _term(a: AnyArray | None, b: AnyArray | None) -> AnyArray:
    """Return the side that is given, the linear part of y = x + b: the bias, the other side, is left out as None."""
    return b if a is None else a


_terms: dict[str, Callable[..., AnyArray]] = {"apply": _term, "adjoint0": lambda g: g, "adjoint1": lambda g: g}
register(Op("Add", Family.SUM, operands=(0, 1), facts=_terms))

bilinear("Mul", lambda a, b: a * b, lambda g, w: g * w, lambda g, w: g * w)


def _swap(xp: Namespace, m: AnyArray) -> AnyArray:
    """Transpose the last two axes."""
    return xp.transpose(m, (*range(m.ndim - 2), m.ndim - 1, m.ndim - 2))


def _matmul0(xp: Namespace, g: AnyArray, w: AnyArray, like: AnyArray) -> AnyArray:
    """Return g Bᵀ for w = B. Where an operand is a vector, the axis that it lacks as a matrix is added first."""
    if w.ndim == 1:
        g, w = xp.expand_dims(g, (-1,)), xp.expand_dims(w, (1,))
    if like.ndim == 1:
        g = xp.expand_dims(g, (-2,))
    return xp.matmul(g, _swap(xp, w))


def _matmul1(xp: Namespace, g: AnyArray, w: AnyArray, like: AnyArray) -> AnyArray:
    """Return Aᵀ g for w = A. For a vector b, the walk sums the result over its leading axes."""
    if like.ndim == 1:
        g = xp.expand_dims(g, (-1,))
    if w.ndim == 1:
        g, w = xp.expand_dims(g, (-2,)), xp.expand_dims(w, (0,))
    product = xp.matmul(_swap(xp, w), g)
    return _swap(xp, product) if like.ndim == 1 else product


bilinear("MatMul", lambda xp, a, b: xp.matmul(a, b), _matmul0, _matmul1, mixes=True)


def _gemm_limits(attrs: Mapping[str, Any]) -> str:
    """Return "" for y = a b or a bᵀ, which is all that passes leave of a Gemm."""
    plain = attrs["alpha"] == attrs["beta"] == 1 and not attrs["transA"]
    return "" if plain else "alpha, beta or transA, which a pass absorbs,"


bilinear(
    "Gemm",
    lambda xp, a, b, transB: xp.matmul(a, _swap(xp, b) if transB else b),
    lambda xp, g, w, transB: xp.matmul(g, w if transB else _swap(xp, w)),
    lambda xp, g, w, transB: xp.matmul(_swap(xp, g if transB else w), w if transB else g),
    bias=2,
    mixes=True,
    limits=_gemm_limits,
)


def terms_of(equation: str) -> tuple[list[str], str]:
    """Split an Einsum equation into the index letters of each operand and those of the output.

    An equation without an arrow leaves the output to Einsum's convention: the letters that occur once, sorted.
    """
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    if not arrow:
        letters = inputs.replace("...", "").replace(",", "")
        output = "..." * ("..." in inputs) + "".join(c for c in sorted(set(letters)) if letters.count(c) == 1)
    return inputs.split(","), output


def _einsum_adjoint(xp: Namespace, g: AnyArray, w: AnyArray, like: AnyArray, equation: str, side: int) -> AnyArray:
    """Return the transpose in operand number `side`: an Einsum in which that operand and the output change places.

    An index that only this operand has was summed over, so the message is repeated along its axis.
    """
    operands, output = terms_of(equation)
    wanted, other = operands[side], operands[1 - side]
    shared = "".join(c for c in wanted if c in output + other)
    if "..." in output and "..." not in wanted:
        shared = "..." + shared
    answer = xp.einsum(f"{output},{other}->{shared}", g, w)
    summed = [axis for axis, c in enumerate(wanted) if c not in output + other]
    return xp.broadcast_like(xp.expand_dims(answer, summed), like) if summed else answer


def _einsum_limits(attrs: Mapping[str, Any]) -> str:
    """Return which part of an equation the transpose does not cover, or ""."""
    operands, output = terms_of(attrs["equation"])
    if len(operands) != 2:
        return f"an equation of {len(operands)} operands"
    if any(term.count(c) > 1 for term in operands for c in term if c != "."):
        return "an index that is repeated within an operand"
    summed = any(c not in output + operands[1 - i] for i, term in enumerate(operands) for c in term)
    return "an index of one operand only, beside an ellipsis" if summed and "." in attrs["equation"] else ""


bilinear(
    "Einsum",
    lambda xp, a, b, equation: xp.einsum(equation, a, b),
    lambda xp, g, w, like, equation: _einsum_adjoint(xp, g, w, like, equation, 0),
    lambda xp, g, w, like, equation: _einsum_adjoint(xp, g, w, like, equation, 1),
    mixes=True,
    limits=_einsum_limits,
)
