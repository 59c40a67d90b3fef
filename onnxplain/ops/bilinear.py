"""BILINEAR and SUM: ops of two operands, linear in each. With one constant side a node of theirs is AFFINE.

`adjoint0(g, w)` is the transpose in the first operand with the second held at w; `adjoint1` the other way round.
The walk sums a message over the axes along which its operand was broadcast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.ops import Family, Op, register

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.arrays import AnyArray
    from onnxplain.engines.namespace import Namespace


def bilinear(
    name: str,
    apply: Callable[..., AnyArray],
    adjoint0: Callable[..., AnyArray],
    adjoint1: Callable[..., AnyArray],
    **roles: Any,
) -> None:
    """Register y = B(a, b)."""
    facts = {"apply": apply, "adjoint0": adjoint0, "adjoint1": adjoint1}
    register(Op(name, Family.BILINEAR, operands=(0, 1), facts=facts, **roles))


def _term(a: AnyArray | None, b: AnyArray | None) -> AnyArray:
    """The operand of a sum, of which the other side is the bias."""
    return b if a is None else a


_terms: dict[str, Callable[..., AnyArray]] = {"apply": _term, "adjoint0": lambda g: g, "adjoint1": lambda g: g}
register(Op("Add", Family.SUM, operands=(0, 1), facts=_terms))

bilinear("Mul", lambda a, b: a * b, lambda g, w: g * w, lambda g, w: g * w)


def _swap(xp: Namespace, m: AnyArray) -> AnyArray:
    return xp.transpose(m, (*range(m.ndim - 2), m.ndim - 1, m.ndim - 2))


def _matmul0(xp: Namespace, g: AnyArray, w: AnyArray, like: AnyArray) -> AnyArray:
    """g Bᵀ; where an operand is a vector, its missing axis is put back first."""
    if w.ndim == 1:
        g, w = xp.expand_dims(g, (-1,)), xp.expand_dims(w, (1,))
    if like.ndim == 1:
        g = xp.expand_dims(g, (-2,))
    return xp.matmul(g, _swap(xp, w))


def _matmul1(xp: Namespace, g: AnyArray, w: AnyArray, like: AnyArray) -> AnyArray:
    """Aᵀ g; the walk sums over the leading axes of the answer for a vector."""
    if like.ndim == 1:
        g = xp.expand_dims(g, (-1,))
    if w.ndim == 1:
        g, w = xp.expand_dims(g, (-2,)), xp.expand_dims(w, (0,))
    product = xp.matmul(_swap(xp, w), g)
    return _swap(xp, product) if like.ndim == 1 else product


bilinear("MatMul", lambda xp, a, b: xp.matmul(a, b), _matmul0, _matmul1, mixes=True)


def _gemm_limits(attrs: Any) -> str:
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


def _terms_of(equation: str) -> tuple[list[str], str]:
    """Indices of the operands and of the output, which may be left to the rule: those that occur once, sorted."""
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    if not arrow:
        letters = inputs.replace("...", "").replace(",", "")
        output = "..." * ("..." in inputs) + "".join(c for c in sorted(set(letters)) if letters.count(c) == 1)
    return inputs.split(","), output


def _einsum_adjoint(xp: Namespace, g: AnyArray, w: AnyArray, like: AnyArray, equation: str, side: int) -> AnyArray:
    """Einsum with the indices of the output and of the wanted operand exchanged."""
    operands, output = _terms_of(equation)
    wanted, other = operands[side], operands[1 - side]
    shared = "".join(c for c in wanted if c in output + other)
    if "..." in output and "..." not in wanted:
        shared = "..." + shared
    answer = xp.einsum(f"{output},{other}->{shared}", g, w)
    summed = [axis for axis, c in enumerate(wanted) if c not in output + other]
    return xp.broadcast_like(xp.expand_dims(answer, summed), like) if summed else answer


def _einsum_limits(attrs: Any) -> str:
    operands, output = _terms_of(attrs["equation"])
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
