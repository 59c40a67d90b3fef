"""The negative part of an image, x⁻ = min(x, 0), within the blocked layout of `convolution`.

A Min would leave that layout. The opposite of the negative part, -x⁻ = relu(-x), is a depthwise convolution with -1 and
a ReLU, of which onnxruntime makes one kernel. So w ∗ x⁻ is computed as (-w) ∗ (-x⁻), and x⁻ (w ∗ r) as (-x⁻) (-w ∗ r);
onnxruntime folds the opposite of a constant kernel when it loads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxplain.engines.onnxruntime.traced import Traced

BLOCK = 8
"""A number of channels that the blocked layout can take is a multiple of this."""


def flipped(x: Traced) -> Traced | None:
    """Return -x where x is the negative part of an image that can be in the blocked layout, else None."""
    image = next((other for other, zero in _pairs(x) if zero.number == 0), None) if x.op == "Min" else None
    if image is None or image.ndim != 4 or image.shape != x.shape:
        return None
    channels = image.shape[1]
    if not isinstance(channels, int) or channels % BLOCK:
        return None
    kernel = x.emitter.filled(-1.0, (channels, 1, 1, 1))
    opposite = x.emitter.emit("Conv", image, kernel, shape=x.shape, kernel_shape=(1, 1), group=channels)
    return x.emitter.unary("Relu", opposite)


def negated(x: Traced) -> Traced | None:
    """Return -x where x is a convolution with a constant kernel, or a transposed one, else None."""
    kernel = x.inputs[1] if x.op in ("Conv", "ConvTranspose") else None
    if kernel is None or not kernel.constant:
        return None
    return x.emitter.emit(x.op, x.inputs[0], -kernel, shape=x.shape, **x.attrs)


def product(x: Traced, y: Traced) -> Traced | None:
    """Return x y where x is the negative part of an image and y a convolution, else None."""
    opposite = negated(y) if x.shape == y.shape else None
    image = None if opposite is None else flipped(x)
    return None if image is None or opposite is None else image * opposite


def _pairs(x: Traced) -> list[tuple[Traced, Traced]]:
    a, b = x.inputs
    return [(a, b), (b, a)] if a is not None and b is not None else []
