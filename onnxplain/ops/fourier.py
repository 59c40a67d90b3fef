"""Fourier transforms: linear maps on pairs (real part, imaginary part), which lie on the last axis.

With e^{iφ} = cos φ + i sin φ, a term x e^{iφ} is a matrix of rotation on the pair of x; a real signal has the first of
the pair only. So a DFT is a matrix product, and an STFT a convolution by rotations in a window.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.engines.window import Window
from onnxplain.errors import UnsupportedModelError
from onnxplain.ops.affine import affine
from onnxplain.ops.axes import Shaped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.arrays import AnyArray, Array
    from onnxplain.engines.namespace import Namespace

LARGEST = 2**25
"""Elements of the largest matrix that is made."""


@lru_cache(maxsize=8)
def _rotations(bins: int, length: int, parts: int, size: int, *, inverse: bool) -> Array:
    """Return the matrix [bins, 2, length, parts] from a signal to its spectrum: of rotations by ∓2π k t / size.

    parts: 1 for a real signal, 2 for pairs. Raises UnsupportedModelError where it is too large.
    """
    if bins * 2 * length * parts > LARGEST:
        raise UnsupportedModelError(f"a Fourier transform of {length} values by a matrix would take too much memory")
    angle = (2 if inverse else -2) * np.pi / size * (np.outer(np.arange(bins), np.arange(length)) % size)
    cos, sin = np.cos(angle), np.sin(angle)
    pairs = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], 1)
    return np.asarray(pairs[..., :parts] / (size if inverse else 1))


# --- DFT ---------------------------------------------------------------------------------------------------------


def _matrix(like: AnyArray, like_y: AnyArray, axis: int, attrs: Mapping[str, Any]) -> Array:
    """Return the matrix [pairs of the spectrum, pairs of the signal] along an axis."""
    length, bins = like.shape[axis], like_y.shape[axis]
    if attrs["inverse"] and attrs["onesided"]:
        return _back_to_real(length, bins)
    size = attrs.get("dft_length") or length
    size = int(np.asarray(size).item())
    rotations = _rotations(bins, min(length, size), like.shape[-1], size, inverse=bool(attrs["inverse"]))
    matrix = rotations.reshape(bins * 2, -1)
    beyond = (length - min(length, size)) * like.shape[-1]  # elements that are not read
    return np.pad(matrix, ((0, 0), (0, beyond)))


def _back_to_real(bins: int, size: int) -> Array:
    """Return the matrix from one side of a spectrum to its real signal: all bins but the ends count for two."""
    used = min(bins, size // 2 + 1)
    twice = np.where((np.arange(used) == 0) | (2 * np.arange(used) == size), 1.0, 2.0)
    matrix = _rotations(size, used, 2, size, inverse=True)[:, 0] * twice[:, np.newaxis]
    return np.pad(matrix.reshape(size, -1), ((0, 0), (0, 2 * (bins - used))))


def _axis(rank: int, attrs: Mapping[str, Any]) -> int:
    given = attrs.get("axis")
    return int(-2 if given is None else np.asarray(given).item()) % rank


def _dft(xp: Namespace, a: AnyArray, like_y: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    axis = _axis(a.ndim, attrs)
    return _pairwise(xp, a, _matrix(a, like_y, axis, attrs), axis, like_y)


def _dft_adjoint(xp: Namespace, g: AnyArray, like: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    axis = _axis(like.ndim, attrs)
    return _pairwise(xp, g, _matrix(like, g, axis, attrs).T, axis, like)


def _pairwise(xp: Namespace, x: AnyArray, matrix: Array, axis: int, like: AnyArray) -> AnyArray:
    """Apply a matrix along `axis` and the last axis of x together; the result has these axes as `like` has them."""
    order = [i for i in range(x.ndim - 1) if i != axis] + [axis, x.ndim - 1]
    turned = xp.transpose(x, order)
    lead = turned.shape[:-2]
    flat = xp.matmul(xp.reshape(turned, (*lead, matrix.shape[1])), xp.const(matrix.T))
    pairs = xp.reshape(flat, (*lead, like.shape[axis], like.shape[-1]))
    return xp.transpose(pairs, [order.index(i) for i in range(x.ndim)])


affine("DFT", _dft, _dft_adjoint)

# --- STFT --------------------------------------------------------------------------------------------------------


def _frames(signal: AnyArray, spectrum: AnyArray, attrs: Mapping[str, Any]) -> tuple[Array, Window]:
    """Return the kernel [bins · 2, parts, frame] of the convolution from a signal to its spectrum, and its window.

    signal: [N, length] or [N, length, parts]. spectrum: [N, frames, bins, 2].
    """
    shape = attrs.get("window")
    size = len(shape) if shape is not None else int(np.asarray(attrs["frame_length"]).item())
    frames, bins = spectrum.shape[1:3]
    parts = signal.shape[2] if len(signal.shape) > 2 else 1  # [N, length] has none
    rotations = _rotations(bins, size, parts, size, inverse=False) * (
        1 if shape is None else np.reshape(shape, (-1, 1))
    )
    kernel = np.moveaxis(rotations.reshape(bins * 2, size, parts), 1, 2)
    step = int(np.asarray(attrs["frame_step"]).item())
    return kernel, Window.over((signal.shape[1],), (size,), (step,), (1,), (0,), (frames,))


def _stft(xp: Namespace, a: AnyArray, like_y: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    kernel, window = _frames(a, like_y, attrs)
    signal = xp.transpose(xp.reshape(a, (*a.shape[:2], kernel.shape[1])), (0, 2, 1))
    found = xp.conv(signal, xp.const(kernel), window, 1)
    pairs = xp.reshape(found, (-1, like_y.shape[2], 2, like_y.shape[1]))
    return xp.transpose(pairs, (0, 3, 1, 2))


def _stft_adjoint(xp: Namespace, g: AnyArray, like: AnyArray, attrs: Mapping[str, Any]) -> AnyArray:
    kernel, window = _frames(like, g, attrs)
    pairs = xp.reshape(xp.transpose(g, (0, 2, 3, 1)), (-1, len(kernel), g.shape[1]))
    signal = Shaped((like.shape[0], kernel.shape[1], like.shape[1]))
    found = xp.conv_adjoint(pairs, xp.const(kernel), signal, window, 1)
    return xp.reshape_like(xp.transpose(found, (0, 2, 1)), like)


affine("STFT", _stft, _stft_adjoint)
