"""NORMALISE operators: y = x divided by a statistic of x, such as its standard deviation σ.

`vjp` is Jᵀ g, where J is the Jacobian dy/dx. `frozen` is the same product with the denominator treated as a constant;
the subtraction of a mean is linear and stays part of it. Softmax and LogSoftmax have no statistic to hold fixed: for
them both facts are the same function, and they state a third one, `gathered`, the sum of g over the elements that are
normalised together.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.ops import Family, Op, register
from onnxplain.ops.axes import along

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnxplain.arrays import AnyArray
    from onnxplain.engines.namespace import Namespace


def normalise(name: str, fact: Callable[..., AnyArray], **roles: Any) -> None:
    """Register an operator by one function, `fact(g, ..., frozen)`, that computes both facts.

    `roles` are further fields of `Op`.
    """
    facts = {"vjp": partial(fact, frozen=False), "frozen": partial(fact, frozen=True)}
    register(Op(name, Family.NORMALISE, facts=facts, **roles))


def _mean(xp: Namespace, x: AnyArray, axes: Sequence[int]) -> AnyArray:
    return xp.sum(x, axes) * (1.0 / math.prod(x.shape[axis] for axis in axes))


def _channels(xp: Namespace, w: AnyArray, like: AnyArray) -> AnyArray:
    """Return one weight per channel in a shape that broadcasts onto `like` [N, C, ...]."""
    return xp.reshape(xp.const(w), (1, -1, *(1,) * (like.ndim - 2)))


# --- softmaxes, without a statistic to hold fixed ------------------------------------------------------------------


def _softmax(xp: Namespace, g: AnyArray, y: AnyArray, axis: int) -> AnyArray:
    return y * (g - xp.sum(g * y, [axis]))


def _log_softmax(xp: Namespace, g: AnyArray, y: AnyArray, axis: int) -> AnyArray:
    return g - xp.exp(y) * xp.sum(g, [axis])


def _gathered(xp: Namespace, g: AnyArray, axis: int) -> AnyArray:
    return xp.sum(g, [axis])


for _name, _fact in (("Softmax", _softmax), ("LogSoftmax", _log_softmax)):
    register(Op(_name, Family.NORMALISE, facts={"vjp": _fact, "frozen": _fact, "gathered": _gathered}))


# --- mean and variance -------------------------------------------------------------------------------------------


def _standardise(
    xp: Namespace, g: AnyArray, x: AnyArray, axes: Sequence[int], epsilon: float, *, frozen: bool
) -> AnyArray:
    """Return Jᵀ g of n = (x - mean x) / σ, where σ² = var x + ε: it is (g - mean g - n mean(g n)) / σ."""
    d = x - _mean(xp, x, axes)
    sigma = xp.sqrt(_mean(xp, d * d, axes) + epsilon)
    centred = g - _mean(xp, g, axes)
    if frozen:
        return centred / sigma
    n = d / sigma
    return (centred - n * _mean(xp, g * n, axes)) / sigma


def _layer(xp: Namespace, g: AnyArray, x: AnyArray, Scale: Any, axis: int, epsilon: float, *, frozen: bool) -> AnyArray:
    axes = range(axis % x.ndim, x.ndim)
    return _standardise(xp, g * xp.const(Scale), x, axes, epsilon, frozen=frozen)


def _instance(xp: Namespace, g: AnyArray, x: AnyArray, scale: Any, epsilon: float, *, frozen: bool) -> AnyArray:
    return _standardise(xp, g * _channels(xp, scale, x), x, range(2, x.ndim), epsilon, frozen=frozen)


def _group(
    xp: Namespace, g: AnyArray, x: AnyArray, scale: Any, num_groups: int, epsilon: float, *, frozen: bool
) -> AnyArray:
    split = (-1, num_groups, x.shape[1] // num_groups, *x.shape[2:])
    scaled, grouped = xp.reshape(g * _channels(xp, scale, x), split), xp.reshape(x, split)
    out = _standardise(xp, scaled, grouped, range(2, grouped.ndim), epsilon, frozen=frozen)
    return xp.reshape_like(out, x)


def _mean_variance(xp: Namespace, g: AnyArray, x: AnyArray, axes: Sequence[int], *, frozen: bool) -> AnyArray:
    """Return Jᵀ g of y = d / (σ + 1e-9), where d = x - mean x. ONNX adds 1e-9 to σ itself, not to the variance."""
    axes = tuple(axis % x.ndim for axis in axes)
    d = x - _mean(xp, x, axes)
    sigma = xp.sqrt(_mean(xp, d * d, axes))
    centred = g - _mean(xp, g, axes)
    if frozen:
        return centred / (sigma + 1e-9)
    n = d / (sigma + 1e-9)
    return (centred - n * xp.ratio(_mean(xp, g * d, axes), sigma, 0.0)) / (sigma + 1e-9)


normalise("LayerNormalization", _layer, runtime=(1, 2))
normalise("InstanceNormalization", _instance, runtime=(1, 2))
normalise("GroupNormalization", _group, runtime=(1, 2))
normalise("MeanVarianceNormalization", _mean_variance)


# --- a norm as the denominator -----------------------------------------------------------------------------------


def _rms(xp: Namespace, g: AnyArray, x: AnyArray, scale: Any, axis: int, epsilon: float, *, frozen: bool) -> AnyArray:
    """Return Jᵀ g of n = x / r, where r² = mean x² + ε: it is (g - n mean(g n)) / r."""
    axes = range(axis % x.ndim, x.ndim)
    r, g = xp.sqrt(_mean(xp, x * x, axes) + epsilon), g * xp.const(scale)
    if frozen:
        return g / r
    n = x / r
    return (g - n * _mean(xp, g * n, axes)) / r


def _lp(xp: Namespace, g: AnyArray, x: AnyArray, y: AnyArray, axis: int, p: int, *, frozen: bool) -> AnyArray:
    """Return Jᵀ g of y = x / |x|_p for p = 1 or 2: it is (g - d sum(g y)) / |x|_p, and 0 where |x|_p is 0.

    d is the derivative of |x|_p: sign x for p = 1, and y for p = 2.
    """
    norm = xp.sum(xp.abs(x), [axis]) if p == 1 else xp.sqrt(xp.sum(x * x, [axis]))
    moved = 0.0 if frozen else (xp.sign(x) if p == 1 else y) * xp.sum(g * y, [axis])
    return xp.ratio(g - moved, norm, 0.0)


def _lrn(
    xp: Namespace,
    g: AnyArray,
    x: AnyArray,
    size: int,
    alpha: float,
    beta: float,
    bias: float,
    *,
    frozen: bool,
) -> AnyArray:
    """Return Jᵀ g of y = x d^-β, where d = bias + α/size B x² and B sums over `size` neighbouring channels."""
    distance = np.arange(x.shape[1]) - np.arange(x.shape[1])[:, None]
    band = ((distance >= -((size - 1) // 2)) & (distance <= size // 2)).astype(np.float64)
    d = bias + alpha / size * along(xp, x * x, band, 1)
    straight = g * xp.pow(d, -beta)
    if frozen:
        return straight
    return straight - 2 * alpha * beta / size * x * along(xp, straight * x / d, band.T, 1)


normalise("RMSNormalization", _rms, runtime=(1,))
normalise("LpNormalization", _lp)
normalise("LRN", _lrn)
