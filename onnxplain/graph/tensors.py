"""The element type of a tensor, as the graph library onnx-graphsurgeon states it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs


def numpy_dtype(tensor: gs.Tensor) -> np.dtype[Any] | None:
    """Return the NumPy dtype of a tensor; None where it is unknown."""
    dtype = tensor.dtype
    if dtype is None or dtype == 0:
        return None
    known: np.dtype[Any] = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(dtype) if isinstance(dtype, int) else dtype)
    return known
