"""The element type of a tensor, as the graph library onnx-graphsurgeon states it, and elements narrower than a byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx_graphsurgeon.ir.tensor import LazyValues

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs


def numpy_dtype(tensor: gs.Tensor) -> np.dtype[Any] | None:
    """Return the NumPy dtype of a tensor; None where it is unknown."""
    dtype = tensor.dtype
    if dtype is None or dtype == 0:
        return None
    known: np.dtype[Any] = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(dtype) if isinstance(dtype, int) else dtype)
    return known


_NARROW = ("int4", "uint4", "int2", "uint2", "float4_e2m1fn")
"""The names of types of which a byte holds several elements in a file, but one in an array of NumPy."""


def is_narrow(dtype: np.dtype[Any]) -> bool:
    """Whether a file packs several elements of this type into a byte."""
    return dtype.name in _NARROW


def pack(tensor: gs.Constant) -> None:
    """Let a constant of a narrow type hold its elements as a file does, since the graph library writes arrays bytewise.

    Its values are an array again as soon as someone reads them.
    """
    dtype = numpy_dtype(tensor)
    if dtype is not None and is_narrow(dtype) and isinstance(tensor._values, np.ndarray):  # noqa: SLF001
        tensor._values = LazyValues(onnx.numpy_helper.from_array(tensor.values, tensor.name))  # noqa: SLF001
