"""Targets of classes: indices, labels, and places among the scores of a row, laid out as in the file's output."""

from __future__ import annotations

from math import prod
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.inputs.shape import show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.walk.objective import Target


def as_target(target: Any, rows: int, lengths: Sequence[int | None] = ()) -> Target:
    """Return a target as a Neuron, an index, a label or None, or as a list of one for each row.

    lengths: of the axes of a row's scores; None where the file leaves one open. Where there are several, such as
    [anchors, classes], a tuple is a place on these axes, and becomes the index of that place; a list has an entry for
    each row, which may be such a tuple.
    Raises UsageError where the targets are not as many as the rows, and for a place that a row does not have.
    """
    target = target.tolist() if isinstance(target, np.ndarray) else target
    if isinstance(target, tuple) and len(lengths) > 1:
        return _index(target, lengths)
    if isinstance(target, (list, tuple)) and len(target) != rows:
        raise UsageError(f"{len(target)} targets for {rows} rows; give one target, or one per row")
    if isinstance(target, (list, tuple)):
        target = [_index(each, lengths) if isinstance(each, (list, tuple)) else each for each in target]
    checked: Target = target
    return checked


def _index(place: Sequence[Any], lengths: Sequence[int | None]) -> int:
    """Return the index of a place among the scores of a row, counted along the last axis first."""
    known = [each for each in lengths if each is not None]
    if len(place) != len(lengths):
        raise UsageError(f"target {tuple(place)}: a row of scores has the shape {show(tuple(lengths))}; give one index")
    whole = all(isinstance(each, Integral) and not isinstance(each, bool) for each in place)
    if not whole or len(known) < len(lengths) or not all(0 <= i < n for i, n in zip(place, known, strict=True)):
        hint = "; the file leaves a length open: name the output with Neuron" if len(known) < len(lengths) else ""
        raise UsageError(f"target {tuple(place)}: no place in a row of scores of shape {show(tuple(lengths))}{hint}")
    return sum(int(i) * prod(known[axis + 1 :]) for axis, i in enumerate(place))
