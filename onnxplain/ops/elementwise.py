"""ELEMENTWISE operators: y = f(x), where onnxruntime computes f. The fact is the slope dy/dx.

It is a function of x, y and the attributes. At a kink it is the slope on the left side, such as 0 for a ReLU at 0,
except that it is 0 at both bounds of Clip and HardSigmoid, at both thresholds of Shrink, and for Abs at 0; so it is for
a root of values that touch 0 from above, whose order is passed as `order` (see `onnxplain.graph.touching`). A slope
that can be computed from y does not name x, which then need not be kept in memory. An activation, here a function that
is defined for all real numbers, states f too, as the fact `value`, for rules that need it at other points than x.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.ops import Family, Op, register

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from onnxplain.arrays import AnyArray
    from onnxplain.engines.namespace import Namespace


def elementwise(name: str, slope: Callable[..., AnyArray], **roles: Any) -> None:
    """Register y = f(x) by its slope. `roles` are further fields of `Op`."""
    register(Op(name, Family.ELEMENTWISE, facts={"slope": slope}, **roles))


def activation(name: str, value: Callable[..., AnyArray], slope: Callable[..., AnyArray], **roles: Any) -> None:
    """Register an activation by f (`value`) and its slope. `roles` are further fields of `Op`."""
    register(Op(name, Family.ELEMENTWISE, facts={"value": value, "slope": slope}, **roles))


# --- activations -------------------------------------------------------------------------------------------------


def _range(low: float | None, high: float | None) -> tuple[float, float]:
    """Return both bounds, infinite where they are left out."""
    return -math.inf if low is None else low, math.inf if high is None else high


def _clip(xp: Namespace, x: AnyArray, min: float | None = None, max: float | None = None) -> AnyArray:  # noqa: A002
    low, high = _range(min, max)
    return xp.minimum(xp.maximum(x, low), high)


def _clip_slope(xp: Namespace, y: AnyArray, min: float | None = None, max: float | None = None) -> AnyArray:  # noqa: A002
    low, high = _range(min, max)
    return xp.where((y > low) & (y < high), 1.0, 0.0)


def _gelu(xp: Namespace, x: AnyArray, approximate: str) -> AnyArray:
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
    return 0.5 * x * (1 + (xp.tanh(inner) if approximate == "tanh" else xp.erf(x * math.sqrt(0.5))))


def _gelu_slope(xp: Namespace, x: AnyArray, approximate: str) -> AnyArray:
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
        t = xp.tanh(inner)
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
    return 0.5 * (1 + xp.erf(x * math.sqrt(0.5))) + x * xp.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def _softplus(xp: Namespace, x: AnyArray) -> AnyArray:
    return xp.maximum(x, 0) + xp.log(1 + xp.exp(-xp.abs(x)))


def _mish_slope(xp: Namespace, x: AnyArray) -> AnyArray:
    s = xp.sigmoid(-x)
    t = (1 - s * s) / (1 + s * s)
    return t + x * (1 - t * t) * (1 - s)


def _swish_slope(xp: Namespace, x: AnyArray, y: AnyArray, alpha: float) -> AnyArray:
    s = xp.sigmoid(alpha * x)
    return s + alpha * y * (1 - s)


def _hard_swish_slope(xp: Namespace, x: AnyArray) -> AnyArray:
    return xp.where(x > 3, 1.0, xp.where(x > -3, x / 3 + 0.5, 0.0))


def _grown(xp: Namespace, x: AnyArray) -> AnyArray:
    """Return exp(x) - 1 where x < 0, and 0 elsewhere."""
    return xp.exp(xp.minimum(x, 0)) - 1


def _shrink(xp: Namespace, x: AnyArray, lambd: float, bias: float) -> AnyArray:
    return xp.where(x > lambd, x - bias, xp.where(x < -lambd, x + bias, 0.0))


activation("Relu", lambda xp, x: xp.maximum(x, 0), lambda xp, y: xp.where(y > 0, 1.0, 0.0), rectifier=True)
activation(
    "LeakyRelu",
    lambda xp, x, alpha: xp.where(x > 0, x, alpha * x),
    lambda xp, x, alpha: xp.where(x > 0, 1.0, alpha),
    rectifier=True,
)
activation(
    "PRelu",
    lambda xp, x, slope: xp.where(x > 0, x, xp.const(slope) * x),
    lambda xp, x, slope: xp.where(x > 0, 1.0, xp.const(slope)),
    rectifier=True,
    runtime=(1,),
)
activation(
    "ThresholdedRelu",
    lambda xp, x, alpha: xp.where(x > alpha, x, 0.0),
    lambda xp, x, alpha: xp.where(x > alpha, 1.0, 0.0),
    rectifier=True,
)
activation("Clip", _clip, _clip_slope, rectifier=True)

activation(
    "Elu",
    lambda xp, x, alpha: xp.maximum(x, 0) + alpha * _grown(xp, x),
    lambda xp, x, y, alpha: xp.where(x > 0, 1.0, y + alpha),
)
activation(
    "Selu",
    lambda xp, x, alpha, gamma: gamma * (xp.maximum(x, 0) + alpha * _grown(xp, x)),
    lambda xp, x, y, alpha, gamma: xp.where(x > 0, gamma, y + gamma * alpha),
)
activation(
    "Celu",
    lambda xp, x, alpha: xp.maximum(x, 0) + alpha * _grown(xp, x / alpha),
    lambda xp, x, y, alpha: xp.where(x > 0, 1.0, y / alpha + 1),
)
activation("Gelu", _gelu, _gelu_slope)
activation("Mish", lambda xp, x: x * xp.tanh(_softplus(xp, x)), _mish_slope)
activation("Swish", lambda xp, x, alpha: x * xp.sigmoid(alpha * x), _swish_slope)
activation(
    "HardSigmoid",
    lambda xp, x, alpha, beta: _clip(xp, alpha * x + beta, 0, 1),
    lambda xp, y, alpha: xp.where((y > 0) & (y < 1), alpha, 0.0),
)
activation("HardSwish", lambda xp, x: x * _clip(xp, x / 6 + 0.5, 0, 1), _hard_swish_slope)
activation("Shrink", _shrink, lambda xp, x, lambd: xp.where((x > lambd) | (x < -lambd), 1.0, 0.0))
activation("Sigmoid", lambda xp, x: xp.sigmoid(x), lambda y: y * (1 - y))
activation("Softplus", _softplus, lambda xp, x: xp.sigmoid(x))
activation("Softsign", lambda xp, x: x / (1 + xp.abs(x)), lambda xp, x: 1 / ((1 + xp.abs(x)) * (1 + xp.abs(x))))
activation("Tanh", lambda xp, x: xp.tanh(x), lambda y: 1 - y * y)

# --- arithmetic, some of it defined on an interval only ------------------------------------------------------------


def _pow(xp: Namespace, x: AnyArray, Y: ArrayLike, order: float = 0) -> AnyArray:
    p = np.asarray(Y, np.float64)
    if p.size == 1 and 0 < p.item() < 1 and p.item() * order > 1 - 1e-5:  # some write 0.4999998 for a root
        return p.item() * xp.ratio(xp.pow(x, p.item()), x, 0.0)
    # for an exponent of 0, p x^(p - 1) would be 0 times infinity at x = 0; x^1 keeps the product 0
    return xp.const(p) * xp.pow(x, xp.const(np.where(p == 0, 1, p - 1)))


def _sqrt(xp: Namespace, y: AnyArray, order: float = 0) -> AnyArray:
    return xp.ratio(0.5 * xp.ones_like(y), y, 0.0) if order >= 2 else 0.5 / y  # √|u|² is |u|


elementwise("Abs", lambda xp, x: xp.sign(x))
elementwise("Erf", lambda xp, x: 2 / math.sqrt(math.pi) * xp.exp(-x * x))
elementwise("Exp", lambda y: y)
elementwise("Log", lambda x: 1 / x)
elementwise("Pow", _pow)
elementwise("Reciprocal", lambda y: -y * y)
elementwise("Sqrt", _sqrt)

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

# step functions, whose slope is 0 wherever it exists; that of Mod by a constant is 1
for _step in ("Ceil", "Floor", "Round", "Sign"):
    elementwise(_step, lambda xp, like_y: 0.0 * xp.ones_like(like_y))
elementwise("Mod", lambda xp, like_y: xp.ones_like(like_y))
