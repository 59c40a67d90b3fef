"""Weighers: how the channels of a layer are weighed into one class activation map.

A weigher takes activations A [N, K, *grid] and what was read of each channel: the gradients G, in the shape of A, the
scores S [N, K] of the input masked by the channel, or what the score loses without the channel, D [N, K]. It returns
the map [N, *grid]. Each field of a weigher is a parameter of the method; `relu` drops what speaks against the target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from onnxplain import checks

if TYPE_CHECKING:
    from onnxplain.arrays import Array


class Weigher(Protocol):
    """Weighs channels into a map."""

    def __call__(self, A: Array, read: Array) -> Array:
        """Return the map [N, *grid] of activations A and of what was read of each channel."""


@dataclass(frozen=True)
class _Rectifying:
    """The parameter that every weigher has."""

    relu: bool = True

    def __post_init__(self) -> None:
        checks.flag(relu=self.relu)


@dataclass(frozen=True)
class Cam(_Rectifying):
    """Channels weighed by the class's weights behind a global average pooling. Source: Zhou et al. 2016.

    Σₖ wₖ Aₖ; its mean, plus the bias, is the score. There the gradient is wₖ / positions at every position.
    """

    relu: bool = False

    def __call__(self, A: Array, G: Array) -> Array:
        return _rectified(_weighed(A, G.sum(_positions(A))), self.relu)


@dataclass(frozen=True)
class GradCam(_Rectifying):
    """Channels weighed by the mean of their gradient: Σₖ mean(Gₖ) Aₖ. Source: Selvaraju et al. 2017."""

    def __call__(self, A: Array, G: Array) -> Array:
        return _rectified(_weighed(A, G.mean(_positions(A))), self.relu)


@dataclass(frozen=True)
class GradCamPlusPlus(_Rectifying):
    """Channels weighed by their positive gradients, each by its share of the score. Source: Chattopadhay et al. 2018.

    wₖ = Σ α G⁺ with α = G² / (2 G² + G³ Σ Aₖ) = 1 / (2 + G Σ Aₖ), the paper's closed form for the exponential of the
    score. Its factor exp(score), common to all channels, overflows and is left out. α of a denominator 0 is 0.
    """

    def __call__(self, A: Array, G: Array) -> Array:
        below = 2 + G * A.sum(_positions(A), keepdims=True)
        alpha = np.divide(1, below, out=np.zeros_like(below), where=below != 0)
        return _rectified(_weighed(A, (alpha * np.maximum(G, 0)).sum(_positions(A))), self.relu)


@dataclass(frozen=True)
class LayerCam(_Rectifying):
    """Each position weighed by its own positive gradient: Σₖ Gₖ⁺ Aₖ. Source: Jiang et al. 2021."""

    def __call__(self, A: Array, G: Array) -> Array:
        return _rectified((np.maximum(G, 0) * A).sum(1), self.relu)


@dataclass(frozen=True)
class HiResCam(_Rectifying):
    """Each position weighed by its own gradient: Σₖ Gₖ Aₖ. Source: Draelos & Carin 2020."""

    def __call__(self, A: Array, G: Array) -> Array:
        return _rectified((G * A).sum(1), self.relu)


@dataclass(frozen=True)
class ScoreCam(_Rectifying):
    """Channels weighed by the softmax of the scores of the input seen through them. Source: Wang et al. 2020.

    A channel, enlarged and brought to 0..1, is the mask; what it hides is the baseline.
    """

    def __call__(self, A: Array, S: Array) -> Array:
        odds = np.exp(S - S.max(1, keepdims=True))
        return _rectified(_weighed(A, odds / odds.sum(1, keepdims=True)), self.relu)


@dataclass(frozen=True)
class XGradCam(_Rectifying):
    """Channels weighed by their gradient, averaged by the activations: Σₖ wₖ Aₖ. Source: Fu et al. 2020.

    wₖ = Σ Gₖ Aₖ / Σ Aₖ over the positions; 0 for a channel whose activations sum to 0.
    """

    def __call__(self, A: Array, G: Array) -> Array:
        total = A.sum(_positions(A))
        taken = (G * A).sum(_positions(A))
        weights = np.divide(taken, total, out=np.zeros_like(total), where=total != 0)
        return _rectified(_weighed(A, weights), self.relu)


@dataclass(frozen=True)
class AblationCam(_Rectifying):
    """Channels weighed by the part of the score that is lost without them. Source: Ramaswamy & Desai 2020.

    Σₖ wₖ Aₖ with wₖ = (y - yₖ) / |y|, where yₖ is the score with all of channel k set to 0. The paper divides by y,
    which is the same for a positive score; for a negative one it would turn the map around.
    """

    def __call__(self, A: Array, D: Array) -> Array:
        return _rectified(_weighed(A, D), self.relu)


@dataclass(frozen=True)
class EigenCam(_Rectifying):
    """The first principal component of the channels, whatever the class. Source: Muhammad & Yeasin 2020.

    A v, where v is the first right singular vector of the activations A as a matrix of positions and channels. Its sign
    is chosen so that the largest magnitude of the map is positive. centre: subtract the mean of each channel first.
    """

    centre: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.flag(centre=self.centre)

    def __call__(self, A: Array, _: Array) -> Array:
        flat = A.reshape(*A.shape[:2], -1)
        flat = flat - flat.mean(2, keepdims=True) if self.centre else flat
        first = np.linalg.svd(flat, full_matrices=False)[0][:, :, 0]
        maps = np.einsum("nkp,nk->np", flat, first)
        sign = np.sign(np.take_along_axis(maps, np.abs(maps).argmax(1)[:, np.newaxis], 1))
        return _rectified((maps * np.where(sign, sign, 1)).reshape(len(A), *A.shape[2:]), self.relu)


def masks(maps: Array) -> Array:
    """Return maps [M, *sizes], each scaled to 0..1; a constant one becomes 0."""
    places = tuple(range(1, maps.ndim))
    low, high = maps.min(places, keepdims=True), maps.max(places, keepdims=True)
    return np.asarray(np.divide(maps - low, high - low, out=np.zeros_like(maps), where=high > low))


def _weighed(A: Array, weights: Array) -> Array:
    """Return Σₖ wₖ Aₖ for weights [N, K]."""
    return np.asarray(np.einsum("nk...,nk->n...", A, weights.astype(A.dtype)))


def _rectified(maps: Array, relu: bool) -> Array:
    return np.maximum(maps, 0) if relu else maps


def _positions(A: Array) -> tuple[int, ...]:
    return tuple(range(2, A.ndim))
