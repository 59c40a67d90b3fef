"""Convolutions, their adjoints and pools as ONNX nodes.

The blocked layout: onnxruntime's fast convolutions keep the channels of an image in blocks of 8 or 16, the width of the
processor's vectors. Operators that know this layout stay in it; for others every tensor is converted there and back.

The adjoint of a convolution of stride 1 is a convolution too, with the kernel reversed along its spatial axes and its
channels exchanged, and it runs in that layout. For other strides the adjoint is a ConvTranspose or, with one channel
per group, zeros inserted between the elements and then a convolution of stride 1. The reversed kernel is computed by
nodes from the weight that is in the file: onnxruntime folds these nodes when it loads, and the file does not grow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.engines.onnxruntime.negative import BLOCK, flipped
from onnxplain.engines.onnxruntime.shapes import Rows, elements, number

if TYPE_CHECKING:
    from onnxplain.engines.onnxruntime.traced import Traced
    from onnxplain.engines.window import Window

FRONT = -(2**31)
"""The end of a Slice with a negative step that goes up to and including the first element."""


def conv(x: Traced, w: Traced, window: Window, group: int) -> Traced:
    """See `Namespace.conv`."""
    opposite = flipped(x) if w.constant else None
    x, w = (x, w) if opposite is None else (opposite, -w)
    return x.emitter.emit(
        "Conv",
        x,
        w,
        shape=(x.shape[0], w.shape[0], *window.out),
        kernel_shape=window.kernel,
        strides=window.strides,
        dilations=window.dilations,
        pads=_pads(window),
        group=group,
    )


def conv_adjoint(g: Traced, w: Traced, like: Traced, window: Window, group: int) -> Traced:
    """See `Namespace.conv_adjoint`."""
    shape = (g.shape[0], *like.shape[1:])
    reach = [(k - 1) * d for k, d in zip(window.kernel, window.dilations, strict=True)]
    pads = [r - p for r, p in zip(reach * 2, window.before + window.after, strict=True)]
    plain, depthwise = all(stride == 1 for stride in window.strides), w.shape[:2] == (group, 1)
    if (plain or depthwise) and min(pads, default=0) >= 0:
        return g.emitter.emit(
            "Conv",
            g if plain else _insert_zeros(g, window.strides),
            _transposed_kernel(w, group),
            shape=shape,
            kernel_shape=window.kernel,
            dilations=window.dilations,
            pads=pads,
            group=group,
        )
    return _in_blocked_layout(
        g.emitter.emit(
            "ConvTranspose",
            g,
            w,
            shape=shape,
            kernel_shape=window.kernel,
            strides=window.strides,
            dilations=window.dilations,
            pads=_pads(window),
            output_padding=[max(-after, 0) for after in window.after],
            group=group,
        )
    )


def _insert_zeros(g: Traced, strides: tuple[int, ...]) -> Traced:
    """Return `g` with zeros between its elements along the spatial axes, so that they lie `strides` apart.

    This is a ConvTranspose with a kernel of one element. Each channel of each row is reshaped to an image of its own
    first, because onnxruntime's ConvTranspose is slow with many groups.
    """
    emitter, size = g.emitter, g.shape[2:]
    wide = tuple((number(n) - 1) * stride + 1 for n, stride in zip(size, strides, strict=True))
    planes = elements(g.shape[:2])
    one = emitter.constant(np.ones((1, 1, *(1,) * len(size)), np.float32))
    x = emitter.emit("Reshape", g, emitter.integers([-1, 1, *map(number, size)]), shape=(planes, 1, *size))
    x = emitter.emit("ConvTranspose", x, one, shape=(planes, 1, *wide), strides=strides)
    return emitter.emit("Reshape", x, emitter.integers([-1, number(g.shape[1]), *wide]), shape=(*g.shape[:2], *wide))


def _in_blocked_layout(x: Traced) -> Traced:
    """Return `x` through a MaxPool over single elements, which changes nothing but brings it into the blocked layout.

    So the sums and gates that follow stay in that layout.
    """
    channels = x.shape[1]
    if x.ndim != 4 or not isinstance(channels, int) or channels % BLOCK:
        return x
    return x.emitter.emit("MaxPool", x, shape=x.shape, kernel_shape=(1, 1))


def _pads(window: Window) -> list[int]:
    """Return the padding as ONNX states it, before all axes and then behind them.

    A negative width behind becomes 0: no window reads the elements that are left over there.
    """
    return [*window.before, *(max(after, 0) for after in window.after)]


def _transposed_kernel(w: Traced, group: int) -> Traced:
    """Return the kernel of the adjoint: from [M, C/group, *kernel] to [C, M/group, *kernel], reversed along *kernel."""
    outputs, inputs, *kernel = w.shape
    assert isinstance(outputs, int) and isinstance(inputs, int)  # noqa: PT018, S101
    emit, n = w.emitter.emit, len(kernel)
    if group == 1:
        w = emit("Transpose", w, shape=(inputs, outputs, *kernel), perm=[1, 0, *range(2, n + 2)])
    elif (outputs // group, inputs) != (1, 1):
        split = (group, outputs // group, inputs, *kernel)
        w = emit("Reshape", w, w.emitter.extents(split), shape=split)
        swapped = (group, inputs, outputs // group, *kernel)
        w = emit("Transpose", w, shape=swapped, perm=[0, 2, 1, *range(3, n + 3)])
        joined = (group * inputs, outputs // group, *kernel)
        w = emit("Reshape", w, w.emitter.extents(joined), shape=joined)
    axes = [axis for axis, size in enumerate(w.shape) if axis > 1 and size != 1]
    if not axes:
        return w
    ends = ([-1] * len(axes), [FRONT] * len(axes), axes, [-1] * len(axes))
    return emit("Slice", w, *map(w.emitter.integers, ends), shape=w.shape)


def spread(x: Traced, like: Traced) -> Traced | None:
    """Repeat `x` [N, C, 1, 1] to the size of `like` [N, C, H, W] within the blocked layout; None for other shapes.

    It is a Resize to the nearest element, since an Expand leaves that layout.
    """
    size = like.shape[2:]
    point = x.ndim == like.ndim == 4 and x.shape[2:] == (1, 1) and x.shape[:2] == like.shape[:2]
    if not point or any(isinstance(s, Rows) for s in size) or size == (1, 1):
        return None
    scales = x.emitter.constant(np.array([1, 1, *size], np.float32))
    return x.emitter.emit(
        "Resize",
        x,
        None,
        scales,
        shape=like.shape,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def pool_winners(x: Traced, window: Window) -> Traced:
    """See `Namespace.pool_winners`: the second output of ONNX's MaxPool."""
    return x.emitter.emit(
        "MaxPool",
        x,
        shape=(*x.shape[:2], *window.out),
        output=1,
        kernel_shape=window.kernel,
        strides=window.strides,
        dilations=window.dilations,
        pads=_pads(window),
    )
