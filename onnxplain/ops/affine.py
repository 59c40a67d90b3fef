"""AFFINE operators: y = A(w) x + b. The fact `apply` is the linear part A(w) x, and `adjoint0` its transpose A(w)ᵀ g.

The bias b is not part of the facts: a rule reads it from the site, in a shape that broadcasts onto y. Pools, means and
sums have no weight input, so their facts make the fixed weights that they need.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.engines.window import Window, uncovered
from onnxplain.ops import Family, Op, register
from onnxplain.ops.axes import reduced_axes, running

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike

    from onnxplain.arrays import AnyArray
    from onnxplain.engines.namespace import Namespace


def affine(name: str, apply: Callable[..., AnyArray], adjoint: Callable[..., AnyArray], **roles: Any) -> None:
    """Register y = A(w) x + b by `apply(a, b)`, of a = x and b = w, and `adjoint(g, w)`. `roles` are fields of `Op`."""
    register(Op(name, Family.AFFINE, facts={"apply": apply, "adjoint0": adjoint}, **roles))


# --- convolutions ---------------------------------------------------------------------------------------------


def conv(xp: Namespace, a: AnyArray, b: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Return the convolution of x = a [N, C, *size] with the kernel w = b [M, C/group, *kernel]."""
    return xp.conv(a, b, Window.resolve(a.shape[2:], b.shape[2:], attrs), attrs["group"])


def conv_adjoint(xp: Namespace, g: AnyArray, w: AnyArray, like: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Return the transpose of `conv` in x, in the shape of `like`."""
    return xp.conv_adjoint(g, w, like, Window.resolve(like.shape[2:], w.shape[2:], attrs), attrs["group"])


def conv_transpose(xp: Namespace, a: AnyArray, b: AnyArray, like_y: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Return ConvTranspose from x to y: by definition, the transpose of a convolution from y to x."""
    return xp.conv_adjoint(a, b, like_y, _mirror(a, like_y, b, attrs), attrs["group"])


def conv_transpose_adjoint(
    xp: Namespace, g: AnyArray, w: AnyArray, like: AnyArray, attrs: Mapping[str, Any]
) -> AnyArray:
    """Return the transpose of `conv_transpose` in x: the convolution from y to x."""
    return xp.conv(g, w, _mirror(like, g, w, attrs), attrs["group"])


def _mirror(x: AnyArray, y: AnyArray, w: AnyArray, attrs: Mapping[str, Any]) -> Window:
    """Return the window of the convolution from y to x whose transpose a ConvTranspose from x to y is."""
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


# --- pools, sums and means, whose weights are fixed --------------------------------------------------------------


def average_pool(xp: Namespace, a: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Convolve each channel with ones, and divide by the number of elements that each window counts."""
    window = Window.resolve(a.shape[2:], tuple(attrs["kernel_shape"]), attrs)
    read = window.within(a.shape[2:])
    return xp.conv(a, _ones(xp, a, read), read, a.shape[1]) * xp.const(_weights(a, window, attrs))


def average_pool_adjoint(xp: Namespace, g: AnyArray, like: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Pass the message of each window, divided by its count, to all elements of the window; overlaps add up."""
    window = Window.resolve(like.shape[2:], tuple(attrs["kernel_shape"]), attrs)
    share, read = g * xp.const(_weights(like, window, attrs)), window.within(like.shape[2:])
    return xp.conv_adjoint(share, _ones(xp, like, read), like, read, like.shape[1])


def _ones(xp: Namespace, like: AnyArray, window: Window) -> AnyArray:
    """Return a depthwise kernel of ones, [C, 1, *kernel]."""
    return xp.const(np.ones((like.shape[1], 1, *window.kernel), "f"))


def _weights(like: AnyArray, window: Window, attrs: Mapping[str, Any]) -> Any:
    """Return 1 / (number of elements that count) for each output position, [1, 1, *out].

    The number is a product over the axes of how many taps lie where elements count.
    """
    n = len(window.kernel)
    pads = attrs.get("pads") or (0,) * 2 * n
    counts = []
    for axis, size in enumerate(like.shape[2:]):
        starts = np.arange(window.out[axis]) * window.strides[axis] - window.before[axis]
        # with count_include_pad the padding that the node states counts, but not what ceil_mode adds behind it
        low, high = (-window.before[axis], size + pads[n + axis]) if attrs["count_include_pad"] else (0, size)
        if attrs["auto_pad"].startswith("SAME") and attrs["count_include_pad"]:
            high = size + max(window.after[axis], 0)
        # of the taps start + k * dilation, those from low on but before high
        first, stop = (
            np.clip(-((starts - end) // window.dilations[axis]), 0, window.kernel[axis]) for end in (low, high)
        )
        count = stop - first
        counts.append(count.reshape([-1 if i == axis else 1 for i in range(n)]))
    return (1.0 / math.prod(counts))[None, None]


affine("AveragePool", average_pool, average_pool_adjoint, limits=uncovered)


def reduce_sum(xp: Namespace, a: AnyArray, like_y: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Sum over the axes that the attributes name."""
    return xp.reshape_like(xp.sum(a, reduced_axes(a.ndim, attrs)), like_y)


def reduce_sum_adjoint(xp: Namespace, g: AnyArray, like: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Pass the whole message of a sum to each of its elements."""
    axes = reduced_axes(like.ndim, attrs)
    return xp.broadcast_like(g if attrs["keepdims"] == 1 else xp.expand_dims(g, axes), like)


def _mean_of(like: AnyArray, attrs: Mapping[str, Any]) -> float:
    """Return 1/n, where n is the number of elements that are averaged."""
    axes = reduced_axes(like.ndim, attrs)
    return float(1.0 / math.prod(like.shape[axis] for axis in axes))


def reduce_mean(xp: Namespace, a: AnyArray, like_y: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Return the mean over the axes that the attributes name."""
    return reduce_sum(xp, a, like_y, attrs) * _mean_of(a, attrs)


def reduce_mean_adjoint(xp: Namespace, g: AnyArray, like: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Pass 1/n of the message of a mean to each of its n elements."""
    return reduce_sum_adjoint(xp, g * _mean_of(like, attrs), like, attrs)


def _spatial(like: AnyArray) -> dict[str, Any]:
    """Return the attributes of a ReduceMean over all axes but the first two."""
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
    """Return one weight per channel in a shape that broadcasts onto `like` [N, C, ...]."""
    return xp.reshape(w, (1, -1, *(1,) * (like.ndim - 2)))


def _batchnorm_limits(attrs: Mapping[str, Any]) -> str:
    """Return "" for a BatchNormalization with mean 0, variance 1 and epsilon 0: a scale and a bias per channel.

    Passes fold it into a neighbour where they can, and else leave it in this form.
    """
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

# --- running sums, and sums of overlapping blocks ------------------------------------------------------------------


def _direction(axis: ArrayLike, attrs: Mapping[str, Any]) -> tuple[int, bool, bool]:
    """Return the axis of a CumSum as a number, whether an element itself is left out, and whether it runs backward."""
    return int(np.asarray(axis).item()), bool(attrs["exclusive"]), bool(attrs["reverse"])


def cumsum(xp: Namespace, a: AnyArray, axis: ArrayLike, attrs: Mapping[str, Any]) -> AnyArray:
    """Return the running sum along `axis`."""
    at, exclusive, reverse = _direction(axis, attrs)
    return running(xp, a, at % a.ndim, exclusive=exclusive, reverse=reverse)


def cumsum_adjoint(xp: Namespace, g: AnyArray, axis: ArrayLike, attrs: Mapping[str, Any]) -> AnyArray:
    """Return the running sum in the opposite direction."""
    at, exclusive, reverse = _direction(axis, attrs)
    return running(xp, g, at % g.ndim, exclusive=exclusive, reverse=not reverse)


def col2im(xp: Namespace, a: AnyArray, like_y: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Add up blocks where they overlap: the transpose of a convolution that cuts an image into blocks."""
    kernel, window = _cut(xp, like_y, attrs)
    blocks = xp.reshape(a, (-1, like_y.shape[1] * math.prod(window.kernel), *window.out))
    return xp.conv_adjoint(blocks, kernel, like_y, window, like_y.shape[1])


def col2im_adjoint(xp: Namespace, g: AnyArray, like: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    """Cut an image into blocks, by that convolution."""
    kernel, window = _cut(xp, g, attrs)
    return xp.reshape_like(xp.conv(g, kernel, window, g.shape[1]), like)


def _cut(xp: Namespace, image: AnyArray, attrs: Mapping[str, Any]) -> tuple[AnyArray, Window]:
    """Return the kernel that cuts `image` into blocks, and its window.

    It is depthwise: each output channel copies one element of a block of one channel.
    """
    block = tuple(attrs["block_shape"])
    units = np.eye(math.prod(block)).reshape(-1, 1, *block)
    kernel = xp.const(np.tile(units, (image.shape[1], *(1,) * (len(block) + 1))))
    return kernel, Window.resolve(image.shape[2:], block, attrs)


affine("CumSum", cumsum, cumsum_adjoint)
affine("Col2Im", col2im, col2im_adjoint)
