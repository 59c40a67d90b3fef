"""The transpose of a convolution by cuDNN's data gradient: in exact float32, and with the same bits in every run.

cuDNN is free to compute float32 in TF32, by transforms that lose digits, or by atomics. Its engines say so in notes,
and those that do are not taken. What cuDNN refuses, such as a window over four axes or negative pads, and what it has
no other engine for goes to our own kernels.
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
"""Notes of the engines that are not taken."""
LEAST = 2
"""Axes of a window, at which cuDNN begins."""
ALIGNED = 16
"""Bytes; an array starts at a multiple of them, as the frontend promises to cuDNN."""
G, W, X = 1, 2, 3
_turn = Lock()
"""A handle has one stream at a time."""


def conv_adjoint(g: Memory, w: Memory, like: Any, window: Window, group: int) -> Memory:
    """See `convolution.conv_adjoint`; on CuPy's current stream, in float32."""
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
    """cuDNN's graph for arrays of these shapes, ready to execute on the current device; None where it has none."""
    graph = described(g, w, x, window, _handle(device))
    try:
        graph.validate()
        graph.build_operation_graph()
        graph.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
        # only now: notes are those of plans that are there
        graph.deselect_numeric_notes([getattr(cudnn.numerical_note, name) for name in INEXACT])
        graph.deselect_workspace_greater_than(convolution.COLUMNS)
        graph.check_support()
        graph.build_plans()
    except (RuntimeError, cudnn.cudnnGraphNotSupportedError):
        return None
    return graph


def described(g: Shape, w: Shape, x: Shape, window: Window, handle: Any = None) -> Any:
    """The data gradient as a graph: from g [N, M, *out] and w [M, C/group, *kernel] to x [N, C, *size].

    cuDNN finds the number of groups in the shapes.
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
    """cuDNN's handle for the current device, whose number keeps it apart from others."""
    return cudnn.create_handle()


def _behind(before: int, after: int, stride: int) -> int:
    """The pad behind: as in front where it moves no window, since cuDNN has more engines for equal pads.

    A negative one is a remainder that no window reads.
    """
    return before if after <= before < after + stride else max(0, after)


def _padded(shape: Shape) -> list[int]:
    """The shape with axes of length 1 in front of the only one that slides."""
    return [*shape[:2], *(1,) * (LEAST + 2 - len(shape)), *shape[2:]]


def _dense(x: Memory) -> Memory:
    """`x` without gaps, from an aligned address on."""
    x = cupy.ascontiguousarray(x)
    return x if x.data.ptr % ALIGNED == 0 else x.copy()
