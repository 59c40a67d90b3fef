"""AFFINE: y = A(w) x + b, with `apply` the linear part A(w) x and `adjoint0` its transpose.

The bias is an input that the site broadcasts onto y; the pools have weights of ones that they make themselves.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.engines.window import Window, uncovered
from onnxplain.ops import Family, Op, register
from onnxplain.ops.axes import along, reduced_axes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from onnxplain.arrays import AnyArray
    from onnxplain.engines.namespace import Namespace


def affine(name: str, apply: Callable[..., AnyArray], adjoint: Callable[..., AnyArray], **roles: Any) -> None:
    """Register y = A(w) x + b by `apply(a=x, b=w)` and `adjoint(g, w)`; `roles` as in `Op`."""
    register(Op(name, Family.AFFINE, facts={"apply": apply, "adjoint0": adjoint}, **roles))


# --- convolutions ---------------------------------------------------------------------------------------------


def conv(xp: Namespace, a: AnyArray, b: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Convolution of x = a with the kernel w = b."""
    return xp.conv(a, b, Window.resolve(a.shape[2:], b.shape[2:], attrs), attrs["group"])


def conv_adjoint(xp: Namespace, g: AnyArray, w: AnyArray, like: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Transpose of `conv` in x."""
    return xp.conv_adjoint(g, w, like, Window.resolve(like.shape[2:], w.shape[2:], attrs), attrs["group"])


def conv_transpose(xp: Namespace, a: AnyArray, b: AnyArray, like_y: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """ConvTranspose from x to y is, by definition, the adjoint of a convolution from y to x."""
    return xp.conv_adjoint(a, b, like_y, _mirror(a, like_y, b, attrs), attrs["group"])


def conv_transpose_adjoint(
    xp: Namespace, g: AnyArray, w: AnyArray, like: AnyArray, attrs: Mapping[str, Any]
) -> AnyArray:
    """Transpose of `conv_transpose` in x: the convolution from y to x."""
    return xp.conv(g, w, _mirror(like, g, w, attrs), attrs["group"])


def _mirror(x: AnyArray, y: AnyArray, w: AnyArray, attrs: Mapping[str, Any]) -> Window:
    """Window of the convolution from y to x behind a ConvTranspose from x to y."""
    size, out, kernel = y.shape[2:], x.shape[2:], w.shape[2:]
    n = len(kernel)
    strides = tuple(attrs.get("strides") or (1,) * n)
    dilations = tuple(attrs.get("dilations") or (1,) * n)
    before = tuple(attrs.get("pads") or (0,) * n)[:n]
    if attrs["auto_pad"].startswith("SAME") or attrs.get("output_shape"):
        spans = zip(out, strides, kernel, dilations, attrs.get("output_padding") or (0,) * n, size, strict=True)
        total = [max((o - 1) * s + (k - 1) * d + 1 + p - i, 0) for o, s, k, d, p, i in spans]
        before = tuple(t // 2 if attrs["auto_pad"] == "SAME_UPPER" else t - t // 2 for t in total)
    return Window.over(size, kernel, strides, dilations, before, out)


affine("Conv", conv, conv_adjoint, weight=1, bias=2, mixes=True)
affine("ConvTranspose", conv_transpose, conv_transpose_adjoint, weight=1, bias=2, mixes=True)


# --- pools and means: weights of their own ---------------------------------------------------------------------


def average_pool(xp: Namespace, a: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """A depthwise convolution with ones, over the number of elements that each window counts."""
    window = Window.resolve(a.shape[2:], tuple(attrs["kernel_shape"]), attrs)
    return xp.conv(a, _ones(xp, a, window), window, a.shape[1]) * xp.const(_weights(a, window, attrs))


def average_pool_adjoint(xp: Namespace, g: AnyArray, like: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Each element hands its share to every element of its window; overlaps add up."""
    window = Window.resolve(like.shape[2:], tuple(attrs["kernel_shape"]), attrs)
    share = g * xp.const(_weights(like, window, attrs))
    return xp.conv_adjoint(share, _ones(xp, like, window), like, window, like.shape[1])


def _ones(xp: Namespace, like: AnyArray, window: Window) -> AnyArray:
    return xp.const(np.ones((like.shape[1], 1, *window.kernel), "f"))


def _weights(like: AnyArray, window: Window, attrs: Mapping[str, Any]) -> Any:
    """1 / number of elements counted, per output position: a product over the axes."""
    n = len(window.kernel)
    pads = attrs.get("pads") or (0,) * 2 * n
    counts = []
    for axis, size in enumerate(like.shape[2:]):
        starts = np.arange(window.out[axis]) * window.strides[axis] - window.before[axis]
        taps = starts[:, None] + np.arange(window.kernel[axis]) * window.dilations[axis]
        # with count_include_pad the stated padding counts, but not what ceil_mode adds behind it
        low, high = (-window.before[axis], size + pads[n + axis]) if attrs["count_include_pad"] else (0, size)
        if attrs["auto_pad"].startswith("SAME") and attrs["count_include_pad"]:
            high = size + max(window.after[axis], 0)
        count = ((taps >= low) & (taps < high)).sum(1)
        counts.append(count.reshape([-1 if i == axis else 1 for i in range(n)]))
    return (1.0 / math.prod(counts))[None, None]


affine("AveragePool", average_pool, average_pool_adjoint, limits=uncovered)


def reduce_sum(xp: Namespace, a: AnyArray, like_y: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Sum over `axes`."""
    return xp.reshape_like(xp.sum(a, reduced_axes(a.ndim, attrs)), like_y)


def reduce_sum_adjoint(xp: Namespace, g: AnyArray, like: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Every summed element receives the whole message."""
    axes = reduced_axes(like.ndim, attrs)
    return xp.broadcast_like(g if attrs["keepdims"] else xp.expand_dims(g, axes), like)


def _mean_of(like: AnyArray, attrs: Mapping[str, Any]) -> float:
    axes = reduced_axes(like.ndim, attrs)
    return float(1.0 / math.prod(like.shape[axis] for axis in axes))


def reduce_mean(xp: Namespace, a: AnyArray, like_y: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Mean over `axes`."""
    return reduce_sum(xp, a, like_y, attrs) * _mean_of(a, attrs)


def reduce_mean_adjoint(xp: Namespace, g: AnyArray, like: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Every averaged element receives 1/n of the message."""
    return reduce_sum_adjoint(xp, g * _mean_of(like, attrs), like, attrs)


def _spatial(like: AnyArray) -> dict[str, Any]:
    return {"axes": tuple(range(2, like.ndim)), "keepdims": 1, "noop_with_empty_axes": 0}


affine("ReduceSum", reduce_sum, reduce_sum_adjoint)
affine("ReduceMean", reduce_mean, reduce_mean_adjoint)
affine(
    "GlobalAveragePool",
    lambda xp, a, like_y: reduce_mean(xp, a, like_y, _spatial(a)),
    lambda xp, g, like: reduce_mean_adjoint(xp, g, like, _spatial(like)),
)

# --- one factor per element or channel ---------------------------------------------------------------------------

affine("Neg", lambda a: -a, lambda g: -g)


def _per_channel(xp: Namespace, w: AnyArray, like: AnyArray) -> AnyArray:
    return xp.reshape(w, (1, -1, *(1,) * (like.ndim - 2)))


def _batchnorm_limits(attrs: Mapping[str, Any]) -> str:
    """A pass leaves only the scale and the bias of a BatchNormalization that no neighbour could take."""
    shift, spread = np.asarray(attrs.get("input_mean", 1)), np.asarray(attrs.get("input_var", 0))
    plain = not shift.any() and (spread == 1).all() and attrs["epsilon"] == 0
    return "" if plain and not attrs.get("training_mode") else "a mean, a variance or an epsilon"


affine(
    "BatchNormalization",
    lambda xp, a, b: a * _per_channel(xp, b, a),
    lambda xp, g, w: g * _per_channel(xp, w, g),
    weight=1,
    bias=2,
    limits=_batchnorm_limits,
)

# --- sums of overlapping or growing parts ------------------------------------------------------------------------


def _running(like: AnyArray, axis: Any, attrs: Mapping[str, Any]) -> tuple[Any, int]:
    """Matrix and axis of a running sum: ones on one side of the diagonal."""
    axis = int(np.asarray(axis).item())
    ones = np.ones((like.shape[axis],) * 2)
    k = 1 if attrs["exclusive"] else 0
    return np.triu(ones, k) if attrs["reverse"] else np.tril(ones, -k), axis


def cumsum(xp: Namespace, a: AnyArray, axis: Any, attrs: Mapping[str, Any]) -> AnyArray:
    """Running sum along `axis`."""
    return along(xp, a, *_running(a, axis, attrs))


def cumsum_adjoint(xp: Namespace, g: AnyArray, axis: Any, attrs: Mapping[str, Any]) -> AnyArray:
    """Running sum the other way."""
    matrix, axis = _running(g, axis, attrs)
    return along(xp, g, matrix.T, axis)


def col2im(xp: Namespace, a: AnyArray, like_y: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Blocks added up where they overlap: the adjoint of a convolution that cuts the image into blocks."""
    kernel, window = _cut(xp, like_y, attrs)
    blocks = xp.reshape(a, (-1, like_y.shape[1] * math.prod(window.kernel), *window.out))
    return xp.conv_adjoint(blocks, kernel, like_y, window, like_y.shape[1])


def col2im_adjoint(xp: Namespace, g: AnyArray, like: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Cut the image into blocks."""
    kernel, window = _cut(xp, g, attrs)
    return xp.reshape_like(xp.conv(g, kernel, window, g.shape[1]), like)


def _cut(xp: Namespace, image: AnyArray, attrs: Mapping[str, Any]) -> tuple[AnyArray, Window]:
    """Kernel with one output per element of a block and channel, and its window."""
    block = tuple(attrs["block_shape"])
    units = np.eye(math.prod(block)).reshape(-1, 1, *block)
    kernel = xp.const(np.tile(units, (image.shape[1], *(1,) * (len(block) + 1))))
    return kernel, Window.resolve(image.shape[2:], block, attrs)


affine("CumSum", cumsum, cumsum_adjoint)
affine("Col2Im", col2im, col2im_adjoint)
