"""Constants that are added to a sum of convolutions become the bias of one of them, which costs nothing.

In the blocked layout of `convolution`, two images can be added, but not an image and a number for each channel. LRP's
denominators are such sums: of a convolution or two, of a bias, and of the stabiliser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxplain.engines.onnxruntime.traced import Traced


def absorbed(z: Traced, c: Traced) -> Traced | None:
    """Return z + c where z is a sum with a convolution of an image in it, and c a number or one for each channel.

    None for other values, and where c is the bias of the convolution already.
    """
    if not c.constant or z.constant or z.ndim != 4 or not _by_channel(c, z):
        return None
    if _is_conv(z):
        return z + z.emitter.filled(c.number, (1, z.shape[1], 1, 1)) if c.number is not None else None
    if z.op != "Add" or not z.emitter.made(z):
        return None
    first, second = z.inputs
    if first is None or second is None:
        return None
    for conv, other in ((first, second), (second, first)):
        if _is_conv(conv):
            return conv + (other + c) if _by_channel(other, z) and other.constant else (conv + c) + other
    parts = ((absorbed(part, c), other) for part, other in ((first, second), (second, first)))
    return next((raised + other for raised, other in parts if raised is not None), None)


def _is_conv(z: Traced) -> bool:
    """Whether z is a convolution that the walk has emitted, which has no bias. Others are there anyway, as they are."""
    return z.op == "Conv" and z.emitter.made(z)


def _by_channel(c: Traced, z: Traced) -> bool:
    """Whether c is a number, or has one for each channel of z."""
    return c.number is not None or c.shape in ((z.shape[1], 1, 1), (1, z.shape[1], 1, 1))
