"""The types of arrays, for annotations."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]
"""A NumPy array of any shape and element type, in the memory of the host."""

AnyArray: TypeAlias = Any
"""An array of whichever engine runs: NumPy's, CuPy's, or a value that is being traced into an ONNX graph.

They share no base class; what they have in common is `.shape`, `.ndim` and the operators.
"""
