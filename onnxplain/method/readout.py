"""Read-outs: how the message that arrives at the input becomes an attribution."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from onnxplain.arrays import AnyArray

Readout: TypeAlias = Callable[[Any, Any, Any], Any]
"""Makes the attribution of the input x, the baseline x₀ (None for a method without one) and the arriving message."""


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
