"""Changes of models, which are the kinds of mutations: each edits a model in place, if it finds what to change."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import onnx

    Change: TypeAlias = Callable[[onnx.ModelProto, np.random.Generator], bool]

Of = TypeVar("Of")

KINDS: dict[str, Change] = {}
"""Name -> change."""


def kind(change: Change) -> Change:
    """Register a change by the name of its module and its own."""
    KINDS[f"{change.__module__.rpartition('.')[2]}.{change.__name__}"] = change
    return change


def pick(rng: np.random.Generator, some: Sequence[Of]) -> Of:
    """Return one of them."""
    return some[int(rng.integers(len(some)))]


STRANGE = ("", "a\nb", "\x1b[31mred", "with space", "a/b:c", "ü€𝄞", "x" * 3000, "'; --", "\u202egnol", "{x}", "%s", ".")
"""Names that no exporter writes."""

NUMBERS = (0, 1, -1, 2, 3, 7, -7, 255, 2**31 - 1, 2**31, -(2**31), 2**40, 2**63 - 1, -(2**63))
"""Whole numbers at which something may end."""

REALS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-30, 1e30, 3.4e38, float("inf"), float("-inf"), float("nan"))

FLOATS = (1, 10, 11, 16)
"""float, float16, double, bfloat16."""
