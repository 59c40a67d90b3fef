"""What kernels take by value: a window over three axes, and the axes of a reduction or of operands."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import accumulate
from operator import mul
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.engines.window import Window

Struct = Any
"""A NumPy array of rank 0 with the dtype of a C struct."""
AXES = 3
_WINDOW = np.dtype([(name, np.int32, AXES) for name in ("size", "out", "kernel", "strides", "dilations", "before")])
_AXES = np.dtype([(name, np.int64, AXES) for name in ("kept", "kept_step", "reduced", "reduced_step")])
Run = tuple[int, tuple[int, ...]]
"""Length of an axis, and the step along it in elements of each of some arrays."""


@lru_cache(maxsize=1024)
def window_struct(window: Window, size: tuple[int, ...]) -> Struct:
    """`Window` of window.cuh over an input of spatial `size`; lower ranks get axes of length 1 in front."""
    if len(size) > AXES:
        raise UsageError(f'a window over {len(size)} axes: the engine "cupy" has {AXES}; use engine="numpy"')
    struct = np.zeros((), _WINDOW)
    for name in _WINDOW.names or ():
        values = size if name == "size" else getattr(window, name)
        struct[name] = (int(name != "before"),) * (AXES - len(size)) + tuple(values)
    struct["dilations"] = np.maximum(struct["dilations"], 1)
    return struct


def axes_struct(kept: Sequence[Run], reduced: Sequence[Run]) -> Struct:
    """`Axes` of axes.cuh, of runs of one array; unused axes come first."""
    struct = np.zeros((), _AXES)
    for name, runs in (("kept", kept), ("reduced", reduced)):
        padded = [(1, (0,))] * (AXES - len(runs)) + list(runs)
        struct[name], struct[f"{name}_step"] = [n for n, _ in padded], [step for _, (step,) in padded]
    return struct


def steps_of(shape: Sequence[int]) -> list[int]:
    """Elements from one position to the next along each axis of an array without gaps."""
    return list(accumulate(shape[:0:-1], mul, initial=1))[::-1] if shape else []


def merged(shape: Sequence[int], arrays: Sequence[Sequence[int]]) -> list[Run]:
    """Axes of `shape` along which arrays with these steps lie; neighbours that all step through as one become one."""
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
    """How many elements the axes span."""
    return math.prod(length for length, _ in runs)
