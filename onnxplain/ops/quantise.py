"""FakeQuantize: what a quantiser does to the floats that its integers stand for.

A quantised network is a staircase, whose derivative is 0 almost everywhere. As in quantisation-aware training,
quantising and dequantising again is walked as a clip to the range of the integers, with the slope 1 within. The bounds
lie half a step beyond the least and the largest integer, which is where rounding stops and saturation begins.

The file itself does not have the operator; the pass `quantised` puts it where the file quantises. `value` is what the
file computes, dequantised, and so the output. It is held: the walk goes by `x`, the same value before it was rounded.
Sources: Jacob et al. 2018; Bengio et al. 2013 for the slope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.ops import Family, Op, register

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from onnxplain.arrays import AnyArray
    from onnxplain.engines.namespace import Namespace

DOMAIN = "onnxplain"
"""The domain of operators that only a canonical graph has."""

FILE = "/file"
"""Put behind the names of the file's own nodes and values, once nodes and values that are walked have taken these."""

CLIP, RECTIFIER = "FakeQuantize", "FakeQuantizeRelu"
"""The operators. RECTIFIER quantises with its least integer as zero point: runtimes drop a ReLU in front of it."""


def _clip_slope(
    xp: Namespace, x: AnyArray, like_y: AnyArray, low: ArrayLike | None = None, high: ArrayLike | None = None
) -> AnyArray:
    """Return 1 within the bounds, these included, and 0 beyond; 1 everywhere where there are none."""
    if low is None or high is None:
        return xp.ones_like(like_y)
    return xp.where((x >= xp.const(low)) & (x <= xp.const(high)), 1.0, 0.0)


def _clip(xp: Namespace, x: AnyArray, low: ArrayLike, high: ArrayLike) -> AnyArray:
    return xp.minimum(xp.maximum(x, xp.const(low)), xp.const(high))


_INPUTS = ("x", "value", "low", "high")

register(
    Op(CLIP, Family.ELEMENTWISE, held=(1,), rounds=True, facts={"slope": _clip_slope}, domain=DOMAIN, inputs=_INPUTS)
)
register(
    Op(
        RECTIFIER,
        Family.ELEMENTWISE,
        held=(1,),
        rectifier=True,
        facts={"slope": _clip_slope, "value": _clip},
        domain=DOMAIN,
        inputs=_INPUTS,
    )
)
