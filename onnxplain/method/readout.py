"""Read-outs: how the message that arrives at the input becomes an attribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxplain.arrays import AnyArray


def message(x: AnyArray, x0: AnyArray | None, arrived: AnyArray) -> AnyArray:  # noqa: ARG001
    """The message itself: a gradient, or relevance."""
    return arrived


def magnitude(x: AnyArray, x0: AnyArray | None, arrived: AnyArray) -> AnyArray:  # noqa: ARG001
    """|g|."""
    return abs(arrived)


def times_input(x: AnyArray, x0: AnyArray | None, arrived: AnyArray) -> AnyArray:  # noqa: ARG001
    """x g."""
    return x * arrived


def contribution(x: AnyArray, x0: AnyArray, arrived: AnyArray) -> AnyArray:
    """m (x - x₀)."""
    return arrived * (x - x0)
