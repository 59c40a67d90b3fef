"""Simplification while a walk is traced, by what is known of a value: that it is 0 or 1, its sign, its factors.

Rules are written for any network. In a network of ReLUs, half of what they compute is known to be zero, such as the
negative part of a ReLU's output, and with it one of the two convolutions of the z⁺ rule. Such values are recognised
here, so that no node computes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.engines.onnxruntime import bias, negative
from onnxplain.ops.signs import Sign, output_sign

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.engines.onnxruntime.shapes import Shape
    from onnxplain.engines.onnxruntime.traced import Traced

LINEAR = frozenset(
    {"Conv", "ConvTranspose", "MatMul", "Gemm", "Reshape", "Transpose", "ReduceSum", "Neg", "Pad", "Slice"}
)
"""Operators whose output is 0 where their first input is 0; the convolutions here have no bias, and pads are zeros."""

SHARES = frozenset({"Sigmoid", "HardSigmoid"})
"""Operators whose output lies between 0 and 1."""


def filled_with(x: Traced | None, number: float) -> bool:
    """Return whether every element is known to be this number."""
    if x is None:
        return False
    return x.number == number or (x.op == "Expand" and filled_with(x.inputs[0], number))


def sign(x: Traced) -> Sign:
    """Return what its constant or the node that makes it tells of the sign of x."""
    if x.number is not None:
        return Sign(x.number >= 0, x.number <= 0)
    return output_sign(x.op, [None if each is None else each.sign for each in x.inputs])


def factors(x: Traced) -> tuple[Traced | None, Traced | None]:
    """Return the two factors of x where a product made it, else (None, None)."""
    return (x.inputs[0], x.inputs[1]) if x.op == "Mul" else (None, None)


def simplify(op: str, inputs: tuple[Traced | None, ...], shape: Shape) -> Traced | None:
    """Return a value that equals the output of the node `op` over `inputs` and is simpler to compute, or None.

    shape: that of the output, which the value has too.
    """
    first = inputs[0] if inputs else None
    if op in LINEAR and (filled_with(first, 0.0) or (op in ("Conv", "MatMul", "Gemm") and filled_with(inputs[1], 0.0))):
        return first.emitter.filled(0.0, shape) if first else None
    rule = _RULES.get(op)
    return rule(*inputs, shape=shape) if rule else None


def _add(a: Traced, b: Traced, shape: Shape) -> Traced | None:
    """Drop a zero, let a constant become a bias, and write c x + c y as c (x + y)."""
    for zero, other in ((a, b), (b, a)):
        if filled_with(zero, 0.0) and other.shape == shape:
            return other
    with_bias = bias.absorbed(a, b) or bias.absorbed(b, a)
    if with_bias is not None:
        return with_bias
    for i in (0, 1):
        for j in (0, 1):
            common, (x, y) = factors(a)[i], (factors(a)[1 - i], factors(b)[1 - j])
            if (
                common is not None
                and common is factors(b)[j]
                and x is not None
                and y is not None
                and x.shape == y.shape
            ):
                return common * (x + y)
    return None


def _sub(a: Traced, b: Traced, shape: Shape) -> Traced | None:
    """Drop a zero, and write 1 - s of an image between 0 and 1 as clip(1 - s, 0, 1), which stays in its layout."""
    if a.number == 1 and b.op in SHARES and b.ndim == 4 and b.shape == shape:
        return b.emitter.emit("HardSigmoid", b, shape=shape, alpha=-1.0, beta=1.0)
    if filled_with(a, 0.0) and b.shape == shape:
        return -b
    return a if filled_with(b, 0.0) and a.shape == shape else None


def _mul(a: Traced, b: Traced, shape: Shape) -> Traced | None:
    for known, other in ((a, b), (b, a)):
        if filled_with(known, 0.0):
            return a.emitter.filled(0.0, shape)
        if filled_with(known, 1.0) and other.shape == shape:
            return other
        over, below = known.inputs if known.op == "Div" else (None, None)
        if over is not None and below is not None and over.number == 1:
            return other / below  # onnxruntime would fuse a (1 / x) so, and loses a where that is a OneHot
    return _scaled(a, b, shape) or _scaled(b, a, shape) or negative.product(a, b) or negative.product(b, a)


def _scaled(x: Traced, scale: Traced, shape: Shape) -> Traced | None:
    """Write (conv · other) · scale as (conv · scale) · other, where `scale` is constant.

    onnxruntime then folds the constant into the kernel of the convolution.
    """
    if not scale.constant or scale.ndim != 4 or x.constant or x.shape != shape:
        return None
    for side, other in (factors(x), factors(x)[::-1]):
        if side is not None and other is not None and side.op == "Conv" and side.shape == shape:
            return (side * scale) * other
    return None


def _div(a: Traced, b: Traced, shape: Shape) -> Traced | None:
    if b.number:
        return a * (1.0 / b.number)
    return a.emitter.filled(0.0, shape) if filled_with(a, 0.0) else None


def _keep(x: Traced, shape: Shape) -> Traced | None:  # noqa: ARG001
    """Drop a Relu or an Abs of values that are not negative."""
    return x if x.sign.nonnegative else None


def _min(x: Traced, y: Traced, shape: Shape) -> Traced | None:
    """Write min(x, 0) as 0 where x is not negative."""
    for known, other in ((x, y), (y, x)):
        if known.number == 0 and other.sign.nonnegative:
            return x.emitter.filled(0.0, shape)
    return None


_RULES: dict[str, Callable[..., Any]] = {
    "Add": _add,
    "Sub": _sub,
    "Mul": _mul,
    "Div": _div,
    "Relu": _keep,
    "Abs": _keep,
    "Min": _min,
}
