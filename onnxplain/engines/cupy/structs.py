"""What kernels take by value: a window over three axes, and the axes of a reduction."""

from __future__ import annotations

import math
from functools import lru_cache
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
Run = tuple[int, int]
"""Length of an axis, and its step in elements."""


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
    """`Axes` of axes.cuh; unused axes come first."""
    struct = np.zeros((), _AXES)
    for name, runs in (("kept", kept), ("reduced", reduced)):
        padded = [(1, 0)] * (AXES - len(runs)) + list(runs)
        struct[name], struct[f"{name}_step"] = zip(*padded, strict=True)
    return struct


def merged(shape: Sequence[int], steps: Sequence[int], axes: Sequence[int]) -> list[Run]:
    """The given axes, neighbours that lie behind one another in memory as one."""
    runs: list[Run] = []
    for axis in axes:
        length, step = shape[axis], steps[axis]
        if length == 1:
            continue
        if runs and runs[-1][1] == step * length:
            runs[-1] = (runs[-1][0] * length, step)
        else:
            runs.append((length, step))
    return runs


def size_of(runs: Sequence[Run]) -> int:
    """How many elements the axes span."""
    return math.prod(length for length, _ in runs)
