"""The quotients that rules compute, in as few passes over memory as possible.

LRP computes the stabilised ratio r / stab(z) at every node, where stab(z) = z ± ε with the sign of z. Most often the
relevance r has been sent by the rule of the node behind and is a product x a, where x is z itself or relu(z). Then
r / stab(z) = a (x / stab(z)), and the bracket is |x| / (|x| + ε), which needs no sign of z; the product r is never
computed.

DeepLIFT computes the difference quotient Δy / Δx at every activation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.engines.onnxruntime.algebra import factors, filled_with
from onnxplain.engines.onnxruntime.gates import Comparison

if TYPE_CHECKING:
    from onnxplain.engines.onnxruntime.gates import Condition
    from onnxplain.engines.onnxruntime.traced import Traced

TINY = float(np.finfo(np.float32).tiny)
"""The smallest normal float32. Added to a denominator of 0 it turns 0/0 into 0, and hardly changes any other one."""


def ratio(r: Traced, z: Traced, eps: float) -> Traced:
    """See `Namespace.ratio`."""
    if filled_with(r, 0.0):
        return r
    for x, a in (factors(r), factors(r)[::-1]):
        if x is not None and a is not None and x.shape == z.shape and (x is z or _relu_of(x, z)):
            return a * _own_share(x, eps)
    if eps == 0:
        zero = Comparison("Equal", z, z.emitter.operand(0.0)).holds()
        return z.emitter.emit("Where", zero, z.emitter.operand(0.0), r / z, shape=(r / z).shape)
    return r / _stabilised(z, eps)


def _own_share(x: Traced, eps: float) -> Traced:
    """Return x / stab(x), which is |x| / (|x| + ε); 0 where x is 0."""
    size = abs(x)
    return (size > 0).gate() if eps == 0 else size / (size + eps)


def _stabilised(z: Traced, eps: float) -> Traced:
    """Return stab(z): z + ε where z >= 0, else z - ε."""
    if z.sign.nonnegative:
        return z + eps
    number, above = z.emitter.operand, (z >= 0).holds()
    return z + z.emitter.emit("Where", above, number(eps), number(-eps), shape=z.shape)


def _relu_of(x: Traced, z: Traced) -> bool:
    return x.op == "Relu" and x.inputs[0] is z


def quotient(dy: Traced, dx: Traced, near: Condition, slope: Traced) -> Traced:
    """See `Namespace.quotient`.

    For a ReLU it is (x⁺ + x₀⁺) / (|x| + |x₀|). Nothing cancels in this form, so it is accurate for x near x₀ too, and
    needs no slope there.
    """
    if dy.op == dx.op == "Sub":
        (y, y0), (x, x0) = dy.inputs, dx.inputs
        if y and y0 and x and x0 and _relu_of(y, x) and _relu_of(y0, x0):
            return (y + y0) / (abs(x) + (abs(x0) + TINY))  # |x₀| + TINY depends on the baseline alone and is kept
    divided = dy / dx
    return divided.emitter.emit("Where", near.holds(), slope, divided, shape=divided.shape)
