"""ELEMENTWISE: y = f(x). The runtime computes f; the fact is the slope dy/dx, from x, y and the attributes.

At a kink the slope is the one on the left: 0 for a ReLU at 0. Where a slope can be had from y, x need not be kept.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.ops import Family, Op, register

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.engines import Array, Namespace


def elementwise(name: str, slope: Callable[..., Array], **roles: Any) -> None:
    """Register y = f(x) by its slope; `roles` as in `Op`."""
    register(Op(name, Family.ELEMENTWISE, facts={"slope": slope}, **roles))


def _clip(xp: Namespace, y: Array, min: float | None = None, max: float | None = None) -> Array:  # noqa: A002
    low, high = -math.inf if min is None else min, math.inf if max is None else max
    return xp.where((y > low) & (y < high), 1.0, 0.0)


def _gelu(xp: Namespace, x: Array, y: Array, approximate: str) -> Array:
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
        t = xp.tanh(inner)
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
    cdf = xp.where(x == 0, 0.5, y / xp.where(x == 0, 1.0, x))
    return cdf + x * xp.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def _swish(xp: Namespace, x: Array, alpha: float) -> Array:
    s = xp.sigmoid(alpha * x)
    return s + alpha * x * s * (1 - s)


def _pow(xp: Namespace, x: Array, Y: Any) -> Array:
    p = np.asarray(Y, np.float64)
    # an exponent of 0 has slope 0 at 0 too, where x^-1 is infinite
    return xp.const(p) * xp.pow(x, xp.const(np.where(p == 0, 1, p - 1)))


elementwise("Relu", lambda xp, y: xp.where(y > 0, 1.0, 0.0), rectifier=True)
elementwise("LeakyRelu", lambda xp, x, alpha: xp.where(x > 0, 1.0, alpha), rectifier=True)
elementwise("PRelu", lambda xp, x, slope: xp.where(x > 0, 1.0, xp.const(slope)), rectifier=True, runtime=(1,))
elementwise("ThresholdedRelu", lambda xp, x, alpha: xp.where(x > alpha, 1.0, 0.0), rectifier=True)
elementwise("Clip", _clip, rectifier=True)

elementwise("Elu", lambda xp, x, y, alpha: xp.where(x > 0, 1.0, y + alpha))
elementwise("Selu", lambda xp, x, y, alpha, gamma: xp.where(x > 0, gamma, y + gamma * alpha))
elementwise("Celu", lambda xp, x, y, alpha: xp.where(x > 0, 1.0, y / alpha + 1))
elementwise("Gelu", _gelu)
elementwise("Mish", lambda xp, x: (t := (1 - (s := xp.sigmoid(-x)) * s) / (1 + s * s)) + x * (1 - t * t) * (1 - s))
elementwise("Swish", _swish)
elementwise("HardSigmoid", lambda xp, y, alpha: xp.where((y > 0) & (y < 1), alpha, 0.0))
elementwise("HardSwish", lambda xp, x: xp.where(x > 3, 1.0, xp.where(x > -3, x / 3 + 0.5, 0.0)))
elementwise("Shrink", lambda xp, x, lambd: xp.where((x > lambd) | (x < -lambd), 1.0, 0.0))
elementwise("Sigmoid", lambda y: y * (1 - y))
elementwise("Softplus", lambda xp, x: xp.sigmoid(x))
elementwise("Softsign", lambda xp, x: 1 / ((1 + xp.abs(x)) * (1 + xp.abs(x))))
elementwise("Tanh", lambda y: 1 - y * y)

elementwise("Abs", lambda xp, x: xp.sign(x))
elementwise("Erf", lambda xp, x: 2 / math.sqrt(math.pi) * xp.exp(-x * x))
elementwise("Exp", lambda y: y)
elementwise("Log", lambda x: 1 / x)
elementwise("Pow", _pow)
elementwise("Reciprocal", lambda y: -y * y)
elementwise("Sqrt", lambda y: 0.5 / y)

elementwise("Sin", lambda xp, x: xp.cos(x))
elementwise("Cos", lambda xp, x: -xp.sin(x))
elementwise("Tan", lambda y: 1 + y * y)
elementwise("Asin", lambda xp, x: 1 / xp.sqrt(1 - x * x))
elementwise("Acos", lambda xp, x: -1 / xp.sqrt(1 - x * x))
elementwise("Atan", lambda x: 1 / (1 + x * x))
elementwise("Sinh", lambda xp, x: xp.cosh(x))
elementwise("Cosh", lambda xp, x: xp.sinh(x))
elementwise("Asinh", lambda xp, x: 1 / xp.sqrt(x * x + 1))
elementwise("Acosh", lambda xp, x: 1 / xp.sqrt(x * x - 1))
elementwise("Atanh", lambda x: 1 / (1 - x * x))

# steps: the slope is 0 wherever it exists
for _step in ("Ceil", "Floor", "Round", "Sign"):
    elementwise(_step, lambda xp, like_y: 0.0 * xp.ones_like(like_y))
elementwise("Mod", lambda xp, like_y: xp.ones_like(like_y))
