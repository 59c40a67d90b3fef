"""How convolutions, their adjoints and pools are written as ONNX nodes.

The adjoint of stride 1 is a convolution with the kernel turned round and its channels exchanged; onnxruntime runs that
in its blocked layout. Other strides are a ConvTranspose, or, with one channel a group, zeros between the elements and
then stride 1. Kernels are nodes over the weights as they lie in the file:
onnxruntime folds them when it loads, and the file does not grow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.engines.onnxruntime.shapes import Rows, elements, number

if TYPE_CHECKING:
    from onnxplain.engines.onnxruntime.traced import Traced
    from onnxplain.engines.window import Window

BLOCK = 8
"""onnxruntime blocks channels by 8 or 16, by the width of the processor's vectors."""

FRONT = -(2**31)
"""As an end of Slice with step -1: up to and with the first element."""


def conv(x: Traced, w: Traced, window: Window, group: int) -> Traced:
    """See `Namespace.conv`."""
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
            g if plain else _apart(g, window.strides),
            _turned(w, group),
            shape=shape,
            kernel_shape=window.kernel,
            dilations=window.dilations,
            pads=pads,
            group=group,
        )
    return _blocked(
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


def _apart(g: Traced, strides: tuple[int, ...]) -> Traced:
    """The elements of `g` with zeros between them, so that they lie `strides` apart.

    Each plane is a picture of its own here, because onnxruntime's ConvTranspose is slow with many groups.
    """
    emitter, size = g.emitter, g.shape[2:]
    wide = tuple((number(n) - 1) * stride + 1 for n, stride in zip(size, strides, strict=True))
    planes = elements(g.shape[:2])
    one = emitter.constant(np.ones((1, 1, *(1,) * len(size)), np.float32))
    x = emitter.emit("Reshape", g, emitter.integers([-1, 1, *map(number, size)]), shape=(planes, 1, *size))
    x = emitter.emit("ConvTranspose", x, one, shape=(planes, 1, *wide), strides=strides)
    return emitter.emit("Reshape", x, emitter.integers([-1, number(g.shape[1]), *wide]), shape=(*g.shape[:2], *wide))


def _blocked(x: Traced) -> Traced:
    """`x`, as the maximum over single elements: in blocked layout, so that sums and gates behind it stay there."""
    channels = x.shape[1]
    if x.ndim != 4 or not isinstance(channels, int) or channels % BLOCK:
        return x
    return x.emitter.emit("MaxPool", x, shape=x.shape, kernel_shape=(1, 1))


def _pads(window: Window) -> list[int]:
    """Padding as ONNX has it: what lies behind the last window is not cut but left over."""
    return [*window.before, *(max(after, 0) for after in window.after)]


def _turned(w: Traced, group: int) -> Traced:
    """[M, C/group, *kernel] -> [C, M/group, *kernel], the kernel turned round."""
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
    """One value per channel over the whole plane, as a depthwise convolution of the padded point: it stays blocked."""
    size = like.shape[2:]
    point = x.ndim == like.ndim == 4 and x.shape[2:] == (1, 1) and x.shape[:2] == like.shape[:2]
    if not point or any(isinstance(s, Rows) for s in size) or size == (1, 1):
        return None
    channels, (height, width) = x.shape[1], size
    pads = [height - 1, width - 1] * 2
    kernel = x.emitter.filled(1.0, (channels, 1, height, width))
    return x.emitter.emit("Conv", x, kernel, shape=like.shape, kernel_shape=size, pads=pads, group=channels)


def pool_winners(x: Traced, window: Window) -> Traced:
    """See `Namespace.pool_winners`: the second output of MaxPool."""
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
