"""Read-outs: how the message that arrives at the input becomes an attribution."""

from __future__ import annotations

from typing import Any

Array = Any


def message(x: Array, x0: Array | None, arrived: Array) -> Array:  # noqa: ARG001
    """The message itself: a gradient, or relevance."""
    return arrived


def magnitude(x: Array, x0: Array | None, arrived: Array) -> Array:  # noqa: ARG001
    """|g|."""
    return abs(arrived)


def times_input(x: Array, x0: Array | None, arrived: Array) -> Array:  # noqa: ARG001
    """x g."""
    return x * arrived


def contribution(x: Array, x0: Array, arrived: Array) -> Array:
    """m (x - x₀)."""
    return arrived * (x - x0)
