"""FakeQuantize: what a quantiser does to the floats that its integers stand for.

A quantised network is a staircase, whose derivative is 0 almost everywhere. As in quantisation-aware training,
quantising and dequantising again is walked as a clip to the range of the integers, with the slope 1 within. The bounds
lie half a step beyond the least and the largest integer, which is where rounding stops and saturation begins. Where the
clip is a ReLU that was dropped, its lower bound is 0, and the slope there that of a ReLU: 1 above it, 0 else.

Rounding makes equal what was not, and a pool of equal integers would walk to the first of them, wherever the network
that was quantised walked. So MaxPool takes the one that was the largest before it was rounded.

How like the gradient is to that of the float network that was quantised depends on which units change sides of their
kinks, and on nothing else: with the gates and winners of the float network, the rounded weights of three trained
networks (SqueezeNet 1.1, MobileNetV2 and ResNet-20, 8 bits) give its gradient at a correlation of 0.9996 and more. The
mean correlations over 6 photographs, or 10 of CIFAR-10:

    float network but for                   SqueezeNet   MobileNetV2   ResNet-20
    its input, rounded to 8 bits               0.92         0.90         0.96
    Gaussian noise of 1 % of the input         0.76         0.70         0.89
    its weights, rounded                       0.94         0.75         0.96
    its activations, rounded                   0.71         0.52         0.93
    the quantised network                      0.81         0.51         0.92
      first of equal integers wins             0.71         0.51         0.92
      gates open from half a step below 0      0.80         0.49         0.92
      both                                     0.70         0.49         0.92
      winners of the float network             0.94          -            -

So a gradient that is nearer to the float network's than about 0.9 is not to be had of the numbers that an 8-bit network
computes: it is another function, and the gradient here is its own.

The file itself does not have the operator; the pass `quantised` puts it where the file quantises. `value` is what the
file computes, dequantised, and so the output. It is held: the walk goes by `x`, the same value before it was rounded.
Sources: Jacob et al. 2018; Bengio et al. 2013 for the slope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.engines.window import uncovered
from onnxplain.ops import Family, Op, register
from onnxplain.ops.select import max_pool_winners, scatter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from onnxplain.arrays import AnyArray
    from onnxplain.engines.namespace import Namespace

DOMAIN = "onnxplain"
"""The domain of operators that only a canonical graph has."""

FILE = "/file"
"""Put behind the names of the file's own nodes and values, once nodes and values that are walked have taken these."""

CLIP, RECTIFIER, POOL = "FakeQuantize", "FakeQuantizeRelu", "MaxPool"
"""The operators. RECTIFIER quantises with its least integer as zero point: runtimes drop a ReLU in front of it. POOL is
a MaxPool of quantised values."""


def _clip_slope(
    xp: Namespace, x: AnyArray, like_y: AnyArray, low: ArrayLike | None = None, high: ArrayLike | None = None
) -> AnyArray:
    """Return 1 within the bounds, these included, and 0 beyond; 1 everywhere where there are none."""
    if low is None or high is None:
        return xp.ones_like(like_y)
    return xp.where((x >= xp.const(low)) & (x <= xp.const(high)), 1.0, 0.0)


def _rectifier_slope(xp: Namespace, x: AnyArray, low: ArrayLike, high: ArrayLike) -> AnyArray:
    """Return 1 above the lower bound, up to the upper one, and 0 elsewhere."""
    return xp.where((x > xp.const(low)) & (x <= xp.const(high)), 1.0, 0.0)


def _clip(xp: Namespace, x: AnyArray, low: ArrayLike | None = None, high: ArrayLike | None = None) -> AnyArray:
    if low is None or high is None:
        return x
    return xp.minimum(xp.maximum(x, xp.const(low)), xp.const(high))


_INPUTS = ("x", "value", "low", "high")

register(
    Op(
        CLIP,
        Family.ELEMENTWISE,
        held=(1,),
        rounds=True,
        facts={"slope": _clip_slope, "value": _clip},
        domain=DOMAIN,
        inputs=_INPUTS,
    )
)
register(
    Op(
        RECTIFIER,
        Family.ELEMENTWISE,
        held=(1,),
        rectifier=True,
        facts={"slope": _rectifier_slope, "value": _clip},
        domain=DOMAIN,
        inputs=_INPUTS,
    )
)


def _pool_winners(
    xp: Namespace, x: AnyArray, unrounded: AnyArray, step: ArrayLike, attrs: Mapping[str, Any]
) -> tuple[AnyArray]:
    """Return the winners of each window, by x and, where that is equal, by what x was before it was rounded.

    Both are put into one number. What rounding took, in steps, is squeezed to less than half a step, so that it never
    outweighs a difference of x.
    """
    taken = (unrounded - x) / xp.const(step)
    key = x + 0.49 * xp.const(step) * taken / (1 + xp.abs(taken))
    return max_pool_winners(xp, (key,), attrs)


register(
    Op(
        POOL,
        Family.SELECT,
        held=(1, 2),
        runtime=(1,),
        limits=uncovered,
        facts={"winners": _pool_winners, "place": scatter},
        domain=DOMAIN,
        stands_for="MaxPool",
        inputs=("x", "unrounded", "value", "step"),
        defaults={"auto_pad": "NOTSET", "ceil_mode": 0, "storage_order": 0},
    )
)
