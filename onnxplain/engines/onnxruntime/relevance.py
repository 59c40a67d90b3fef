"""The quotients of relevance, in as few passes over memory as can be.

The stabilised ratio r / stab(z) is what LRP computes at every node.

On the way back r is most often a product x a, where x is z itself or relu(z): the relevance that the rule of the node
behind it sent. Then r / stab(z) = a (x / stab(z)), with |z| / (|z| + ε) in the bracket, whose sign is known; the
relevance itself is never formed.

The difference quotient Δy / Δx is what DeepLIFT computes at every activation.
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
"""Added to a denominator, it changes nothing but 0/0, which becomes 0."""


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
    """|x| / (|x| + ε): what is left of x / stab(x); 0 where x is."""
    size = abs(x)
    return (size > 0).gate() if eps == 0 else size / (size + eps)


def _stabilised(z: Traced, eps: float) -> Traced:
    if z.nonnegative:
        return z + eps
    number, above = z.emitter.operand, (z >= 0).holds()
    return z + z.emitter.emit("Where", above, number(eps), number(-eps), shape=z.shape)


def _relu_of(x: Traced, z: Traced) -> bool:
    return x.op == "Relu" and x.inputs[0] is z


def quotient(dy: Traced, dx: Traced, near: Condition, slope: Traced) -> Traced:
    """See `Namespace.quotient`.

    Of a ReLU it is (x⁺ + x₀⁺) / (|x| + |x₀|), where nothing cancels: near or far it is exact, and no slope stands in.
    """
    if dy.op == dx.op == "Sub":
        (y, y0), (x, x0) = dy.inputs, dx.inputs
        if y and y0 and x and x0 and _relu_of(y, x) and _relu_of(y0, x0):
            return (y + y0) / (abs(x) + (abs(x0) + TINY))  # what is x₀'s alone is computed once a baseline
    divided = dy / dx
    return divided.emitter.emit("Where", near.holds(), slope, divided, shape=divided.shape)
