"""Read-outs: how the message that arrives at the input becomes an attribution."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from onnxplain.arrays import AnyArray, Array

Readout: TypeAlias = Callable[[Any, Any, Any], Any]
"""Makes the attribution of the input x, the baseline x₀ (None for a method without one) and the arriving message."""


def folded(attribution: Array, axes: tuple[int, ...], *, norm: bool) -> Array:
    """Return one number for all elements along `axes`, those of an embedding: their sum or, with `norm`, the L2 norm.

    Contributions add up. The elements of a gradient do not: behind a LayerNorm they cancel.
    """
    if not axes:
        return attribution
    if not norm:
        return np.asarray(attribution.sum(axes))
    squares = np.square(attribution, dtype=np.float64).sum(axes)
    return np.asarray(np.sqrt(squares), attribution.dtype)


def message(x: AnyArray, x0: AnyArray | None, arrived: AnyArray) -> AnyArray:  # noqa: ARG001
    """The message itself: a gradient, or relevance."""
    return arrived


def magnitude(x: AnyArray, x0: AnyArray | None, arrived: AnyArray) -> AnyArray:  # noqa: ARG001
    """|g|, the magnitude of the message."""
    return abs(arrived)


def times_input(x: AnyArray, x0: AnyArray | None, arrived: AnyArray) -> AnyArray:  # noqa: ARG001
    """x g, the message times the input."""
    return x * arrived


def contribution(x: AnyArray, x0: AnyArray, arrived: AnyArray) -> AnyArray:
    """m (x - x₀), the message times the difference from the baseline."""
    return arrived * (x - x0)
