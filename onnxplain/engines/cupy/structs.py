"""C structs that kernels take by value, as NumPy arrays: a window over three axes, and the axes of a reduction."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import accumulate
from operator import mul
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from onnxplain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array
    from onnxplain.engines.window import Window

Struct: TypeAlias = "Array"
"""A NumPy array of rank 0 with the dtype of a C struct."""

AXES = 3
"""The number of axes in each struct."""

_WINDOW = np.dtype([(name, np.int32, AXES) for name in ("size", "out", "kernel", "strides", "dilations", "before")])
"""The struct `Window` of window.cuh."""

_AXES = np.dtype([(name, np.int64, AXES) for name in ("kept", "kept_step", "reduced", "reduced_step")])
"""The struct `Axes` of axes.cuh."""

Run = tuple[int, tuple[int, ...]]
"""An axis along which one or several arrays are run through: its length, and each array's step along it in elements."""


@lru_cache(maxsize=1024)
def window_struct(window: Window, size: tuple[int, ...]) -> Struct:
    """Return the struct `Window` over an input of spatial `size`, with axes of length 1 in front where it has fewer.

    Raises UsageError for a window over more than AXES axes.
    """
    if len(size) > AXES:
        raise UsageError(f'a window over {len(size)} axes: the engine "cupy" has {AXES}; use engine="numpy"')
    struct = np.zeros((), _WINDOW)
    for name in _WINDOW.names or ():
        values = size if name == "size" else getattr(window, name)
        struct[name] = (int(name != "before"),) * (AXES - len(size)) + tuple(values)
    struct["dilations"] = np.maximum(struct["dilations"], 1)
    return struct


def axes_struct(kept: Sequence[Run], reduced: Sequence[Run]) -> Struct:
    """Return the struct `Axes` of the axes of one array. Unused axes come first, with length 1 and step 0."""
    struct = np.zeros((), _AXES)
    for name, runs in (("kept", kept), ("reduced", reduced)):
        padded = [(1, (0,))] * (AXES - len(runs)) + list(runs)
        struct[name], struct[f"{name}_step"] = [n for n, _ in padded], [step for _, (step,) in padded]
    return struct


def steps_of(shape: Sequence[int]) -> list[int]:
    """Return the steps, in elements, along each axis of a C-contiguous array."""
    return list(accumulate(shape[:0:-1], mul, initial=1))[::-1] if shape else []


def merged(shape: Sequence[int], arrays: Sequence[Sequence[int]]) -> list[Run]:
    """Return the axes of `shape`, for arrays that have these steps. Axes of length 1 are left out.

    Neighbouring axes along which every array advances as along a single one are merged.
    """
    runs: list[Run] = []
    for axis, length in enumerate(shape):
        steps = tuple(each[axis] for each in arrays)
        if length == 1:
            continue
        if runs and runs[-1][1] == tuple(step * length for step in steps):
            runs[-1] = (runs[-1][0] * length, steps)
        else:
            runs.append((length, steps))
    return runs


def size_of(runs: Sequence[Run]) -> int:
    """Return the number of elements that the axes span."""
    return math.prod(length for length, _ in runs)
