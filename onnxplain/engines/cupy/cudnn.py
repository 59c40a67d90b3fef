"""The adjoint of a convolution by cuDNN, its data gradient: in exact float32, and with the same bits in every run.

By itself cuDNN may compute float32 in TF32, by transforms that lose digits, or by atomic additions in any order. Each
of its own engines states in numerical notes which of these it does, and such engines are excluded here. Convolutions
for which no other engine is left, and those that cuDNN does not support, such as a window over four axes, go to the
kernels of this project.
"""

from __future__ import annotations

from functools import cache, lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import cudnn
import cupy
import numpy as np

from onnxplain.engines.cupy import convolution
from onnxplain.engines.cupy.structs import steps_of

if TYPE_CHECKING:
    from onnxplain.engines.cupy.kernels import Memory
    from onnxplain.engines.window import Window

Shape = tuple[int, ...]
INEXACT = (
    "TENSOR_CORE", "DOWN_CONVERT_INPUTS", "REDUCED_PRECISION_REDUCTION", "FFT", "WINOGRAD", "WINOGRAD_TILE_4x4",
    "WINOGRAD_TILE_6x6", "WINOGRAD_TILE_13x13", "NONDETERMINISTIC",
)  # fmt: skip
"""The numerical notes of cuDNN's engines that are excluded."""

LEAST = 2
"""The smallest number of spatial axes that cuDNN supports."""

ALIGNED = 16
"""An array starts at an address that is a multiple of so many bytes: cuDNN's frontend states that about all arrays."""

G = 1
"""The id of the message in cuDNN's graph."""

W = 2
"""The id of the weight."""

X = 3
"""The id of the result."""

_turn = Lock()
"""Held by the thread that uses a handle, because a handle has one stream at a time."""


def conv_adjoint(g: Memory, w: Memory, like: Any, window: Window, group: int) -> Memory:
    """See `convolution.conv_adjoint`. It runs in float32, on CuPy's current stream."""
    device = cupy.cuda.Device().id
    graph = plan(device, tuple(g.shape), tuple(w.shape), tuple(like.shape), window)
    if graph is None:
        return convolution.conv_adjoint(g, w, like, window, group)
    g, w, x = _dense(g), _dense(w), cupy.empty(like.shape, np.float32)
    workspace = cupy.empty(graph.get_workspace_size(), np.uint8)
    with _turn:
        cudnn.set_stream(_handle(device), cupy.cuda.get_current_stream().ptr)
        pointers = {G: g.data.ptr, W: w.data.ptr, X: x.data.ptr}
        graph.execute(pointers, workspace.data.ptr, handle=_handle(device))
    return x


@lru_cache(maxsize=1024)
def plan(device: int, g: Shape, w: Shape, x: Shape, window: Window) -> Any | None:
    """Return cuDNN's graph for arrays of these shapes, ready to run on the current device; None where there is none."""
    graph = described(g, w, x, window, _handle(device))
    try:
        graph.validate()
        graph.build_operation_graph()
        graph.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
        # after the plans have been created, because only then are there notes to exclude them by
        graph.deselect_numeric_notes([getattr(cudnn.numerical_note, name) for name in INEXACT])
        graph.deselect_workspace_greater_than(convolution.COLUMNS)
        graph.check_support()
        graph.build_plans()
    except (RuntimeError, cudnn.cudnnGraphNotSupportedError):
        return None
    return graph


def described(g: Shape, w: Shape, x: Shape, window: Window, handle: Any = None) -> Any:
    """Return cuDNN's graph of the data gradient, from g [N, M, *out] and w [M, C/group, *kernel] to x [N, C, *size].

    cuDNN infers the number of groups from the shapes.
    """
    real = cudnn.data_type.FLOAT
    graph = cudnn.pygraph(io_data_type=real, intermediate_data_type=real, compute_data_type=real, handle=handle)
    loss, weight = (
        graph.tensor(dim=_padded(shape), stride=steps_of(_padded(shape)), data_type=real, uid=uid)
        for shape, uid in ((g, G), (w, W))
    )
    flat = [1] * (LEAST - len(window.kernel))
    none = [0] * len(flat)
    found = graph.conv_dgrad(
        loss=loss,
        filter=weight,
        pre_padding=none + list(window.before),
        post_padding=none + list(map(_behind, window.before, window.after, window.strides)),
        stride=flat + list(window.strides),
        dilation=flat + list(window.dilations),
    )
    found.set_uid(X).set_output(True).set_data_type(real).set_dim(_padded(x)).set_stride(steps_of(_padded(x)))
    return graph


@cache
def _handle(device: int) -> Any:  # noqa: ARG001
    """Return cuDNN's handle for the current device; `device` is its number, so that each device gets a handle."""
    return cudnn.create_handle()


def _behind(before: int, after: int, stride: int) -> int:
    """Return the padding behind for cuDNN.

    It equals the padding in front where that adds no position of the window, because cuDNN has more engines for equal
    paddings. A negative `after`, elements that no window reads, becomes 0.
    """
    return before if after <= before < after + stride else max(0, after)


def _padded(shape: Shape) -> list[int]:
    """Return the shape with an axis of length 1 before its only spatial axis; other shapes stay as they are."""
    return [*shape[:2], *(1,) * (LEAST + 2 - len(shape)), *shape[2:]]


def _dense(x: Memory) -> Memory:
    """Return `x`, or a copy of it, that is C-contiguous and starts at an aligned address."""
    x = cupy.ascontiguousarray(x)
    return x if x.data.ptr % ALIGNED == 0 else x.copy()
